// SPDX-License-Identifier: Apache-2.0
//
// Portals to an address at which somebody listens who says nothing.

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <string>

#include "tests/sc/sc_test.hpp"
#include "tractor/tractor.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;

// What `reach(address)` throws for the address of a listener that never accepts.
void against_silence(const std::function<sc::task<>(ipc::address)>& reach,
                     const std::function<void(std::exception_ptr, std::string)>& check) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto silent = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
          std::exception_ptr thrown;
          try {
            co_await reach(silent->local());
          } catch (const tractor::error&) {
            thrown = std::current_exception();
          }
          check(thrown, silent->local().text());
        },
        {.handle_signals = false});
  });
}

sc::task<> open_portal(ipc::address to) {
  co_await tractor::open_portal(std::move(to), [](tractor::portal&) -> sc::task<> {
    ADD_FAILURE() << "opened";
    co_return;
  });
}

// S-RT-12
TEST(server, portal_to_a_silent_listener_is_transport_closed) {
  against_silence(open_portal, [](const std::exception_ptr& thrown, const std::string& address) {
    EXPECT_EQ("TransportClosed", tractor::wire_type_name(thrown));
    EXPECT_EQ("who listens at " + address + " did not say within 10000 ms who it is (handshake_timeout)", sc::describe(thrown));
  });
}

TEST(server, portal_within_a_shorter_deadline_is_too_slow) {
  const auto within_a_second = [](ipc::address to) -> sc::task<> { co_await sc::fail_after(1s, [&] { return open_portal(to); }); };
  against_silence(within_a_second,
                  [](const std::exception_ptr& thrown, const std::string&) { EXPECT_EQ("TooSlowError", tractor::wire_type_name(thrown)); });
}

}  // namespace
