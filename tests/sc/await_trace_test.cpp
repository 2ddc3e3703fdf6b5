// SPDX-License-Identifier: Apache-2.0
//
// Which co_awaits an exception crossed, and the report of an error.

#include <memory>
#include <stdexcept>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

task<> fail_here(const char* with) {
  co_await sc::cancel_shielded_checkpoint();  // so that it fails also when another has failed before
  throw std::runtime_error(with);
}
task<> through_here(const char* with = "traced") { co_await fail_here(with); }

std::exception_ptr error_of_through_here() {
  try {
    sc::run([] { return through_here(); });
  } catch (const std::runtime_error&) {
    return std::current_exception();
  }
  return nullptr;
}

TRACTOR_TEST(await_trace, names_every_frame_that_the_exception_crossed) {
  std::exception_ptr caught;
  try {
    co_await through_here();
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }

  const std::string trace = sc::await_trace(caught);

  const auto bottom = trace.find("fail_here"), middle = trace.find("through_here");
  EXPECT_NE(bottom, std::string::npos) << trace;
  EXPECT_NE(middle, std::string::npos) << trace;
  EXPECT_LT(bottom, middle) << trace;
  EXPECT_TRUE(contains(trace, "await_trace_test.cpp")) << trace;
}

TRACTOR_TEST(await_trace, goes_on_through_a_nursery) {
  std::exception_ptr caught;
  try {
    co_await sc::open_nursery([](nursery& n) { n.start_soon([] { return through_here(); }); });
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }

  EXPECT_TRUE(contains(sc::await_trace(caught), "through_here")) << sc::await_trace(caught);
  co_return;
}

TRACTOR_TEST(await_trace, of_another_exception_is_empty) {
  try {
    co_await through_here();
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(sc::await_trace(std::make_exception_ptr(1)), "");
  EXPECT_EQ(sc::await_trace(nullptr), "");
}

// Also of one of the same size, which gets the memory of the one that was caught and freed.
TRACTOR_TEST(await_trace, of_a_later_exception_of_the_same_type_is_empty) {
  for (int i = 0; i < 10; ++i) {
    try {
      co_await through_here();
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(sc::await_trace(std::make_exception_ptr(std::runtime_error("another"))), "");
  }
}

TRACTOR_TEST(await_trace, of_several_errors_is_kept) {
  std::vector<std::exception_ptr> caught;
  for (std::size_t i = 0; i < sc::detail::traces_max + 1; ++i) {
    try {
      co_await through_here();
    } catch (const std::runtime_error&) {
      caught.push_back(std::current_exception());
    }
  }
  EXPECT_EQ(sc::await_trace(caught.front()), "") << "the oldest makes room";
  for (std::size_t i = 1; i < caught.size(); ++i) EXPECT_TRUE(contains(sc::await_trace(caught[i]), "through_here")) << i;
}

// What an error owns that was dealt with goes with the run, whatever the run itself ends with.
TEST(await_trace, keeps_nothing_but_the_runs_error_after_the_run) {
  struct owner : std::runtime_error {
    explicit owner(std::shared_ptr<int> what) : runtime_error("owner"), owned(std::move(what)) {}
    std::shared_ptr<int> owned;
  };
  const auto owned = std::make_shared<int>(0);
  try {
    sc::run([&]() -> task<> {
      try {
        co_await [](std::shared_ptr<int> what) -> task<> {
          co_await sc::checkpoint();
          throw owner(std::move(what));
        }(owned);
      } catch (const owner&) {
      }
      co_await through_here();
    });
    ADD_FAILURE() << "the run's error is lost";
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(contains(sc::await_trace(std::current_exception()), "through_here"));
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(await_trace, of_a_runs_error_is_there_after_the_run) {
  const auto caught = error_of_through_here();
  EXPECT_TRUE(contains(sc::await_trace(caught), "through_here")) << sc::await_trace(caught);

  sc::run([]() -> task<> { co_return; });
  EXPECT_EQ(sc::await_trace(caught), "") << "of the last run only";
}

// (As deep as the innermost 256.)
task<> fail_below(int frames) {
  if (frames == 0)
    co_await fail_here("deep");
  else
    co_await fail_below(frames - 1);
}
TRACTOR_TEST(await_trace, is_bounded) {
  std::exception_ptr caught;
  try {
    co_await fail_below(1000);
  } catch (const std::runtime_error&) {
    caught = std::current_exception();
  }
  const std::string trace = sc::await_trace(caught);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(trace, '\n')), sc::detail::trace_sites_max) << trace;
  EXPECT_TRUE(contains(trace, "fail_here"));
}

TEST(error_report, says_type_message_and_chain) {
  const std::string report = sc::error_report(error_of_through_here());
  EXPECT_TRUE(report.starts_with("std::runtime_error: traced\n  in ")) << report;
  EXPECT_TRUE(contains(report, "through_here")) << report;
  EXPECT_FALSE(report.ends_with('\n')) << report;
}

TEST(error_report, of_a_group_has_the_chain_of_each_member) {
  std::string report;
  try {
    sc::run([]() -> task<> {
      co_await sc::open_nursery([](nursery& n) {
        n.start_soon([] { return through_here("first"); });
        n.start_soon([] { return through_here("second"); });
      });
    });
  } catch (const sc::exception_group&) {
    report = sc::error_report(std::current_exception());
  }
  EXPECT_TRUE(report.starts_with("tractor::sc::exception_group: errors in the nursery at ")) << report;
  for (const char* each : {"first", "second"}) {
    const auto at = report.find(std::string("  | std::runtime_error: ") + each + "\n  |   in ");
    EXPECT_NE(at, std::string::npos) << report;
  }
}

TEST(error_report, of_what_is_no_exception_of_ours) {
  EXPECT_EQ(sc::error_report(std::make_exception_ptr(1)), "int: unknown exception");
  EXPECT_EQ(sc::error_report(nullptr), "no exception");
}

// The frame pool gives the memory of one coroutine to the next.
TRACTOR_TEST(await_trace, is_not_continued_by_another_coroutine_in_the_same_place) {
  std::exception_ptr stored;
  try {
    co_await through_here();
  } catch (const std::runtime_error&) {
    stored = std::current_exception();
  }
  const auto rethrow = [&]() -> task<> {
    co_await sc::cancel_shielded_checkpoint();
    std::rethrow_exception(stored);
  };
  const auto first = [&]() -> task<> {
    try {
      co_await rethrow();
    } catch (const std::runtime_error&) {
    }
  };
  const auto second = [&]() -> task<> {
    co_await sc::cancel_shielded_checkpoint();
    std::rethrow_exception(stored);
  };
  co_await first();
  try {
    co_await second();
  } catch (const std::runtime_error&) {
  }
  const std::string trace = sc::await_trace(stored);
  EXPECT_EQ(std::ranges::count(trace, '\n'), 1) << trace;
}

TEST(await_trace, function_names_are_short) {
  using sc::detail::function_name;
  EXPECT_EQ(function_name("task<> (anonymous namespace)::fail_here(const char *)"), "fail_here");
  EXPECT_EQ(function_name("auto a::outer(b::c<d>, std::function<e (f)>)::(anonymous class)::operator()(g &) const"), "a::outer::{lambda}");
  EXPECT_EQ(function_name("std::invoke_result_t<B &, n &> a::open(B, o) [B = (lambda at x.cpp:4:3)]"), "a::open");
  EXPECT_EQ(function_name("sc::task<> shop<int>::sell(int) [T = int]"), "shop::sell");
  EXPECT_EQ(function_name("bool a::is(int [3]) noexcept"), "a::is");
  EXPECT_EQ(function_name("b &a::get() &"), "a::get");
  EXPECT_EQ(function_name("const b **a::all() &&"), "a::all");
  EXPECT_EQ(function_name("b & "), "b & ");
  EXPECT_EQ(function_name("auto a::(anonymous class)::helper()"), "a::{lambda}::helper");
  EXPECT_EQ(function_name("void a::call(f<int () -> g>) [with = g[2]]"), "a::call");
  EXPECT_EQ(function_name("void a::cut_off(int, <b"), "a::cut_off");
  EXPECT_EQ(
      function_name("(anonymous namespace)::outer(bool, std::vector<int>&)::$_12::operator()(a::n&) const::{lambda(b::n&)#1}::operator()"
                    "(b::n&) const"),
      "outer::{lambda}::{lambda}");
  EXPECT_EQ(function_name("a::of::{lambda()#2}::operator()() const"), "a::of::{lambda}");
  EXPECT_EQ(function_name("a::of::{lambda(int"), "a::of::{lambda}");
  EXPECT_EQ(function_name("a::get(int) const"), "a::get");
  EXPECT_EQ(function_name("f"), "f");
  EXPECT_EQ(function_name(""), "");
}

}  // namespace
