// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/cid_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
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
