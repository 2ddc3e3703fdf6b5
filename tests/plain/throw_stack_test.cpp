// SPDX-License-Identifier: Apache-2.0
//
// The stack on which an exception was thrown. Where the library is linked into a program with a sanitizer, as it is here, the sanitizer's
// __cxa_throw is taken and no stacks are kept.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/sc/sc_test.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/stack_trace.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACTOR_TEST_OTHER_THROW
#endif
#endif
#ifndef TRACTOR_TEST_OTHER_THROW

namespace throw_stack_test {

using namespace sc_test;

// Not in an unnamed namespace, and each with something to do after the call, so that no compiler makes one of two.
int calls = 0;
[[gnu::noinline]] void innermost(const char* text) {
  ++calls;
  throw std::runtime_error(text);
}
[[gnu::noinline]] void middle(const char* text) {
  innermost(text);
  ++calls;
}
[[gnu::noinline]] void deep(int levels) {
  if (levels == 0)
    innermost("deep");
  else
    deep(levels - 1);
  ++calls;
}
task<> outer(const char* text) {
  co_await sc::checkpoint();
  middle(text);
}

template <class Body>
task<std::exception_ptr> error_of(Body body) {
  std::exception_ptr caught;
  try {
    co_await body();
  } catch (const std::exception&) {
    caught = std::current_exception();
  }
  co_return caught;
}

// The names of the functions, innermost first.
std::vector<std::string> functions(const std::exception_ptr& error) {
  std::vector<std::string> names;
  for (const auto& frame : tractor::symbolise(sc::throw_stack(error))) names.push_back(frame.function);
  return names;
}

// Where the first function whose name has `part` stands; as many as there are when there is none.
std::size_t position(const std::vector<std::string>& names, const char* part) {
  const auto found = std::ranges::find_if(names, [&](const auto& each) { return contains(each, part); });
  return static_cast<std::size_t>(found - names.begin());
}

bool begins_in_innermost(const std::exception_ptr& error) {
  const auto names = functions(error);
  return !names.empty() && contains(names.front(), "innermost");
}

TRACTOR_TEST(throw_stack, leads_from_the_throw_to_the_coroutine) {
  const auto caught = co_await error_of([] { return outer("thrown"); });

  const auto names = functions(caught);

  const std::size_t first = position(names, "innermost"), second = position(names, "middle"), third = position(names, "outer");
  EXPECT_EQ(first, 0U) << "no frame of the throw itself";
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, names.size());
  EXPECT_EQ(position(names, "run_to_completion"), names.size()) << "the loop, and what called it, is no part of it";
  EXPECT_EQ(position(names, "main"), names.size());
}

TRACTOR_TEST(throw_stack, survives_a_nursery_and_what_is_thrown_meanwhile) {
  std::exception_ptr caught;
  try {
    co_await sc::open_nursery([](nursery& n) {
      n.start_soon([]() -> task<> {
        try {
          co_await outer("kept");
        } catch (const std::runtime_error&) {
          try {
            throw std::logic_error("in the handler");
          } catch (const std::logic_error&) {
          }
          throw;
        }
      });
    });
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }

  EXPECT_TRUE(begins_in_innermost(caught));
}

TRACTOR_TEST(throw_stack, of_one_that_was_made_and_not_thrown_is_empty) {
  const auto caught = co_await error_of([]() -> task<> {
    try {
      innermost("dropped");
    } catch (const std::runtime_error&) {
    }
    std::rethrow_exception(std::make_exception_ptr(std::runtime_error("made")));
    co_return;
  });

  EXPECT_EQ(sc::throw_stack(caught).size(), 0U);
  EXPECT_EQ(sc::throw_stack(nullptr).size(), 0U);
}

// Of a group it would say where the group was put together.
TRACTOR_TEST(throw_stack, of_a_group_is_that_of_its_members) {
  std::exception_ptr caught;
  try {
    co_await sc::open_nursery([](nursery& n) {
      for (int i = 0; i < 2; ++i)
        n.start_soon([]() -> task<> {
          co_await sc::cancel_shielded_checkpoint();
          middle("member");
        });
    });
  } catch (const sc::exception_group&) {
    caught = std::current_exception();
  }

  const auto* group = tractor::exception_ptr_cast<sc::exception_group>(caught);
  TRACTOR_REQUIRE(group != nullptr);
  EXPECT_TRUE(sc::throw_stack(caught).empty());
  for (const auto& member : group->exceptions()) EXPECT_TRUE(begins_in_innermost(member));
}

// Memory of one that is gone may be that of another, thrown where nobody looks.
TRACTOR_TEST(throw_stack, of_one_that_was_thrown_outside_of_the_task_is_empty) {
  const auto caught = co_await error_of([]() -> task<> {
    try {
      innermost("dropped");
    } catch (const std::runtime_error&) {
    }
    std::exception_ptr outside;
    co_await sc::to_thread([&] {
      try {
        throw std::runtime_error("in another thread");
      } catch (const std::runtime_error&) {
        outside = std::current_exception();
      }
    });
    std::rethrow_exception(outside);
  });

  EXPECT_TRUE(sc::throw_stack(caught).empty());
}

TRACTOR_TEST(throw_stack, of_a_deep_stack_has_the_innermost_frames) {
  constexpr std::size_t frames_max = 32;
  const auto caught = co_await error_of([]() -> task<> {
    deep(2 * static_cast<int>(frames_max));
    co_return;
  });

  EXPECT_EQ(sc::throw_stack(caught).size(), frames_max);
  EXPECT_TRUE(begins_in_innermost(caught));
}

TRACTOR_TEST(throw_stack, is_not_disturbed_by_a_cancel) {
  const auto caught = co_await error_of([]() -> task<> {
    std::exception_ptr kept;
    try {
      co_await outer("first");
    } catch (const std::runtime_error&) {
      kept = std::current_exception();
    }
    EXPECT_FALSE(co_await sc::move_on_after(0s, [] { return sc::sleep_forever(); }));
    std::rethrow_exception(kept);
  });

  EXPECT_TRUE(begins_in_innermost(caught));
}

// What is thrown where no task runs is not looked at, and comes out as ever.
TEST(throw_stack, outside_of_tasks_is_empty) {
  std::exception_ptr here, there;
  const auto keep = [](std::exception_ptr& to) {
    try {
      middle("outside");
    } catch (const std::runtime_error&) {
      to = std::current_exception();
    }
  };

  keep(here);
  std::thread([&] { keep(there); }).join();

  EXPECT_TRUE(sc::throw_stack(here).empty());
  EXPECT_TRUE(sc::throw_stack(there).empty());
}

TEST(throw_stack, of_the_error_that_ended_the_run_is_there_behind_it) {
  std::exception_ptr caught;
  try {
    sc::run([] { return outer("the end"); });
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }

  EXPECT_TRUE(begins_in_innermost(caught));
}

}  // namespace throw_stack_test

#endif
