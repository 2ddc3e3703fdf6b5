// SPDX-License-Identifier: Apache-2.0
//
// The order that strong_lock promises, with tasks that try to get in between under every seed.

#include "tractor/sc/strong_lock.hpp"

#include <algorithm>
#include <type_traits>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

TEST(strong_lock, is_the_lock) { static_assert(std::is_same_v<sc::strong_lock, sc::lock>); }

TRACTOR_TEST(strong_lock, order_of_arrival_is_the_order_of_holding_also_with_many_at_once) {
  sc::strong_lock lock;
  std::vector<int> arrived, held;
  co_await sc::open_nursery([&](nursery& n) {
    for (int id = 0; id < 8; ++id)
      n.start_soon([&, id]() -> task<> {
        for (int round = 0; round < 5; ++round) {
          arrived.push_back(id);
          const auto guard = co_await lock.hold();
          held.push_back(id);
          co_await sc::checkpoint();
        }
      });
  });
  EXPECT_EQ(held.size(), 40u);
  EXPECT_EQ(held, arrived);
}

}  // namespace
