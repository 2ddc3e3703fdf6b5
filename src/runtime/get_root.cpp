// SPDX-License-Identifier: Apache-2.0
//
// Portals to the actors that every tree has: its root, and who is the registrar.

#include "lookup.hpp"
#include "reach.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/server.hpp"

namespace tractor::detail {

actor::root_place root_of(const actor& self) {
  if (!self.is_root()) return self.root();
  actor::root_place own{.who = self.uid(), .addrs = {}};
  for (const auto& listener : self.listeners()) own.addrs.push_back(listener->local());
  return own;
}

namespace {

// Throws why the last of them was none.
sc::task<std::shared_ptr<peer>> reach_or_throw(actor& self, std::vector<ipc::address> addrs, std::function<bool(const peer&)> is_meant,
                                               std::string whom) {
  TRACTOR_ASSERT(!addrs.empty(), "nobody to reach");
  const auto reached = co_await reach(self, std::move(addrs), std::move(is_meant), std::move(whom));
  if (reached.link == nullptr) std::rethrow_exception(reached.failures.back().why);
  co_return reached.link;
}

}  // namespace

sc::task<> with_root(std::function<sc::task<>(portal&)> body) {
  actor& self = current_actor();
  const actor::root_place root = root_of(self);
  if (const auto parent = self.parent(); parent != nullptr && parent->remote_uid() == root.who) {
    portal there(parent);
    co_await body(there);
    co_return;
  }
  if (root.addrs.empty())
    throw runtime_failure("the root actor " + msg::quoted(root.who.name) +
                          " of this tree listens nowhere, so that only those that it has started reach it");
  const auto is_root = [&](const peer& there) { return there.remote_uid() == root.who; };
  const auto link = co_await reach_or_throw(self, by_distance(root.addrs, nullptr), is_root, "the root of this tree");
  co_await use_portal(self, link, std::move(body));
}

sc::task<> with_registrar(find_options options, std::function<sc::task<>(portal&)> body) {
  actor& self = current_actor();
  // A peer of the reference need not say: it may be one.
  const auto is_registrar = [](const peer& there) { return there.remote_aid()->is_registrar.value_or(true); };
  auto addrs = co_await registrars_for(self.directory(), std::move(options.registry_addrs));
  const auto link = co_await reach_or_throw(self, std::move(addrs), is_registrar, "a registrar");
  co_await use_portal(self, link, std::move(body));
}

}  // namespace tractor::detail
