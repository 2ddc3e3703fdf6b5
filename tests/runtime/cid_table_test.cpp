// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/cid_table.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <string>

namespace runtime_test {
namespace {

using tractor::detail::cid_table;

TEST(cid_table_test, empty_one_has_nothing) {
  cid_table<int> table(20261124);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(nullptr, table.find("a"));
  table.erase("a");
  table.for_each([](int) { ADD_FAILURE(); });
}

TEST(cid_table_test, taken_cid_stays_as_it_is) {
  cid_table<int> table(20261124);
  EXPECT_TRUE(table.insert("a", 1));
  EXPECT_FALSE(table.insert("a", 2));
  ASSERT_NE(nullptr, table.find("a"));
  EXPECT_EQ(1, *table.find("a"));
  EXPECT_EQ(1U, table.size());
}

TEST(cid_table_test, empty_cid_is_one) {
  cid_table<int> table(20261124);
  EXPECT_TRUE(table.insert("", 1));
  ASSERT_NE(nullptr, table.find(""));
  EXPECT_EQ(nullptr, table.find(std::string_view("\0", 1)));
  table.erase("");
  EXPECT_TRUE(table.empty());
}

// Two words of a cid are changed so that in a hash of multiply and xor-shift the second change undoes the first, whatever the seed: from
// ten such pairs of words come 1,024 cids.
TEST(cid_table_test, cids_cannot_be_chosen_to_collide) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{20261124}, ~std::uint64_t{0}}) {
    const cid_table<int> table(seed);
    std::set<std::uint64_t> hashes;
    for (unsigned choice = 0; choice < 1024; ++choice) {
      std::array<std::uint64_t, 20> words{};
      for (std::size_t pair = 0; pair < 10; ++pair) {
        if ((choice >> pair & 1U) == 0) continue;
        words[2 * pair] = std::uint64_t{1} << 63;
        words[2 * pair + 1] = std::uint64_t{1} << 63 | std::uint64_t{1} << 31;
      }
      hashes.insert(table.hash({reinterpret_cast<const char*>(words.data()), sizeof words}));
    }
    EXPECT_EQ(1024U, hashes.size()) << seed;
  }
}

// Against std::map: growing, shrinking, growing again. Few enough names that most removals close a gap in a run of entries.
TEST(cid_table_test, does_what_a_map_does) {
  std::mt19937 random(20261124);
  std::map<std::string, int> names;  // own the characters
  for (int i = 0; i < 600; ++i) names.emplace("cid-" + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 40, 'x'), 0);
  cid_table<int> table(20261124);
  std::map<std::string_view, int> model;
  for (int step = 0; step < 60'000; ++step) {
    const auto& name = std::next(names.begin(), static_cast<std::ptrdiff_t>(random() % names.size()))->first;
    const bool grows = (step / 6'000) % 2 == 0;
    if (random() % 10 < (grows ? 7U : 3U)) {
      EXPECT_EQ(model.emplace(name, step).second, table.insert(name, step));
    } else {
      model.erase(name);
      table.erase(name);
    }
    ASSERT_EQ(model.size(), table.size());
    const auto& other = std::next(names.begin(), static_cast<std::ptrdiff_t>(random() % names.size()))->first;
    const auto expected = model.find(other);
    const int* const found = table.find(other);
    ASSERT_EQ(expected != model.end(), found != nullptr) << other;
    if (found != nullptr) ASSERT_EQ(expected->second, *found);
  }
  std::size_t visited = 0;
  table.for_each([&](int) { ++visited; });
  EXPECT_EQ(model.size(), visited);
  for (const auto& [name, number] : model) table.erase(name);
  EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace runtime_test
