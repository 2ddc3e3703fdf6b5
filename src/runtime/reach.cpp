// SPDX-License-Identifier: Apache-2.0

#include "reach.hpp"

#include <utility>

#include "lookup.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::detail {

namespace {

sc::task<> try_one(actor& self, ipc::address where, const std::function<bool(const peer&)>& is_meant, const std::string& whom,
                   reach_result& into) {
  not_reached failure{.where = where, .why = nullptr, .has_left = true};
  try {
    const auto link = co_await connect_peer(self, where);
    if (into.link != nullptr) {
      hang_up(self, *link, "it has answered at another of its addresses");
      co_return;
    }
    if (is_meant(*link)) {
      into.link = link;
      co_return;
    }
    const std::string who = "actor " + msg::quoted(link->remote_uid().name) + ", who listens at " + where.text() + ", is not " + whom;
    failure.why = std::make_exception_ptr(transport_closed(who));
    hang_up(self, *link, who);
  } catch (const error&) {
    failure.why = std::current_exception();
    failure.has_left = is_nobody(failure.why);
  }
  into.failures.push_back(std::move(failure));
}

}  // namespace

void hang_up(actor& self, peer& link, std::string why) {
  link.fail(std::make_exception_ptr(transport_closed(std::move(why))));
  self.remove_peer(link);
}

sc::task<reach_result> reach(actor& self, std::vector<ipc::address> addrs, std::function<bool(const peer&)> is_meant, std::string whom) {
  reach_result result;
  if (addrs.size() == 1) {
    co_await try_one(self, addrs.front(), is_meant, whom, result);
    co_return result;
  }
  try {
    co_await sc::open_nursery([&](sc::nursery& attempts) -> sc::task<> {
      for (const auto& where : addrs) {
        const auto is_over = std::make_shared<sc::event>();
        attempts.start_soon({.name = "connecting to " + where.text()}, [&, where, is_over]() -> sc::task<> {
          co_await try_one(self, where, is_meant, whom, result);
          is_over->set();
          if (result.link != nullptr) attempts.cancel("the actor has answered at another of its addresses");
        });
        co_await sc::move_on_after(reach_stagger, [&]() -> sc::task<> { co_await is_over->wait(); });
      }
    });
  } catch (...) {
    if (result.link != nullptr) hang_up(self, *result.link, "who asked for it does not need it any more");
    throw;
  }
  co_return result;
}

}  // namespace tractor::detail
