// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/dump_on_hang.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/testing/process_fixture.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using tractor::testing::dump_on_hang;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Its files go with its TMPDIR, once they have been seen.
class dump_on_hang_test : public tractor::testing::process_fixture {
 protected:
  [[nodiscard]] static std::string take(const dump_on_hang& from) {
    std::string text = contents(from.path());
    std::filesystem::remove(from.path());
    return text;
  }
};

// S-HNG-1
TEST_F(dump_on_hang_test, block_that_takes_too_long_has_its_task_tree_written_and_goes_on) {
  std::string text;
  sc::run([&]() -> sc::task<> {
    const dump_on_hang watch(10ms);
    while (!watch.dumped()) co_await sc::sleep(1ms);
    text = take(watch);
  });
  EXPECT_THAT(text, AllOf(HasSubstr("a block had not ended after 10 ms"), HasSubstr("task tree:\n- main"), HasSubstr(", the one watched")));
}

[[gnu::noinline]] void compute_until(const dump_on_hang& dumped) {
  while (!dumped.dumped()) std::this_thread::yield();
}

TEST_F(dump_on_hang_test, block_that_holds_the_loop_has_its_stack_written) {
  std::string text;
  sc::run([&]() -> sc::task<> {
    const dump_on_hang watch(10ms);
    compute_until(watch);
    text = take(watch);
    co_return;
  });
  EXPECT_THAT(
      text, AllOf(HasSubstr("the run does not answer: a task holds its loop"), HasSubstr("runs task 'main':"), HasSubstr("compute_until")));
}

// S-HNG-1
TEST_F(dump_on_hang_test, outside_of_a_run_there_are_the_stacks) {
  const dump_on_hang watch(10ms);
  compute_until(watch);
  EXPECT_THAT(take(watch), AllOf(HasSubstr("compute_until"), Not(HasSubstr("task tree"))));
}

// S-HNG-1
TEST_F(dump_on_hang_test, block_that_ends_in_time_leaves_no_file) {
  std::string path;
  {
    const dump_on_hang watch;
    path = watch.path();
    EXPECT_FALSE(watch.dumped());
  }
  EXPECT_THAT(path, StartsWith(left_behind().temporary_directory()));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(dump_on_hang_test, file_is_the_one_that_is_named) {
  const std::string path = left_behind().temporary_directory() + "/here.txt";
  const dump_on_hang watch(10ms, path);
  compute_until(watch);
  EXPECT_EQ(watch.path(), path);
  EXPECT_THAT(take(watch), HasSubstr("a block had not ended"));
}

}  // namespace
