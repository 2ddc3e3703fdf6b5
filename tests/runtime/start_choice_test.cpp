// SPDX-License-Identifier: Apache-2.0
//
// How an actor is started where nobody said how: by the fork server where that can make it, else by exec.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "runtime_test.hpp"

namespace runtime_test {
namespace {

constexpr const char* early_thread_variable = "TRACTOR_TEST_EARLY_THREAD";

// As a logger may start one, where the environment asks for it.
const bool early_thread = [] {
  if (std::getenv(early_thread_variable) == nullptr) return false;
  std::thread([] {
    for (;;) ::pause();
  }).detach();
  return true;
}();

// Sets a variable of this process.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) { ::setenv(name_, value, 1); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

using start_choice_test = runtime_test;

// S-RT-8
TEST_F(start_choice_test, program_with_threads_before_main_executes_its_actors_and_says_why_once) {
  EXPECT_FALSE(early_thread);
  const variable set(early_thread_variable, "1");
  ::testing::internal::CaptureStderr();
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    for (const char* name : {"first", "second"}) {
      auto worker = co_await start(an, name);
      EXPECT_EQ(::getpid(), (co_await worker.run<&kit::who>()).parent_pid);
    }
    co_await an.cancel();
  });
  EXPECT_EQ(
      "tractor: actor 'first' did not start: the fork server has threads that were started before main began; use the start method exec; "
      "it is executed instead, as from now on every actor that the fork server refuses to make\n",
      ::testing::internal::GetCapturedStderr());
}

TEST_F(start_choice_test, program_with_threads_before_main_cannot_insist_on_the_fork_server) {
  const variable set(early_thread_variable, "1");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    for (int i = 0; i < 2; ++i) {
      const auto error = co_await catch_as<tractor::actor_failure>(
          [&] { return an.start_actor("worker", {.enable_modules = {"kit"}, .start_method = start_method::forkserver}); });
      RT_REQUIRE(error);
      EXPECT_THAT(error->what(), HasSubstr("threads that were started before main began"));
    }
  });
}

// S-ENV-2: the variable is for the calls that do not say how.
TEST_F(start_choice_test, environment_chooses_where_the_call_does_not) {
  const auto is_executed = [](actor_nursery& an, std::optional<start_method> method) -> sc::task<bool> {
    const auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit"}, .start_method = method});
    co_return (co_await worker.run<&kit::who>()).parent_pid == ::getpid();
  };
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    EXPECT_FALSE(co_await is_executed(an, std::nullopt));
    {
      const variable set(tractor::spawn::start_method_variable, "exec");
      EXPECT_TRUE(co_await is_executed(an, std::nullopt));
      EXPECT_FALSE(co_await is_executed(an, start_method::forkserver));
    }
    const variable set(tractor::spawn::start_method_variable, "forkserver");
    EXPECT_TRUE(co_await is_executed(an, start_method::exec));
    co_await an.cancel();
  });
}

// S-NUR-2
TEST_F(start_choice_test, named_executable_is_executed_whatever_the_environment_says) {
  const std::string copy = left_behind().temporary_directory() + "/copy";
  std::filesystem::copy_file("/proc/self/exe", copy);
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    for (const char* method : {"", "forkserver"}) {
      const variable set(tractor::spawn::start_method_variable, method);
      auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit"}, .executable = copy});
      const auto pid = std::to_string((co_await worker.run<&kit::who>()).pid);
      EXPECT_EQ(copy, std::filesystem::read_symlink("/proc/" + pid + "/exe").string());
      co_await worker.cancel_actor();
    }
  });
  std::filesystem::remove(copy);
}

TEST_F(start_choice_test, named_executable_cannot_be_forked) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    const auto error = co_await catch_as<tractor::usage_error>(
        [&] { return an.start_actor("worker", {.start_method = start_method::forkserver, .executable = "/no/such/program"}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("/no/such/program"));
    EXPECT_THAT(error->what(), HasSubstr("forkserver"));
  });
}

}  // namespace
}  // namespace runtime_test
