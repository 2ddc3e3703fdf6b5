// SPDX-License-Identifier: Apache-2.0
//
// Many scopes at once: entered side by side, left side by side, and what an error in one of them does to the others.

#include "tractor/trionics/gather_contexts.hpp"

#include <stdexcept>

#include "tractor/base/error.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::gather_contexts;
using tractor::trionics::inside;
using tractor::trionics::manager;

struct diary {
  std::vector<std::string> lines;
  void note(const std::string& what) { lines.push_back(what); }
};

// Enters and leaves in its own time, and writes down how it left.
template <class T>
manager<T> timed(diary& book, std::string name, sc::duration entry, sc::duration exit, T value) {
  return [&book, name, entry, exit, value](inside<T> body) -> task<> {
    co_await sc::sleep(entry);
    T own = value;
    bool complete = false;
    const auto leave = [&]() -> task<> {
      co_await sc::sleep(exit);
      book.note(name + (complete ? " left" : " was cut off"));
    };
    co_await sc::finally(
        [&]() -> task<> {
          co_await body(own);
          complete = true;
        },
        leave);
  };
}

// S-TRI-1
TRACTOR_TEST(gather_contexts, all_enter_at_once_and_leave_at_once_with_values_in_order) {
  diary book;
  std::vector<manager<int>> managers{timed(book, "slow", 3s, 1s, 1), timed(book, "fast", 1s, 3s, 2), timed(book, "middle", 2s, 2s, 3)};

  const auto given = co_await gather_contexts(std::move(managers), [](std::span<int* const> values) -> task<std::string> {
    EXPECT_EQ(since_start(), 3s);
    std::string text;
    for (const int* each : values) text += std::to_string(*each);
    co_return text;
  });

  EXPECT_EQ(given, "123");
  EXPECT_EQ(since_start(), 6s);
  EXPECT_THAT(book.lines, ElementsAre("slow left", "middle left", "fast left"));
}

// S-TRI-1
TRACTOR_TEST(gather_contexts, managers_of_different_types) {
  diary book;
  std::tuple managers{timed<int>(book, "number", 1s, 0s, 6), timed<std::string>(book, "text", 2s, 0s, "x")};

  const auto length = co_await gather_contexts(std::move(managers), [](int& number, std::string& text) -> task<std::size_t> {
    text.append(static_cast<std::size_t>(number), 'y');
    co_return text.size();
  });

  EXPECT_EQ(length, 7u);
  EXPECT_THAT(book.lines, UnorderedElementsAre("number left", "text left"));
}

// S-TRI-2
// Reference: clu::test_empty_mngrs_input_raises.
TRACTOR_TEST(gather_contexts, no_managers_are_an_invalid_argument) {
  bool ran = false;
  const auto error = co_await caught([&] {
    return gather_contexts(std::vector<manager<int>>{}, [&](std::span<int* const>) -> task<> {
      ran = true;
      co_return;
    });
  });

  EXPECT_THAT(text_of(error), HasSubstr("std::invalid_argument: gather_contexts at "));
  EXPECT_THAT(text_of(error), HasSubstr("was given no managers"));
  EXPECT_FALSE(ran);
}

// S-TRI-3
TRACTOR_TEST(gather_contexts, error_of_the_body_makes_all_leave_and_goes_on_as_itself) {
  diary book;
  std::vector<manager<int>> managers{timed(book, "a", 0s, 1s, 1), timed(book, "b", 0s, 2s, 2)};

  const auto error = co_await caught([&] {
    return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> {
      co_await sc::checkpoint();
      throw std::runtime_error("in the body");
    });
  });

  EXPECT_EQ(text_of(error), "std::runtime_error: in the body");
  EXPECT_THAT(book.lines, ElementsAre("a was cut off", "b was cut off"));
}

// S-TRI-1, S-TRI-3
TRACTOR_TEST(gather_contexts, error_of_an_entry_cancels_the_others_and_the_body_never_runs) {
  diary book;
  std::vector<manager<int>> managers{timed(book, "in", 0s, 0s, 1), timed(book, "on its way", 1h, 0s, 2), [](inside<int>) -> task<> {
                                       co_await sc::sleep(1s);
                                       throw std::runtime_error("no entry");
                                     }};
  bool ran = false;

  const auto error = co_await caught([&] {
    return gather_contexts(std::move(managers), [&](std::span<int* const>) -> task<> {
      ran = true;
      co_return;
    });
  });

  EXPECT_EQ(text_of(error), "std::runtime_error: no entry");
  EXPECT_THAT(book.lines, ElementsAre("in was cut off"));
  EXPECT_FALSE(ran);
  EXPECT_EQ(since_start(), 1s);
}

// S-TRI-1, S-TRI-3
TRACTOR_TEST(gather_contexts, error_of_an_exit_cancels_the_others_and_goes_on) {
  bool cancelled = false;
  std::vector<manager<int>> managers{[](inside<int> body) -> task<> {
                                       int own = 1;
                                       co_await body(own);
                                       throw std::runtime_error("in the exit");
                                     },
                                     [&](inside<int> body) -> task<> {
                                       int own = 2;
                                       co_await body(own);
                                       struct on_end {
                                         bool& told;
                                         ~on_end() { told = true; }
                                       } const tell{cancelled};
                                       co_await sc::sleep_forever();
                                     }};

  const auto error =
      co_await caught([&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<int> { co_return 7; }); });

  EXPECT_EQ(text_of(error), "std::runtime_error: in the exit");
  EXPECT_TRUE(cancelled);
}

// S-TRI-3
TRACTOR_TEST(gather_contexts, errors_of_several_are_a_group) {
  std::vector<manager<int>> managers;
  for (int i = 0; i < 2; ++i)
    managers.push_back([](inside<int> body) -> task<> {
      int own = 0;
      co_await body(own);
      throw std::runtime_error("in an exit");
    });

  const auto error =
      co_await caught([&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_return; }); });

  EXPECT_THAT(text_of(error), HasSubstr("tractor::sc::exception_group: errors in the nursery at "));
  EXPECT_THAT(text_of(error), HasSubstr("(2 errors)"));
}

// S-TRI-3
TRACTOR_TEST(gather_contexts, cancel_from_around_ends_body_and_managers) {
  diary book;
  std::vector<manager<int>> managers{timed(book, "a", 0s, 1s, 1), timed(book, "b", 0s, 1s, 2)};

  const bool complete = co_await sc::move_on_after(
      5s, [&] { return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> { co_await sc::sleep_forever(); }); });

  EXPECT_FALSE(complete);
  EXPECT_EQ(since_start(), 6s);
  EXPECT_THAT(book.lines, UnorderedElementsAre("a was cut off", "b was cut off"));
}

// S-TRI-1
TRACTOR_TEST(gather_contexts, values_are_good_until_the_body_has_cleaned_up) {
  bool alive = false;
  bool alive_in_cleanup = false;
  std::vector<manager<bool>> managers{[&](inside<bool> body) -> task<> {
    struct lifetime {
      bool& flag;
      explicit lifetime(bool& f) : flag(f) { flag = true; }
      lifetime(const lifetime&) = delete;
      lifetime& operator=(const lifetime&) = delete;
      ~lifetime() { flag = false; }
    } const own(alive);
    co_await body(alive);
  }};

  co_await sc::move_on_after(1s, [&] {
    return gather_contexts(std::move(managers), [&](std::span<bool* const> values) -> task<> {
      const auto look = [&]() -> task<> {
        co_await sc::sleep(1s);
        alive_in_cleanup = *values.front();
      };
      co_await sc::finally([]() -> task<> { co_await sc::sleep_forever(); }, look);
    });
  });

  EXPECT_TRUE(alive_in_cleanup);
  EXPECT_FALSE(alive);
}

// S-TRI-3: managers whose exits wake each other, next to a body that fails.
// Reference: trio::test_gatherctxs_with_memchan_breaks_multicancelled.
TRACTOR_TEST(gather_contexts, managers_that_share_a_channel_end_with_the_bodys_error_only) {
  auto [send, receive] = sc::open_memory_channel<int>(0);
  std::vector<manager<int>> managers{[&](inside<int> body) -> task<> {
                                       auto own = std::move(send);
                                       int value = 1;
                                       co_await body(value);
                                     },
                                     [&](inside<int> body) -> task<> {
                                       auto own = std::move(receive);
                                       co_await sc::open_nursery([&](nursery& n) -> task<> {
                                         n.start_soon([&]() -> task<> {
                                           while (co_await own.next()) continue;
                                         });
                                         int value = 2;
                                         co_await body(value);
                                       });
                                     }};

  const auto error = co_await caught([&] {
    return gather_contexts(std::move(managers), [](std::span<int* const>) -> task<> {
      co_await sc::sleep(1s);
      throw std::out_of_range("key");
    });
  });

  EXPECT_EQ(text_of(error), "std::out_of_range: key");
}

}  // namespace
