// SPDX-License-Identifier: Apache-2.0

#include "tractor/discovery/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

namespace ipc = tractor::ipc;
namespace msg = tractor::msg;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using tractor::discovery::registered_actor;
using tractor::discovery::registry;
using tractor::discovery::registry_observer;

ipc::address file(const std::string& name) { return ipc::uds_address{.dir = "/run/t", .file = name}; }
msg::uid who(const std::string& name, const std::string& uuid) { return {.name = name, .uuid = uuid}; }

std::vector<std::string> uuids(const std::vector<registered_actor>& actors) {
  std::vector<std::string> found;
  for (const auto& actor : actors) found.push_back(actor.uuid);
  return found;
}

std::string found_by(const registry& table, std::string_view name_or_uuid) {
  const auto* found = table.find(name_or_uuid);
  return found != nullptr ? found->uuid : "nobody";
}

// S-REG-4
TEST(registry, last_of_a_name_is_found_and_a_uuid_exactly) {
  registry table;
  EXPECT_EQ("nobody", found_by(table, "a"));
  table.add(who("a", "1"), file("one"), nullptr);
  table.add(who("a", "2"), file("two"), nullptr);
  EXPECT_EQ("2", found_by(table, "a"));
  EXPECT_EQ("1", found_by(table, "1"));
  table.add(who("a", "1"), file("one more"), nullptr);  // is no newer for that
  EXPECT_EQ("2", found_by(table, "a"));
  table.remove("2");
  EXPECT_EQ("1", found_by(table, "a"));
  EXPECT_EQ(1U, table.size());
}

TEST(registry, name_that_is_the_uuid_of_another_takes_nothing_from_it) {
  registry table;
  table.add(who("victim", "1"), file("one"), nullptr);
  table.add(who("1", "2"), file("two"), nullptr);
  EXPECT_EQ("1", found_by(table, "1"));
}

// S-REG-3
TEST(registry, address_is_of_who_registers_it_last) {
  registry table;
  table.add(who("a", "1"), file("x"), nullptr);
  table.add(who("a", "1"), file("y"), nullptr);
  table.add(who("b", "2"), file("x"), nullptr);
  EXPECT_THAT(table.find("a")->addrs, ElementsAre(file("y")));
  table.add(who("b", "2"), file("y"), nullptr);
  EXPECT_EQ("nobody", found_by(table, "a"));
  EXPECT_THAT(table.find("b")->addrs, ElementsAre(file("x"), file("y")));
}

// S-REG-5
TEST(registry, addresses_of_a_name_are_those_of_all_who_have_it) {
  registry table;
  table.add(who("a", "1"), file("one"), nullptr);
  table.add(who("b", "2"), file("two"), nullptr);
  table.add(who("a", "3"), file("three"), nullptr);
  EXPECT_THAT(table.addresses_of("a"), ElementsAre(file("three"), file("one")));
  EXPECT_TRUE(table.addresses_of("1").empty());
}

// S-REG-6
TEST(registry, removal_tells_whose_it_was) {
  registry table;
  table.add(who("a", "1"), file("x"), nullptr);
  table.add(who("a", "1"), file("y"), nullptr);
  EXPECT_EQ(who("a", "1"), table.remove_address(file("x")));
  EXPECT_EQ(std::nullopt, table.remove_address(file("x")));
  EXPECT_EQ("1", found_by(table, "a"));
  EXPECT_EQ(who("a", "1"), table.remove_address(file("y")));
  EXPECT_EQ("nobody", found_by(table, "a"));
  EXPECT_EQ(std::nullopt, table.remove("1"));
}

TEST(registry, entries_go_with_their_owner) {
  registry table;
  const int one = 0, other = 0;
  table.add(who("a", "1"), file("1"), &one);
  table.add(who("b", "2"), file("2"), &one);
  table.add(who("c", "3"), file("3"), &other);
  table.add(who("d", "4"), file("4"), nullptr);
  EXPECT_THAT(uuids(table.leased()), ElementsAre("4"));
  table.add(who("b", "2"), file("2"), &other);  // it is answered for by another one now
  EXPECT_THAT(table.remove_owned_by(&one), ElementsAre(who("a", "1")));
  EXPECT_TRUE(table.remove_owned_by(&one).empty());
  EXPECT_THAT(uuids(table.owned_by(&other)), UnorderedElementsAre("2", "3"));
  EXPECT_THAT(table.remove_owned_by(&other), UnorderedElementsAre(who("b", "2"), who("c", "3")));
  EXPECT_EQ(1U, table.size());
}

TEST(registry, group_is_who_has_the_prefix) {
  registry table;
  for (const auto* name : {"worker.2", "work", "worker.1", "x"}) table.add(who(name, std::string("id of ") + name), file(name), nullptr);
  EXPECT_THAT(uuids(table.with_prefix("worker.")), ElementsAre("id of worker.1", "id of worker.2"));
  EXPECT_EQ(4U, table.with_prefix("").size());
  EXPECT_TRUE(table.with_prefix("y").empty());
}

TEST(registry, addresses_of_an_actor_are_bounded) {
  registry table;
  for (std::size_t i = 0; i <= tractor::discovery::addresses_per_actor_max; ++i) table.add(who("a", "1"), file(std::to_string(i)), nullptr);
  EXPECT_EQ(tractor::discovery::addresses_per_actor_max, table.find("a")->addrs.size());
  EXPECT_EQ(std::nullopt, table.remove_address(file("0")));
}

class notes final : public registry_observer {
 public:
  void registered(const registered_actor& who) noexcept override { seen.push_back("+" + who.uuid); }
  void removed(const registered_actor& who) noexcept override { seen.push_back("-" + who.uuid); }
  std::vector<std::string> seen;
};

TEST(registry, observer_is_told_of_each_change) {
  registry table;
  notes told;
  table.attach(told);
  table.add(who("a", "1"), file("x"), nullptr);
  table.add(who("b", "2"), file("x"), nullptr);
  table.remove("2");
  table.detach(told);
  table.add(who("c", "3"), file("x"), nullptr);
  EXPECT_THAT(told.seen, ElementsAre("+1", "-1", "+2", "-2"));
}

}  // namespace
