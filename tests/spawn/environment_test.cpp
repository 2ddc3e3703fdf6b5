// SPDX-License-Identifier: Apache-2.0
//
// Environments as packed bytes.

#include "spawn/environment.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

using namespace tractor::spawn;
using namespace tractor::spawn::detail;

namespace {

struct block {
  explicit block(std::vector<std::string> variables) : owned(std::move(variables)) {
    for (std::string& variable : owned) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
  }
  std::vector<std::string> owned;
  std::vector<char*> pointers;
};

std::multiset<std::string> names_and_values(const std::vector<char*>& pointers) {
  std::multiset<std::string> found;
  for (const char* variable : pointers)
    if (variable != nullptr) found.insert(variable);
  return found;
}

TEST(environment_test, packed_block_unpacks_to_the_same) {
  const block some({"A=1", "EMPTY=", "B=x=y"});

  std::string packed = pack_environment(some.pointers.data());

  EXPECT_TRUE(same_environment(packed, some.pointers.data()));
  const auto unpacked = environment_pointers(packed);
  EXPECT_EQ(nullptr, unpacked.back());
  EXPECT_TRUE(same_environment(packed, unpacked.data()));
  EXPECT_EQ(names_and_values(some.pointers), names_and_values(unpacked));
}

TEST(environment_test, any_difference_is_seen) {
  const std::string packed = pack_environment(block({"A=1", "B=2"}).pointers.data());
  for (const auto& other :
       {block({"A=1"}), block({"A=1", "B=3"}), block({"A=1", "B=2", "C="}), block({"A=1", "B=22"}), block({"B=2", "A=1"}), block({})})
    EXPECT_FALSE(same_environment(packed, other.pointers.data()));
  EXPECT_TRUE(same_environment("", nullptr));
  EXPECT_FALSE(same_environment(packed, nullptr));
  EXPECT_TRUE(pack_environment(nullptr).empty());
}

TEST(environment_test, overrides_replace_add_and_remove) {
  const block base({"KEEP=1", "CHANGE=old", "DROP=x", "DROPPED_NOT=1"});
  const std::vector<environment_override> overrides{
      {"CHANGE", "new"}, {"DROP", std::nullopt}, {"ADD", ""}, {"ABSENT", std::nullopt}, {"CHANGE", "newest"}};

  std::string packed = pack_overrides(overrides);
  const auto result = apply_overrides(base.pointers.data(), packed);

  EXPECT_EQ(nullptr, result.back());
  EXPECT_EQ((std::multiset<std::string>{"KEEP=1", "CHANGE=newest", "DROPPED_NOT=1", "ADD="}), names_and_values(result));
}

TEST(environment_test, no_overrides_leave_the_base) {
  const block base({"A=1"});
  std::string none;
  EXPECT_EQ(names_and_values(base.pointers), names_and_values(apply_overrides(base.pointers.data(), none)));
}

}  // namespace
