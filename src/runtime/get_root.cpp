// SPDX-License-Identifier: Apache-2.0
//
// Portals to the actors that every tree has: its root, and who is the registrar.

#include "lookup.hpp"
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
  std::shared_ptr<peer> link;
  std::exception_ptr failed;
  for (const auto& where : by_distance(root.addrs, nullptr)) {
    try {
      link = co_await connect_peer(self, where);
      if (link->remote_uid() == root.who) break;
      // Somebody else has that address by now.
      const auto stranger =
          std::make_exception_ptr(transport_closed("who listens at " + where.text() + " is not this tree's root any more"));
      link->fail(stranger);
      self.remove_peer(*link);
      link = nullptr;
      failed = stranger;
    } catch (const error&) {
      failed = std::current_exception();
    }
  }
  if (link == nullptr) std::rethrow_exception(std::exchange(failed, nullptr));
  co_await use_portal(self, link, std::move(body));
}

sc::task<> with_registrar(find_options options, std::function<sc::task<>(portal&)> body) {
  actor& self = current_actor();
  std::shared_ptr<peer> link;
  std::exception_ptr failed;
  for (const auto& where : co_await registrars_for(self.directory(), std::move(options.registry_addrs))) {
    try {
      link = co_await connect_peer(self, where);
      break;
    } catch (const error&) {
      failed = std::current_exception();
    }
  }
  if (link == nullptr) std::rethrow_exception(std::exchange(failed, nullptr));
  co_await use_portal(self, link, std::move(body));
}

}  // namespace tractor::detail
