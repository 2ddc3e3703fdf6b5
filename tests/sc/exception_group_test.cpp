// SPDX-License-Identifier: Apache-2.0
//
// Groups of errors: what they say, and that a group of one is its member.

#include "tractor/sc/exception_group.hpp"

#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

std::exception_ptr error(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }
std::exception_ptr group(std::vector<std::exception_ptr> members) {
  return std::make_exception_ptr(sc::exception_group("several", std::move(members)));
}

TEST(exception_group, text_names_title_count_types_and_messages) {
  const sc::exception_group both("errors in the nursery", {error("one"), std::make_exception_ptr(std::logic_error("two"))});

  EXPECT_STREQ(both.what(),
               "errors in the nursery (2 errors)\n"
               "  - std::runtime_error: one\n"
               "  - std::logic_error: two");
  EXPECT_EQ(both.title(), "errors in the nursery");
  EXPECT_EQ(both.exceptions().size(), 2u);
}

TEST(exception_group, nested_text_is_indented) {
  const sc::exception_group outer("outer", {group({error("a"), error("b")}), error("c")});
  EXPECT_TRUE(contains(outer.what(), "\n      - std::runtime_error: a")) << outer.what();
}

TEST(collapse, group_of_one_is_its_member_at_any_depth) {
  EXPECT_EQ(sc::describe(sc::collapse(group({group({group({error("deep")})})}))), "deep");
}

TEST(collapse, group_of_two_stays) {
  EXPECT_EQ(sc::type_name_of(sc::collapse(group({error("a"), error("b")}))), "tractor::sc::exception_group");
}

TEST(collapse, plain_error_stays) {
  const auto plain = error("x");
  EXPECT_EQ(sc::collapse(plain), plain);
}

TEST(throw_collapsed, one_error_is_thrown_itself) { EXPECT_THROW(sc::throw_collapsed("t", {error("x")}), std::runtime_error); }

TEST(throw_collapsed, single_member_groups_inside_are_unwrapped) {
  try {
    sc::throw_collapsed("t", {group({error("a")}), error("b")});
  } catch (const sc::exception_group& thrown) {
    EXPECT_EQ(sc::type_name_of(thrown.exceptions().front()), "std::runtime_error");
    return;
  }
  ADD_FAILURE() << "no group was thrown";
}

TEST(describe, knows_errors_strangers_and_nothing) {
  EXPECT_EQ(sc::describe(error("m")), "m");
  EXPECT_EQ(sc::describe(std::make_exception_ptr(42)), "unknown exception");
  EXPECT_EQ(sc::describe(nullptr), "no exception");
  EXPECT_EQ(sc::type_name_of(std::make_exception_ptr(42)), "int");
  EXPECT_EQ(sc::type_name_of(nullptr), "no exception");
}

TRACTOR_TEST(exception_group, of_nested_nurseries_is_nested) {
  std::string text;
  const auto fail = [](const char* what) -> task<> {
    co_await sc::cancel_shielded_checkpoint();
    throw std::runtime_error(what);
  };
  try {
    co_await sc::open_nursery([&](nursery& outer) {
      outer.start_soon([&]() -> task<> {
        co_await sc::open_nursery([&](nursery& inner) {
          inner.start_soon(fail, "a");
          inner.start_soon(fail, "b");
        });
      });
      outer.start_soon([]() -> task<> {
        co_await sc::shielded([]() -> task<> { co_await sc::sleep(1s); });
        throw std::runtime_error("c");
      });
    });
  } catch (const sc::exception_group& thrown) {
    text = thrown.what();
    EXPECT_EQ(thrown.exceptions().size(), 2u);
  }
  EXPECT_TRUE(contains(text, "a") && contains(text, "b") && contains(text, "c")) << text;
}

}  // namespace
