// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/control.hpp"

#include "dump.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/sc/task_tree.hpp"

namespace tractor::detail {

namespace {

sc::task<actor_status> status() {
  actor& self = current_actor();
  actor_status now{.name = self.name(), .uuid = self.uid().uuid, .pid = self.aid().pid.value_or(0)};
  if (const auto parent = self.parent()) {
    now.parent_uuid = parent->remote_uid().uuid;
    if (const auto& aid = parent->remote_aid()) now.parent_pid = aid->pid;
  }
  now.is_registrar = self.aid().is_registrar.value_or(false);
  now.cancel_called = self.cancel_called();
  now.running_calls = self.running_calls() - 1;  // this one
  now.peers = self.peer_count();
  now.modules = self.modules();
  for (const auto& listener : self.listeners()) now.addrs.push_back(listener->local());
  if (self.has_directory()) now.registry_addrs = self.directory().registry_addrs();
  for (const auto& connected : self.peers())
    if (connected->is_child())
      now.children.push_back({.name = connected->remote_uid().name,
                              .uuid = connected->remote_uid().uuid,
                              .pid = connected->remote_aid() ? connected->remote_aid()->pid.value_or(0) : 0});
  co_return now;
}

sc::task<std::string> task_tree(bool json) {
  const sc::task_info tree = sc::task_tree();
  co_return json ? sc::to_json(tree) : sc::to_text(tree);
}

// Of the modules that this actor exposes.
sc::task<std::vector<function_description>> describe() {
  std::vector<function_description> found;
  for (const auto& module : current_actor().modules()) {
    auto functions = describe_module(module);
    std::move(functions.begin(), functions.end(), std::back_inserter(found));
  }
  co_return found;
}

// As SIGUSR1 does.
sc::task<> dump() {
  dump_and_pass_on(current_actor());
  co_return;
}

void define(module_builder& mod) {
  mod.def<&status>("status");
  mod.def<&task_tree>("task_tree", "json");
  mod.def<&describe>("describe");
  mod.def<&dump>("dump");
}

constexpr module_record record{control_module.data(), __FILE__, &define};

}  // namespace

void define_control() { register_modules(&record, &record + 1); }

}  // namespace tractor::detail
