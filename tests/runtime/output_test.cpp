// SPDX-License-Identifier: Apache-2.0
//
// What actors write: stdout is inherited, stderr passes through the parent, which keeps its end and is never held up by it.

#include <csignal>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class output_test : public both_methods {};
RT_BOTH_METHODS(output_test);

TEST_P(output_test, stdout_is_inherited_and_stderr_comes_by_whole_lines) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::string who;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    who = "worker[" + std::to_string(*worker.pid()) + "]: ";
    co_await worker.run<&kit::print>("to stdout\n", false);
    co_await worker.run<&kit::print>("half a ", true);
    co_await worker.run<&kit::print>("line\nand one unfinished", true);
    co_await an.cancel();
  });
  EXPECT_EQ("to stdout\n", ::testing::internal::GetCapturedStdout());
  EXPECT_EQ(who + "half a line\n" + who + "and one unfinished\n", ::testing::internal::GetCapturedStderr());
}

// By the first who relays it, whose child the writer is.
TEST_P(output_test, line_has_the_name_of_who_wrote_it_once) {
  ::testing::internal::CaptureStderr();
  std::string who;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto middle = co_await an.start_actor("mid\tdle", options());
    co_await middle.open_context<&kit::print_below>({"from below\n", GetParam() == start_method::exec}, [&](auto&, int pid) -> sc::task<> {
      who = "below[" + std::to_string(pid) + "]: ";
      co_return;
    });
    co_await middle.run<&kit::print>("\n", true);
    who += "from below\nmid?dle[" + std::to_string(*middle.pid()) + "]: \n";
    co_await an.cancel();
  });
  EXPECT_EQ(who, ::testing::internal::GetCapturedStderr());
}

TEST_P(output_test, names_are_left_out_where_the_root_says_so) {
  ::testing::internal::CaptureStderr();
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
            auto middle = co_await an.start_actor("middle", options());
            co_await middle.open_context<&kit::print_below>({"from below\n", GetParam() == start_method::exec},
                                                            [](auto&, int) -> sc::task<> { co_return; });
            co_await middle.run<&kit::print>("and above\n", true);
            co_await an.cancel();
          });
        },
        {.attribute_output = false});
  });
  EXPECT_EQ("from below\nand above\n", ::testing::internal::GetCapturedStderr());
}

// Only the end is kept.
TEST_P(output_test, tail_of_much_output_is_kept) {
  ::testing::internal::CaptureStderr();
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    for (int i = 0; i < 50; ++i) co_await worker.run<&kit::print>(std::string(999, 'x') + "\n", true);
    co_await worker.run<&kit::print>("the end is near\n", true);
    const auto died = co_await catch_as<tractor::actor_died>([&] { return worker.run<&kit::die>("kill"); });
    RT_REQUIRE(died);
    EXPECT_EQ(16U * 1024, died->stderr_tail().size());
    EXPECT_THAT(died->stderr_tail(), ::testing::EndsWith("x\nthe end is near\n"));
  });
  const std::string text = ::testing::internal::GetCapturedStderr();
  const auto name_bytes = text.find(": ") + 2;
  EXPECT_EQ(50U * (1000 + name_bytes) + 16 + name_bytes, text.size());
}

// One that writes without a pause does not keep its parent from its work.
TEST_P(output_test, endless_output_does_not_stop_the_parent) {
  ::testing::internal::CaptureStderr();
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto noisy = co_await an.start_actor("noisy", options());
    auto other = co_await an.start_actor("other", options());
    co_await noisy.open_context<&kit::print_for_ever>({}, [&](auto& ctx) -> sc::task<> {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(i + 1, co_await other.run<&kit::add>(i, 1));
      co_await ctx.cancel();
    });
    co_await an.cancel();
  });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::MatchesRegex("noisy\\[[0-9]+\\]: again and again and again\n(.|\n)*"));
}

}  // namespace
}  // namespace runtime_test
