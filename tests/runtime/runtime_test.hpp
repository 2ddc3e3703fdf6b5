// SPDX-License-Identifier: Apache-2.0
//
// Tests with real actors. A test leaves nothing behind (process_fixture) and never hangs: a run that takes too long is cancelled,
// and the test fails with its task tree and those of its actors (testing/bounded_run.hpp).
//
// Those of dialogs (they call `start`) run over every kind of peer and both ways to start a process; see tests/CMakeLists.txt.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "endpoints.hpp"
#include "tractor/testing/process_fixture.hpp"
#include "tractor/testing/require.hpp"
#include "tractor/tractor.hpp"

namespace runtime_test {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using ::testing::HasSubstr;
using tractor::actor_nursery;
using tractor::actor_options;
using tractor::portal;
using tractor::spawn::start_method;

inline constexpr auto hang_bound = 30s;

#define RT_REQUIRE(condition) TRACTOR_REQUIRE(condition)

// The text of an error, type first, for failures.
[[nodiscard]] std::string text_of(const std::exception_ptr& error);

// Runs `body`; gives what it throws, null for nothing. Cancels it, with a failure that shows the task tree, when it hangs.
[[nodiscard]] std::exception_ptr outcome_of(const std::function<sc::task<>()>& body);
// The same with an actor nursery around.
[[nodiscard]] std::exception_ptr outcome_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body);
// Runs `body`; what it throws is a failure.
void run(const std::function<sc::task<>()>& body);
void run_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body);

// 0, 1, … : so many.
[[nodiscard]] std::vector<int> first_numbers(int count);

// The exception as an E; null, and a failure of the test, when it is something else.
template <class E>
[[nodiscard]] const E* as(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const E& wanted) {
    return &wanted;  // lives as long as `error`
  } catch (...) {
    ADD_FAILURE() << "another exception: " << text_of(error);
  }
  return nullptr;
}

template <class Body>
sc::task<> without_value(Body& body) {
  if constexpr (std::is_void_v<typename decltype(body())::value_type>) {
    co_await body();
  } else {
    static_cast<void>(co_await body());
  }
}

// What `body()`, a task, throws; null for nothing. Cancels go through.
template <class Body>
[[nodiscard]] sc::task<std::exception_ptr> caught(Body body) {
  std::exception_ptr error;
  try {
    co_await without_value(body);
  } catch (const sc::cancelled&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  co_return error;
}

// As caught, and checked to be an E; gives it as an owning handle.
template <class E>
struct caught_error {
  std::exception_ptr owner;
  const E* error = nullptr;
  const E* operator->() const { return error; }
  explicit operator bool() const { return error != nullptr; }
};

template <class E, class Body>
[[nodiscard]] sc::task<caught_error<E>> catch_as(Body body) {
  caught_error<E> found;
  found.owner = co_await caught(std::move(body));
  found.error = as<E>(found.owner);
  co_return found;
}

class runtime_test : public tractor::testing::process_fixture {};

// What a kit::end_when_allowed waits for; it is told by a file, which no cancel stands in the way of.
class permission {
 public:
  explicit permission(const tractor::testing::leak_check& of) : path_(of.temporary_directory() + "/permission") {}
  permission(const permission&) = delete;
  permission& operator=(const permission&) = delete;
  ~permission();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void give() const;

 private:
  std::string path_;
};

// For what depends on how processes are made.
class both_methods : public runtime_test, public ::testing::WithParamInterface<start_method> {
 protected:
  [[nodiscard]] static actor_options options() { return {.enable_modules = {"kit"}, .start_method = GetParam()}; }
};

#define RT_BOTH_METHODS(suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(by, suite, ::testing::Values(start_method::forkserver, start_method::exec), \
                           [](const auto& info) { return std::string(tractor::spawn::to_string(info.param)); })

// What the tests of dialogs talk to, and over what: TRACTOR_TEST_PEER.
enum class peer_kind : unsigned char {
  child,  // a child, over the link that it is born with; the default
  uds,    // a child that listens, over a connection to it
  tcp,
  in_process,  // an actor in this process, over memory
};
[[nodiscard]] peer_kind tested_peer();
// Where a test of dialogs is about more than the dialog.
#define RT_NEEDS_PROCESSES(why) \
  if (tested_peer() == peer_kind::in_process) GTEST_SKIP() << "needs processes: " << (why)
#define RT_NEEDS_A_CHILD(why) \
  if (tested_peer() != peer_kind::child) GTEST_SKIP() << "needs a child: " << (why)

// The usual actor. It ends with `an`, or with the actor that it was started in.
[[nodiscard]] sc::task<portal> start(actor_nursery& an, std::string name = "worker", std::vector<std::string> modules = {"kit", "mixed"});

}  // namespace runtime_test
