// SPDX-License-Identifier: Apache-2.0
//
// Actor tests: what a test has around it, and what becomes of one that fails, hangs, or is interrupted. Those are run in a process of their
// own (subjects.cpp), whose output and end are looked at.

#include "tractor/testing/actor_test.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "subjects.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/tractor.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace kit = tractor::testing;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using tractor::actor_nursery;

sc::task<int> square(int of) { co_return of* of; }
sc::task<std::vector<std::string>> names_in_the_registry() {
  std::vector<std::string> names;
  for (const auto& who : co_await tractor::get_registry()) names.push_back(who.name);
  co_return names;
}

TRACTOR_MODULE(actor_test) {
  mod.def<&square>("square", "of");
  mod.def<&names_in_the_registry>("names_in_the_registry");
}

const tractor::actor_options with_module{.enable_modules = {"actor_test"}};

// A variable of the environment, or its absence, for the length of a block.
class own_variable {
 public:
  own_variable(const char* name, const char* value) : name_(name) {
    if (const char* const set = std::getenv(name)) before_ = set;
    put(value);
  }
  own_variable(const own_variable&) = delete;
  own_variable& operator=(const own_variable&) = delete;
  ~own_variable() { put(before_ ? before_->c_str() : nullptr); }

 private:
  void put(const char* value) const {
    if (value != nullptr)
      ::setenv(name_, value, 1);
    else
      ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

// More than any of these takes on a slow machine; a test that hangs for another reason is told of all the same.
class actor_test : public kit::actor_fixture {
 protected:
  [[nodiscard]] std::chrono::milliseconds time_bound() const override { return 90s; }

 private:
  const own_variable fixture_chooses_{"TRACTOR_TEST_TRANSPORT", nullptr};
};

// S-TST-4
TRACTOR_ACTOR_TEST(actor_test_itself, runs_in_an_open_root) {
  EXPECT_TRUE(tractor::current_actor().is_root());
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("worker", with_module);
    EXPECT_EQ(co_await worker.run<&square>(12), 144);
    co_await an.cancel();
  });
}

// S-TST-2
TRACTOR_ACTOR_TEST_F(actor_test, has_a_registry_of_its_own_in_its_runtime_directory) {
  EXPECT_THAT(registry_address().text(), HasSubstr(left_behind().runtime_directory()));
  EXPECT_EQ(std::getenv("TRACTOR_REGISTRY"), registry_address().text());
  EXPECT_TRUE(tractor::current_actor().aid().is_registrar.value_or(false));
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("worker", with_module);
    EXPECT_EQ(co_await worker.run<&names_in_the_registry>(), (std::vector<std::string>{"root", "worker"}));
    co_await an.cancel();
  });
}

class over_tcp : public actor_test {
 protected:
  [[nodiscard]] tractor::ipc::transport registry_transport() const override { return tractor::ipc::transport::tcp; }
  [[nodiscard]] tractor::root_options root_options() const override { return {.name = "boss", .enable_modules = {"actor_test"}}; }
};

// S-TST-1, S-TST-2
TRACTOR_ACTOR_TEST_F(over_tcp, has_a_registry_at_an_address_that_is_this_process_s_alone) {
  const auto* const where = registry_address().tcp();
  TRACTOR_REQUIRE(where != nullptr);
  EXPECT_TRUE(where->is_loopback());
  EXPECT_NE(where->host, "127.0.0.1");
  EXPECT_NE(where->port, 0);
  co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<> {
    const auto worker = co_await an.start_actor("worker", with_module);
    EXPECT_EQ(co_await worker.run<&names_in_the_registry>(), (std::vector<std::string>{"boss", "worker"}));
    co_await an.cancel();
  });
}

TRACTOR_ACTOR_TEST_F(over_tcp, takes_the_options_of_its_fixture) {
  EXPECT_EQ(tractor::current_actor().name(), "boss");
  EXPECT_EQ(tractor::current_actor().modules(), std::vector<std::string>{"actor_test"});
  co_return;
}

TEST_F(actor_test, plain_tests_of_the_fixture_may_stand_beside) {
  int ran = 0;
  run_actor_test([&]() -> sc::task<> {
    ++ran;
    co_return;
  });
  EXPECT_EQ(ran, 1);
}

TEST(private_registry, environment_is_as_it_was_afterwards) {
  for (const char* before : {"none", static_cast<const char*>(nullptr)}) {
    const own_variable registry_before("TRACTOR_REGISTRY", before);
    {
      const kit::private_registry registry;
      EXPECT_EQ(std::getenv("TRACTOR_REGISTRY"), registry.address().text());
    }
    EXPECT_STREQ(std::getenv("TRACTOR_REGISTRY"), before);
  }
}

TEST(private_registry, transport_without_addresses_is_refused) {
  EXPECT_THROW(kit::private_registry{tractor::ipc::transport::inproc}, tractor::usage_error);
}

// --- what the environment says ---

TEST(time_bound, is_a_number_of_seconds_or_none) {
  const own_variable unset("TRACTOR_TEST_TIMEOUT", nullptr);
  EXPECT_EQ(kit::time_bound_from_environment(), 30s);
  EXPECT_EQ(kit::time_bound_from_environment(5s), 5s);
  const std::vector<std::pair<const char*, std::optional<std::chrono::milliseconds>>> cases{
      {"7", 7s}, {"0.25", 250ms}, {"86400", 24h}, {"none", std::nullopt}};
  for (const auto& [text, bound] : cases) {
    const own_variable set("TRACTOR_TEST_TIMEOUT", text);
    EXPECT_EQ(kit::time_bound_from_environment(5s), bound) << text;
  }
}

TEST(time_bound, anything_else_is_an_error_that_says_what_it_can_be) {
  for (const char* wrong : {"", "0", "-1", "soon", "3 s", "1e3", "86401", "nan", "inf", "0.0001"}) {
    const own_variable set("TRACTOR_TEST_TIMEOUT", wrong);
    try {
      static_cast<void>(kit::time_bound_from_environment());
      ADD_FAILURE() << "taken: '" << wrong << "'";
    } catch (const tractor::usage_error& refused) {
      EXPECT_EQ(refused.message(),
                "TRACTOR_TEST_TIMEOUT is '" + std::string(wrong) + "'; it can be a number of seconds, above 0 and up to 86400, or none");
    }
  }
}

// S-TST-1
TEST(transport_of_tests, is_chosen_by_the_environment) {
  const own_variable unset("TRACTOR_TEST_TRANSPORT", nullptr);
  EXPECT_EQ(kit::transport_from_environment(), tractor::ipc::transport::uds);
  EXPECT_EQ(kit::transport_from_environment(tractor::ipc::transport::tcp), tractor::ipc::transport::tcp);
  {
    const own_variable set("TRACTOR_TEST_TRANSPORT", "uds");
    EXPECT_EQ(kit::transport_from_environment(tractor::ipc::transport::tcp), tractor::ipc::transport::uds);
  }
  const own_variable set("TRACTOR_TEST_TRANSPORT", "inproc");
  EXPECT_THROW(static_cast<void>(kit::transport_from_environment()), tractor::usage_error);
}

// S-TST-1
TEST_F(actor_test, start_method_is_that_of_the_environment) {
  const own_variable unset("TRACTOR_SPAWN_METHOD", nullptr);
  EXPECT_EQ(start_method(), tractor::spawn::start_method::forkserver);
  const own_variable set("TRACTOR_SPAWN_METHOD", "exec");
  EXPECT_EQ(start_method(), tractor::spawn::start_method::exec);
}

// --- tests that fail ---

TRACTOR_ACTOR_TEST_F(actor_test, remote_error_is_shown_whole) {
  const auto done = co_await subjects::run("subject.throws_what_an_actor_threw");
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("subjects.cpp:"));
  EXPECT_THAT(done.out,
              AllOf(HasSubstr("the test threw tractor::remote_actor_error: the task in actor 'worker' raised 'RuntimeError': no such "
                              "thing\n"),
                    HasSubstr("+-- raised in worker@"), HasSubstr("::actor_body at ")));
}

TEST_F(actor_test, process_that_is_left_behind_is_a_failure) {
  const auto done = sc::run([] { return subjects::run("subject.leaves_a_process_behind"); });
  left_behind().reap_orphans();
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, AllOf(HasSubstr("the test left something behind: child process "), HasSubstr(" is alive")));
}

TRACTOR_ACTOR_TEST_F(actor_test, file_that_is_left_behind_is_a_failure) {
  const auto done = co_await subjects::run("subject.leaves_a_file_in_the_runtime_directory");
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("/lost in the runtime directory"));
}

// S-TST-3
TRACTOR_ACTOR_TEST_F(actor_test, test_that_cannot_run_here_is_skipped) {
  const auto done = co_await subjects::run("subject.is_skipped");
  EXPECT_EQ(done.status.exit_code, 0);
  EXPECT_THAT(done.out, AllOf(HasSubstr("there is no such thing"), HasSubstr("[  SKIPPED ] 1 test")));
}

TRACTOR_ACTOR_TEST_F(actor_test, dropped_cancel_is_a_failure) {
  const auto done = co_await subjects::run("subject.drops_a_cancel");
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("swallowed_cancel_error"));
}

TRACTOR_ACTOR_TEST_F(actor_test, time_bound_that_is_none_fails_the_test) {
  const auto done = co_await subjects::run("subject.leaves_a_process_behind", {"TRACTOR_TEST_TIMEOUT=soon"});
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("TRACTOR_TEST_TIMEOUT is 'soon'"));
}

TRACTOR_ACTOR_TEST_F(actor_test, interrupted_program_ends_after_the_test_by_that_signal) {
  const auto done = co_await subjects::run("subject.is_interrupted*");
  EXPECT_EQ(done.status.signal, SIGINT);
  EXPECT_THAT(done.out, HasSubstr("the test threw "));
  EXPECT_THAT(done.out, Not(HasSubstr("left something behind")));
  EXPECT_THAT(done.out, Not(HasSubstr("and_another_comes_after_it")));
}

// --- tests that hang ---

// S-TST-4
TRACTOR_ACTOR_TEST_F(actor_test, one_that_hangs_fails_with_its_task_tree) {
  const auto done = co_await subjects::run("subject_hangs.in_the_test", {"TRACTOR_TEST_TIMEOUT=0.2"});
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out,
              HasSubstr("subject_hangs.in_the_test took longer than its 0.200 s (TRACTOR_TEST_TIMEOUT sets another bound), and is "
                        "cancelled.\nTask tree of this process, "));
  EXPECT_THAT(done.out, AllOf(HasSubstr("event.wait"), HasSubstr("subjects.cpp:")));
  EXPECT_THAT(done.out, Not(HasSubstr("left something behind")));
}

// What an actor needs to start, on a slow machine, and the test to be where it hangs.
constexpr const char* long_enough = "TRACTOR_TEST_TIMEOUT=5";

TRACTOR_ACTOR_TEST_F(actor_test, one_whose_actor_hangs_fails_with_the_actor_s_tree_too) {
  const auto done = co_await subjects::run("subject_hangs.in_an_actor", {long_enough});
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, AllOf(HasSubstr("Task tree of this process, "), HasSubstr("---- task tree of actor 'worker' ("),
                              HasSubstr("- wait_for_ever "), HasSubstr("---- end of the task tree of actor 'worker'"),
                              HasSubstr("---- task tree of actor 'store' (")));
  EXPECT_THAT(done.out, Not(HasSubstr("left something behind")));
}

TRACTOR_ACTOR_TEST_F(actor_test, one_whose_actor_holds_its_loop_fails_with_what_the_actor_does) {
  const auto done = co_await subjects::run("subject_hangs.with_an_actor_that_holds_its_loop", {long_enough});
  EXPECT_EQ(done.status.exit_code, 1);
  EXPECT_THAT(done.out, AllOf(HasSubstr("---- no task tree of process "), HasSubstr("_subactor[busy@"),
                              HasSubstr("it did not answer within 2000 ms; it is running (R), and has used ")));
  EXPECT_THAT(done.out, Not(HasSubstr("left something behind")));
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// S-TST-7
TRACTOR_ACTOR_TEST_F(actor_test, one_that_holds_the_loop_fails_with_the_stack_and_leaves_a_directory) {
  const std::string dumps = left_behind().temporary_directory() + "/dumps";
  fs::create_directory(dumps);
  const auto done = co_await subjects::run("subject_hangs.with_its_loop_held_for_a_while", {long_enough, "TRACTOR_TEST_DUMP_DIR=" + dumps});
  EXPECT_EQ(done.status.exit_code, 1) << "signal " << done.status.signal << "\n" << done.err;
  EXPECT_THAT(done.out, AllOf(HasSubstr("and does not answer: a task holds the loop"), HasSubstr("runs task 'main':"),
                              HasSubstr("hold_the_loop_until"), HasSubstr("---- task tree of actor 'worker' (")));

  const std::vector<fs::path> directories(fs::directory_iterator(dumps), fs::directory_iterator{});
  TRACTOR_REQUIRE(directories.size() == 1);
  const fs::path& directory = directories[0];
  EXPECT_THAT(done.out, HasSubstr("TRACTOR_TEST_DUMP_DIR: written to " + directory.string()));
  EXPECT_THAT(directory.filename().string(), MatchesRegex("subject_hangs\\.with_its_loop_held_for_a_while__20[0-9]+T[0-9]+"));
  EXPECT_THAT(contents(directory / "trace.txt"), HasSubstr("hold_the_loop_until"));
  EXPECT_THAT(contents(directory / "sockets.txt"), AllOf(HasSubstr("registry@1616.sock"), HasSubstr(" of process ")));
  EXPECT_THAT(contents(directory / "meta.json"),
              AllOf(HasSubstr("\"label\": \"subject_hangs.with_its_loop_held_for_a_while\""), HasSubstr("\"time_bound_ms\": 5000"),
                    HasSubstr("\"actors_answered\": 1"), HasSubstr("\"run_answered\": false")));
  fs::remove_all(dumps);
}

TRACTOR_ACTOR_TEST_F(actor_test, one_that_never_lets_go_of_the_loop_ends_the_process) {
  const auto done = co_await subjects::run("subject_hangs_for_ever.with_its_loop_held", {"TRACTOR_TEST_TIMEOUT=0.2"});
  EXPECT_EQ(done.status.signal, SIGABRT);
  EXPECT_THAT(done.err, AllOf(HasSubstr("subject_hangs_for_ever.with_its_loop_held took longer than its 0.200 s"),
                              HasSubstr("had not ended 0.200 s after that. This process aborts."), HasSubstr("hold_the_loop_until")));
}

TRACTOR_ACTOR_TEST_F(actor_test, one_that_cannot_be_cancelled_ends_the_process_and_its_actors) {
  const auto done = co_await subjects::run("subject_hangs_for_ever.shielded", {long_enough});
  EXPECT_EQ(done.status.signal, SIGABRT);
  EXPECT_THAT(done.out, AllOf(HasSubstr("and is cancelled."), HasSubstr("---- task tree of actor 'worker'")));
  EXPECT_THAT(done.err, AllOf(HasSubstr("it waits for what does not end by a cancel (a shield, a thread). This process aborts."),
                              HasSubstr("sleep_forever")));
}

}  // namespace
