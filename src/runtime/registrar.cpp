// SPDX-License-Identifier: Apache-2.0

#include "registrar.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "lookup.hpp"
#include "reach.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::detail {

namespace {

constexpr std::array<std::string_view, 6> methods{"find_actor",       "wait_for_actor", "register_actor",
                                                  "unregister_actor", "delete_addr",    "get_registry"};

discovery::registry& own_table() { return current_actor().directory().table(); }

// The changes that a watcher has not taken yet: at most one an actor, its latest.
class backlog final : public discovery::registry_observer {
 public:
  backlog(discovery::registry& of, std::string prefix) : of_(of), prefix_(std::move(prefix)) { of_.attach(*this); }
  ~backlog() override { of_.detach(*this); }

  void registered(const discovery::registered_actor& who) noexcept override { note(who, true); }
  void removed(const discovery::registered_actor& who) noexcept override { note(who, false); }

  sc::task<registered_event> next() {
    if (lagged_)
      throw error("this watch has not taken " + std::to_string(watch_backlog_max) + " changes of the registry (watch_backlog_max)",
                  error_category::overloaded);
    while (waiting_.empty()) co_await changed_.park("a change in the registry");
    registered_event first = std::move(waiting_.front());
    waiting_.pop_front();
    co_return first;
  }

 private:
  void note(const discovery::registered_actor& who, bool is_there) noexcept {
    if (!who.name.starts_with(prefix_)) return;
    // The last word of that actor: what it said before is taken back only by what it says now.
    const auto known = std::ranges::find(waiting_.rbegin(), waiting_.rend(), who.uuid, &registered_event::uuid);
    if (known != waiting_.rend() && is_there && known->is_there) {
      known->addrs = who.addrs;
    } else if (waiting_.size() >= watch_backlog_max) {
      lagged_ = true;
    } else {
      waiting_.push_back({.is_there = is_there, .name = who.name, .uuid = who.uuid, .addrs = who.addrs});
      changed_.unpark_all();
    }
  }

  discovery::registry& of_;
  std::string prefix_;
  std::deque<registered_event> waiting_;
  bool lagged_ = false;
  sc::parking_lot changed_;
};

// Tells one task that somebody of a name is there.
class arrival final : public discovery::registry_observer {
 public:
  arrival(discovery::registry& of, std::string_view name) : of_(of), name_(name) { of_.attach(*this); }
  ~arrival() override { of_.detach(*this); }
  void registered(const discovery::registered_actor& who) noexcept override {
    if (who.name == name_ || who.uuid == name_) there_.set();
  }
  void removed(const discovery::registered_actor&) noexcept override {}
  sc::task<> wait() { co_await there_.wait(); }

 private:
  discovery::registry& of_;
  std::string_view name_;
  sc::event there_;
};

// Whether nobody is at that address, or another one than the actor that is registered there.
sc::task<bool> has_left(std::string uuid, ipc::address where) {
  actor& self = current_actor();
  if (uuid == self.uid().uuid) co_return false;
  bool left = false;
  co_await sc::move_on_after(registry_probe_attempt_timeout, [&]() -> sc::task<> {
    const auto is_meant = [&](const peer& there) { return there.remote_uid().uuid == uuid; };
    const auto found = co_await reach(self, {where}, is_meant, "the actor that is registered there");
    left = found.link == nullptr && found.failures.back().has_left;
    if (found.link != nullptr) hang_up(self, *found.link, "the registrar knows by now who is there");
  });
  co_return left;
}

void define(module_builder& mod) {
  mod.def<&find_in_registry>("find_actor", "name");
  mod.def<&wait_in_registry>("wait_for_actor", "name");
  mod.def<&delete_from_registry>("delete_addr", "addr");
  mod.def<&list_registry>("get_registry");
  mod.def<&watch_registry>("watch_actors", "prefix");
}

constexpr module_record record{registrar_module.data(), __FILE__, &define};

}  // namespace

bool is_registrar_method(std::string_view name) noexcept { return std::ranges::find(methods, name) != methods.end(); }

void define_registrar() { register_modules(&record, &record + 1); }

sc::task<std::optional<std::vector<ipc::address>>> find_in_registry(std::string name) {
  discovery::registry& table = own_table();
  const auto* found = table.find(name);
  if (found == nullptr) {
    co_await current_actor().directory().settled();
    found = table.find(name);
  }
  if (found == nullptr) co_return std::nullopt;
  co_return found->addrs;
}

sc::task<std::vector<ipc::address>> wait_in_registry(std::string name) {
  discovery::registry& table = own_table();
  for (;;) {
    auto found = table.addresses_of(name);
    if (const auto* const one = table.find(name); found.empty() && one != nullptr) found = one->addrs;  // by its uuid
    if (!found.empty()) co_return found;
    arrival here(table, name);
    co_await here.wait();  // and it may be gone again
  }
}

// Who asks may be where that address leads to nobody, or to somebody else, so the registrar looks for itself.
sc::task<std::optional<msg::uid>> delete_from_registry(ipc::address addr) {
  discovery::registry& table = own_table();
  const auto* const holder = table.holder_of(addr);
  if (holder == nullptr) co_return std::nullopt;
  const std::string uuid = holder->uuid;
  if (!co_await has_left(uuid, addr)) co_return std::nullopt;
  const auto* const now = table.holder_of(addr);
  if (now == nullptr || now->uuid != uuid) co_return std::nullopt;  // registered anew meanwhile
  co_return table.remove_address(addr);
}

sc::task<msg::ordered_map<std::string, std::vector<ipc::address>>> list_registry() {
  co_await current_actor().directory().settled();
  msg::ordered_map<std::string, std::vector<ipc::address>> all;
  for (const auto& who : own_table().actors()) all.append(who.name + "." + who.uuid, who.addrs);
  co_return all;
}

sc::generator<registered_event> watch_registry(std::string prefix) {
  discovery::registry& table = own_table();
  // A successor's table is not complete at first: what is missing comes as it registers again.
  co_await current_actor().directory().settled();
  backlog changes(table, prefix);
  for (auto& who : table.with_prefix(prefix))
    co_yield {.is_there = true, .is_snapshot = true, .name = who.name, .uuid = who.uuid, .addrs = std::move(who.addrs)};
  co_yield {.is_there = true, .is_snapshot = true};
  for (;;) co_yield co_await changes.next();
}

}  // namespace tractor::detail
