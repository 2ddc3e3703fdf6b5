// SPDX-License-Identifier: Apache-2.0
//
// Does a listener of one's own keep the contract of sc::listener? This check tries: whoever connects is accepted, once; waiting and waking,
// one task at a time, cancellation before and while it waits, and what closing does to either side.
//
//     TRACTOR_TEST(my_listener, keeps_the_contract) {
//       co_await testing::check_listener([]() -> sc::task<std::unique_ptr<my_listener>> { co_return std::make_unique<my_listener>(); },
//                                        [](my_listener& to) { return to.connect(); });
//     }
//
// It makes as many listeners as it needs, one after the other, and throws check_failed, which says what was expected, at the first
// fault. It works on real and on virtual clocks. It waits for what is to come: a listener that forgets somebody is a deadlock_error on a
// virtual clock, and on a real one a wait that lasts until it is cancelled.

#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/listener.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::testing {

using listener_maker = std::function<sc::task<std::unique_ptr<sc::listener>>()>;
// Need not wait until it is accepted, may throw when the listener is closed.
using connector = std::function<sc::task<std::unique_ptr<sc::byte_stream>>(sc::listener& to)>;

namespace detail {
[[nodiscard]] TRACTOR_API sc::task<> check_any_listener(listener_maker make, connector connect);

template <class Listener>
std::type_identity<Listener> made_by(const sc::task<std::unique_ptr<Listener>>& task);
}  // namespace detail

// `make` gives a task of a unique_ptr to a listener of whatever type, to which `connect` is given a reference; that gives a task of a
// unique_ptr to the client's stream.
template <class Make, class Connect>
[[nodiscard]] sc::task<> check_listener(Make make, Connect connect) {
  using made = typename decltype(detail::made_by(make()))::type;
  return detail::check_any_listener([make]() mutable -> sc::task<std::unique_ptr<sc::listener>> { co_return co_await make(); },
                                    [connect](sc::listener& to) mutable -> sc::task<std::unique_ptr<sc::byte_stream>> {
                                      co_return co_await connect(static_cast<made&>(to));
                                    });
}

}  // namespace tractor::testing
