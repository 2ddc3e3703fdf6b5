// SPDX-License-Identifier: Apache-2.0
//
// Managers that fail, or do not keep to their contract: which one it was, and that the body goes before its values do.

#include "tractor/trionics/manager.hpp"

#include <stdexcept>

#include "tractor/trionics/gather_contexts.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::gather_contexts;
using tractor::trionics::inside;
using tractor::trionics::manager;

task<> good(inside<int> body) {
  int own = 1;
  co_await body(own);
}

TRACTOR_TEST(manager, that_never_enters_is_named) {
  std::vector<manager<int>> managers{good, [](inside<int>) -> task<> { co_await sc::sleep(1s); }};

  const auto error =
      co_await caught([&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_return; }); });

  EXPECT_THAT(text_of(error), HasSubstr("tractor::usage_error: gather_contexts at "));
  EXPECT_THAT(text_of(error), HasSubstr("manager 2 of 2 ended without having entered"));
}

TRACTOR_TEST(manager, that_leaves_early_is_named_and_the_body_is_cancelled_first) {
  bool body_ended = false;
  bool ended_first = false;
  std::vector<manager<int>> managers{[&](inside<int> body) -> task<> {
    int own = 1;
    co_await sc::move_on_after(1s, [&] { return body(own); });
    ended_first = body_ended;
  }};

  const auto error = co_await caught([&] {
    return gather_contexts(std::move(managers), [&](std::span<int* const>) -> task<int> {
      co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); },
                           [&]() -> task<> {
                             co_await sc::sleep(1s);
                             body_ended = true;
                           });
      co_return 1;
    });
  });

  EXPECT_THAT(text_of(error), HasSubstr("manager 1 of 1 left before the body had ended"));
  EXPECT_TRUE(ended_first);
}

TRACTOR_TEST(manager, that_fails_in_the_middle_ends_the_body_with_its_error) {
  std::vector<manager<int>> managers{[](inside<int> body) -> task<> {
    int own = 1;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      n.start_soon([]() -> task<> {
        co_await sc::sleep(1s);
        throw std::runtime_error("lost the connection");
      });
      co_await body(own);
    });
  }};

  const auto error = co_await caught(
      [&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_await sc::sleep_forever(); }); });

  EXPECT_EQ(text_of(error), "std::runtime_error: lost the connection");
  EXPECT_EQ(since_start(), 1s);
}

TRACTOR_TEST(manager, inside_is_awaited_once) {
  std::vector<manager<int>> managers{[](inside<int> body) -> task<> {
    int own = 1;
    co_await body(own);
    co_await body(own);
  }};

  const auto error =
      co_await caught([&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_return; }); });

  EXPECT_THAT(text_of(error), HasSubstr("manager 1 of 1 awaited its `inside` twice"));
}

}  // namespace
