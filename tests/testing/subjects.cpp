// SPDX-License-Identifier: Apache-2.0
//
// Tests that are to fail. What actors are to do in them is module `subject`.

#include "subjects.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/testing/actor_test.hpp"
#include "tractor/testing/daemon_process.hpp"
#include "tractor/tractor.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using tractor::actor_nursery;

sc::task<> fail(std::string why) {
  throw std::runtime_error(why);
  co_return;
}

sc::task<> wait_for_ever() { co_await sc::sleep_forever(); }

// The function in which the loop is held. (What it locks is where ThreadSanitizer delivers signals.)
[[gnu::noinline]] void hold_the_loop_until(bool (*over)()) {
  std::mutex mutex;
  do {
    const std::lock_guard lock(mutex);
  } while (!over());
}

sc::task<> hold_the_loop() {
  hold_the_loop_until([] { return false; });
  co_return;
}

bool a_trace_is_written() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(std::getenv("TRACTOR_TEST_DUMP_DIR")))
    if (entry.path().filename() == "trace.txt") return true;
  return false;
}

TRACTOR_MODULE(subject) {
  mod.def<&fail>("fail", "why");
  mod.def<&wait_for_ever>("wait_for_ever");
  mod.def<&hold_the_loop>("hold_the_loop");
}

const tractor::actor_options subject_module{.enable_modules = {"subject"}};

TRACTOR_ACTOR_TEST(subject, throws_what_an_actor_threw) {
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("worker", subject_module);
    co_await worker.run<&fail>("no such thing");
  });
}

TRACTOR_ACTOR_TEST(subject, leaves_a_process_behind) {
  const pid_t test = ::getpid();
  if (::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (::getppid() == test) ::pause();
    ::_exit(0);
  }
  co_return;
}

TRACTOR_ACTOR_TEST(subject, leaves_a_file_in_the_runtime_directory) {
  std::ofstream(left_behind().runtime_directory() + "/lost") << "text";
  co_return;
}

TRACTOR_ACTOR_TEST(subject, is_skipped) {
  TRACTOR_SKIP_IF(true, "there is no such thing");
  ADD_FAILURE() << "goes on after it was skipped";
}

TRACTOR_ACTOR_TEST(subject, drops_a_cancel) {
  co_await sc::move_on_after(1ms, []() -> sc::task<> {
    try {
      co_await sc::sleep_forever();
    } catch (const sc::cancelled&) {
    }
  });
}

TRACTOR_ACTOR_TEST(subject, is_interrupted) {
  ::raise(SIGINT);
  co_await sc::sleep_forever();
}
TRACTOR_ACTOR_TEST(subject, is_interrupted_and_another_comes_after_it) { co_return; }

// --- those that hang ---

TRACTOR_ACTOR_TEST(subject_hangs, in_the_test) {
  sc::event never;
  co_await never.wait();
}

// Beside a program with a tree of its own.
TRACTOR_ACTOR_TEST(subject_hangs, in_an_actor) {
  tractor::testing::daemon_process store(tractor::testing::daemon_of_modules("store", {}));
  co_await store.ready();
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("worker", subject_module);
    co_await worker.run<&wait_for_ever>();
  });
}

TRACTOR_ACTOR_TEST(subject_hangs, with_an_actor_that_holds_its_loop) {
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("busy", subject_module);
    co_await worker.run<&hold_the_loop>();
  });
}

// Until what it does is written down.
TRACTOR_ACTOR_TEST(subject_hangs, with_its_loop_held_for_a_while) {
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("worker", subject_module);
    hold_the_loop_until(&a_trace_is_written);
    co_await an.cancel();
  });
}

class subject_hangs_for_ever : public tractor::testing::actor_fixture {
 protected:
  [[nodiscard]] std::chrono::milliseconds end_bound() const override { return 200ms; }
};

TRACTOR_ACTOR_TEST_F(subject_hangs_for_ever, with_its_loop_held) { co_await hold_the_loop(); }

TRACTOR_ACTOR_TEST_F(subject_hangs_for_ever, shielded) {
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    co_await an.start_actor("worker", subject_module);
    co_await sc::shielded([] { return sc::sleep_forever(); });
  });
}

}  // namespace
