// SPDX-License-Identifier: Apache-2.0
//
// A publisher whose values can be copied only now and then.

#include <new>

#include "crew.hpp"
#include "tractor/trionics/publisher.hpp"

namespace trionics_test {
namespace {

using tractor::trionics::live_topics;
using tractor::trionics::published;

// A value of which only so many more copies can be made; negative: any number.
struct fragile {
  int number = 0;
  static inline int copies_left = -1;
  explicit fragile(int n) : number(n) {}
  fragile(const fragile& other) : number(other.number) {
    if (copies_left < 0) return;
    if (copies_left-- == 0) throw std::bad_alloc();
  }
  fragile(fragile&&) noexcept = default;
};
sc::generator<std::map<std::string, fragile>> fragile_numbers(live_topics, int from) {
  for (int i = from;; ++i) {
    std::map<std::string, fragile> all;
    all.emplace("a", i);
    co_yield std::move(all);
    co_await sc::sleep(1ms);
  }
}

// A value whose copy fails reaches nobody: there is no gap that only some have.
TRACTOR_TEST(publisher, value_that_cannot_be_copied_is_nobodys) {
  co_await tractor::open_root_actor(
      []() -> task<> {
        co_await sc::open_nursery([](nursery& n) -> task<> {
          bool failed = false;
          int last = -1;
          n.start_soon([&]() -> task<> {
            try {
              co_await sc::aclosing(published<&fragile_numbers>({"a"}, 0), [&](auto& values) -> task<> {
                while (const auto value = co_await values.next()) last = value->at("a").number;
              });
            } catch (const std::bad_alloc&) {
              failed = true;
            }
          });
          co_await settle();
          co_await sc::aclosing(published<&fragile_numbers>({"a"}, 100), [&](auto& values) -> task<> {
            const int before = (co_await values.next())->at("a").number;
            fragile::copies_left = 1;  // the feeder's, and then not this one's
            EXPECT_EQ((co_await values.next())->at("a").number, 100) << "from an instance of its own";
            EXPECT_TRUE(failed);
            EXPECT_EQ(last, before) << "nor had the feeder got it";
          });
          n.cancel("seen");
        });
      },
      {.handle_signals = false});
}

}  // namespace
}  // namespace trionics_test
