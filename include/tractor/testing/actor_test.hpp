// SPDX-License-Identifier: Apache-2.0
//
// Tests of actors that are coroutines, for GoogleTest.
//
//     TRACTOR_ACTOR_TEST(greeter, is_polite) {
//       co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
//         auto greeter = co_await an.start_actor("greeter", {.enable_modules = {"greeter"}});
//         EXPECT_EQ(co_await greeter.run<&greet>("World"), "hello World");
//         co_await an.cancel();
//       });
//     }
//
// The body is the main task of a root actor, in real time. Around it:
//
// - Nothing is left behind: a process, thread, descriptor, socket file and so on that is there afterwards is a failure (leak_check.hpp).
// - Nothing is met: the runtime directory, TMPDIR and the registry are the test's own (private_registry.hpp), so any number of tests run
//   beside each other. Programs that it starts inherit them.
// - Nothing hangs: after `time_bound` the test fails with the task trees of this process and of all actors below it, and is cancelled; one
//   that cannot be cancelled ends the process (bounded_run.hpp). TRACTOR_TEST_TIMEOUT, in seconds, or `none`, beats the fixture's bound.
// - What leaves the body is a failure with all that is known of the error, from the remote stack on. A cancel that was caught and dropped
//   is one. After SIGINT or SIGTERM the test ends in good order, and then the program by that signal.
//
// EXPECT_ macros work as ever; for the ASSERT_ ones, and GTEST_SKIP, there are TRACTOR_REQUIRE and TRACTOR_SKIP_IF (require.hpp). The main
// function is that of main.hpp. What is to be otherwise for many tests goes into a fixture:
//
//     class with_store : public tractor::testing::actor_fixture {
//      protected:
//       tractor::root_options root_options() const override { return {.enable_modules = {"client"}}; }
//       std::chrono::milliseconds time_bound() const override { return 5s; }
//     };
//     TRACTOR_ACTOR_TEST_F(with_store, keeps_what_it_is_told) { … }
//
// In a TEST_P of such a fixture, call run_actor_test.

#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/spawn/start_method.hpp"
#include "tractor/testing/bounded_run.hpp"
#include "tractor/testing/private_registry.hpp"
#include "tractor/testing/process_fixture.hpp"
#include "tractor/testing/require.hpp"

namespace tractor::testing {

class actor_fixture : public process_fixture {
 protected:
  // --- what a fixture may say otherwise ---
  // Of the test's root actor. Without registry_addrs it has registry_address().
  [[nodiscard]] virtual tractor::root_options root_options() const { return {}; }
  [[nodiscard]] virtual std::chrono::milliseconds time_bound() const { return time_bound_default; }
  // From the cancel of a test that took too long to the abort of the process.
  [[nodiscard]] virtual std::chrono::milliseconds end_bound() const { return end_bound_default; }
  // How the registry is reached, and so what the root and its actors listen at; TRACTOR_TEST_TRANSPORT beats it.
  [[nodiscard]] virtual ipc::transport registry_transport() const { return ipc::transport::uds; }

  // Overriders call these: SetUp first of all, TearDown last.
  void SetUp() override;
  void TearDown() override;

  // --- for tests ---
  // Runs `body` as TRACTOR_ACTOR_TEST does.
  void run_actor_test(const std::function<sc::task<>()>& body);
  [[nodiscard]] const ipc::address& registry_address() const { return registry_->address(); }
  // By which actors are started where nothing else is said: TRACTOR_SPAWN_METHOD chooses.
  [[nodiscard]] static spawn::start_method start_method() {
    return spawn::start_method_from_environment().value_or(spawn::start_method::forkserver);
  }

 private:
  std::optional<private_registry> registry_;
  int interrupted_by_ = 0;
};

inline void actor_fixture::SetUp() {
  process_fixture::SetUp();
  registry_.emplace(transport_from_environment(registry_transport()));
}

inline void actor_fixture::TearDown() {
  registry_.reset();
  process_fixture::TearDown();
  if (interrupted_by_ != 0) ::raise(interrupted_by_);
}

inline void actor_fixture::run_actor_test(const std::function<sc::task<>()>& body) {
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  bounded_run_options bounds{.label = std::string(test.test_suite_name()) + '.' + test.name(),
                             .end_bound = end_bound(),
                             .report = [&](const std::string& text) { ADD_FAILURE_AT(test.file(), test.line()) << text; },
                             .scratch = left_behind().directory()};
  try {
    bounds.time_bound = time_bound_from_environment(time_bound());
  } catch (const usage_error& wrong) {
    ADD_FAILURE() << wrong.what();
    return;
  }
  tractor::root_options options = root_options();
  if (!options.registry_addrs) options.registry_addrs = std::vector<ipc::address>{registry_address()};
  const bounded_end ended = run_bounded(std::move(bounds), [&] { return open_root_actor(body, options); });
  if (!ended.error) return;
  ADD_FAILURE_AT(test.file(), test.line()) << "the test threw " << sc::error_report(ended.error);
  if (exception_ptr_cast<keyboard_interrupt>(ended.error) != nullptr) interrupted_by_ = SIGINT;
  if (exception_ptr_cast<terminated>(ended.error) != nullptr) interrupted_by_ = SIGTERM;
}

}  // namespace tractor::testing

#define TRACTOR_ACTOR_TEST(suite, name) TRACTOR_ACTOR_TEST_OF(suite, name, ::tractor::testing::actor_fixture)
// In a fixture derived from actor_fixture, whose members the body sees. May stand beside TEST_F of the same fixture.
#define TRACTOR_ACTOR_TEST_F(fixture, name) TRACTOR_ACTOR_TEST_OF(fixture, name, fixture)

#define TRACTOR_ACTOR_TEST_OF(suite, name, parent)                                                                       \
  class suite##_##name##_actor_test final : public parent {                                                              \
    void TestBody() override {                                                                                           \
      this->run_actor_test([this] { return this->actor_body(); });                                                       \
    }                                                                                                                    \
    ::tractor::sc::task<> actor_body();                                                                                  \
    static ::testing::TestInfo* const registered;                                                                        \
  };                                                                                                                     \
  ::testing::TestInfo* const suite##_##name##_actor_test::registered = ::testing::RegisterTest(                          \
      #suite, #name, nullptr, nullptr, __FILE__, __LINE__, []() -> parent* { return new suite##_##name##_actor_test; }); \
  ::tractor::sc::task<> suite##_##name##_actor_test::actor_body()
