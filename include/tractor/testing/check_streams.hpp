// SPDX-License-Identifier: Apache-2.0
//
// Does a stream of one's own keep the contract of sc::byte_stream? These checks try: order and wholeness of what is sent,
// waiting and waking, one task at a time, the ends, closing from either side, cancellation at every point.
//
//     TRACTOR_TEST(my_stream, keeps_the_contract) {
//       co_await testing::check_half_closeable_stream([]() -> sc::task<testing::stream_pair> { co_return open_my_streams(); });
//     }
//
// Each check makes as many connected pairs as it needs, and throws check_failed, which says what was expected, at the first fault.
// They work on real and on virtual clocks. A pair must hold back a sender whose peer receives nothing after `clogging_bytes` at the
// latest.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/testing/check_failed.hpp"
#include "tractor/testing/check_listener.hpp"

namespace tractor::testing {

inline constexpr std::size_t clogging_bytes = std::size_t{64} << 20;

using stream_pair = std::pair<std::unique_ptr<sc::byte_stream>, std::unique_ptr<sc::byte_stream>>;
// Makes a pair that is connected.
using stream_maker = std::function<sc::task<stream_pair>()>;

// Of each pair, the first sends and the second receives.
[[nodiscard]] TRACTOR_API sc::task<> check_one_way_stream(stream_maker make);
// Both ends do both, also at the same time. Includes the one-way checks in both directions.
[[nodiscard]] TRACTOR_API sc::task<> check_two_way_stream(stream_maker make);
// And send_eof ends one direction only. Includes the two-way checks.
[[nodiscard]] TRACTOR_API sc::task<> check_half_closeable_stream(stream_maker make);

}  // namespace tractor::testing
