// SPDX-License-Identifier: Apache-2.0
//
// Programs beside the tasks of a nursery: what is relayed, how they end, and that none is left.

#include "tractor/trionics/supervise_run_process.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <stdexcept>

#include "tractor/base/error.hpp"
#include "trionics_test.hpp"

namespace {

using namespace trionics_test;
using tractor::trionics::supervise_options;
using tractor::trionics::supervise_run_process;
using tractor::trionics::supervised_process;

// What /bin/sh makes of `script`, its lines kept.
struct shell {
  explicit shell(std::string script)
      : options{.arguments = {"/bin/sh", "-c", std::move(script)},
                .label = "sh",
                .relay_output = true,
                .relay_error = true,
                .sink = [this](std::string line) -> task<> {
                  lines.push_back(std::move(line));
                  co_return;
                }} {}
  shell(const shell&) = delete;
  shell& operator=(const shell&) = delete;
  ~shell() = default;

  // Runs it to its end.
  task<> run() {
    co_await sc::open_nursery([&](nursery& n) -> task<> { co_await n.start<supervised_process>(supervise_run_process, options); });
  }

  std::vector<std::string> lines;
  supervise_options options;
};

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

// S-TRI-50
// Reference: tri/subproc::test_stdout_relayed_per_line.
TRACTOR_TEST(supervise_run_process, lines_of_both_streams_are_relayed_with_their_label) {
  shell sh("echo one; echo two; echo oops >&2; printf 'no newline'");

  co_await sh.run();

  EXPECT_THAT(sh.lines, UnorderedElementsAre("[sh:out] one", "[sh:out] two", "[sh:out] no newline", "[sh:err] oops"));
  EXPECT_FALSE(has_children());
}

// S-TRI-50
TRACTOR_TEST(supervise_run_process, only_what_is_asked_for_is_relayed) {
  shell sh("echo one; echo oops >&2");
  sh.options.relay_output = false;
  co_await sh.run();
  EXPECT_THAT(sh.lines, ElementsAre("[sh:err] oops"));

  sh.lines.clear();
  sh.options.relay_output = true;
  sh.options.relay_error = false;
  co_await sh.run();
  EXPECT_THAT(sh.lines, ElementsAre("[sh:out] one"));
}

// S-TRI-50
TRACTOR_TEST(supervise_run_process, label_is_the_programs_name_by_default) {
  shell sh("echo hello");
  sh.options.label.clear();
  co_await sh.run();
  EXPECT_THAT(sh.lines, ElementsAre("[sh:out] hello"));
}

// S-TRI-50
// Reference: tri/subproc::test_parent_tty_isolated.
TRACTOR_TEST(supervise_run_process, program_is_live_when_it_has_started_and_hears_nothing) {
  shell sh("cat; test -t 0 || echo 'no terminal'; read line; echo \"read $?\"; exec sleep 1000");
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    sh.options.check = false;
    const auto running = co_await n.start<supervised_process>(supervise_run_process, sh.options);
    EXPECT_FALSE(running->poll());
    EXPECT_GT(running->pid(), 0);
    const sc::external_wait outside;
    while (sh.lines.size() < 2) co_await sc::checkpoint();
    running->kill(SIGTERM);
    EXPECT_EQ((co_await running->wait()).signal, SIGTERM);
  });
  EXPECT_THAT(sh.lines, ElementsAre("[sh:out] no terminal", "[sh:out] read 1"));
}

// S-TRI-50
// Reference: tri/subproc::test_no_deadlock_on_big_unnewlined_output.
TRACTOR_TEST(supervise_run_process, much_output_without_a_newline_is_no_deadlock_and_comes_whole) {
  shell sh("head -c 200000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero | tr '\\0' y >&2");

  co_await sh.run();

  EXPECT_THAT(sh.lines, UnorderedElementsAre("[sh:out] " + std::string(200'000, 'x'), "[sh:err] " + std::string(200'000, 'y')));
}

TRACTOR_TEST(supervise_run_process, line_longer_than_the_bound_comes_in_pieces) {
  shell sh("head -c 1048581 /dev/zero | tr '\\0' x; echo; echo short");

  co_await sh.run();

  EXPECT_THAT(sh.lines,
              ElementsAre("[sh:out] " + std::string(tractor::trionics::relayed_line_bytes_max, 'x'), "[sh:out] xxxxx", "[sh:out] short"));
}

template <class Error, class Body>
task<std::optional<Error>> error_of(Body body) {
  const auto error = co_await caught(std::move(body));
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& wanted) {
    co_return wanted;
  } catch (...) {
    ADD_FAILURE() << text_of(error);
  }
  co_return std::nullopt;
}

// S-TRI-50
// Reference: tri/subproc::test_stderr_relay_and_cpe_rebuild, tri/subproc::test_nonrelay_cpe_note.
TRACTOR_TEST(supervise_run_process, failure_is_thrown_after_all_was_read) {
  for (const bool relayed : {true, false}) {
    shell sh("echo before; (sleep 0.1; echo after; echo 'the reason' >&2) & exit 3");
    sh.options.relay_error = relayed;

    const auto failed = co_await error_of<sc::process_failed_error>([&] { return sh.run(); });

    TRACTOR_REQUIRE(failed);
    EXPECT_THAT(failed->message(), HasSubstr("supervise_run_process(/bin/sh -c "));
    EXPECT_THAT(failed->message(), HasSubstr(" exited with status 3; the end of its stderr:\n  the reason"));
    EXPECT_EQ(failed->result().status.exit_code, 3);
    EXPECT_EQ(failed->result().err, "the reason\n");
    EXPECT_FALSE(failed->result().err_truncated);
    EXPECT_EQ(std::ranges::count(sh.lines, "[sh:out] after"), 1);
    EXPECT_EQ(std::ranges::count(sh.lines, "[sh:err] the reason"), relayed ? 1 : 0);
  }
}

// S-TRI-50
// Reference: tri/subproc::test_stderr_relay_and_cpe_rebuild.
TRACTOR_TEST(supervise_run_process, last_16_kib_of_stderr_are_kept) {
  shell sh("head -c 100000 /dev/zero | tr '\\0' x >&2; printf end >&2; exit 1");

  const auto failed = co_await error_of<sc::process_failed_error>([&] { return sh.run(); });

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->result().err.size(), tractor::trionics::kept_stderr_bytes_max);
  EXPECT_TRUE(failed->result().err.ends_with("xend"));
  EXPECT_TRUE(failed->result().err_truncated);
}

// S-TRI-50
TRACTOR_TEST(supervise_run_process, failure_is_none_without_check) {
  shell sh("exit 3");
  sh.options.check = false;
  co_await sh.run();
}

// S-TRI-50
TRACTOR_TEST(supervise_run_process, pipe_that_nobody_reads_is_an_invalid_argument) {
  shell sh("true");
  sh.options.relay_output = false;
  sh.options.output = sc::stdio::pipe;
  EXPECT_THAT(text_of(co_await caught([&] { return sh.run(); })),
              HasSubstr("std::invalid_argument: supervise_run_process(/bin/sh -c true)"));
}

TRACTOR_TEST(supervise_run_process, program_that_does_not_exist_is_an_error_of_the_start) {
  shell sh("true");
  sh.options.arguments = {"/nonexistent/program"};
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto error = co_await caught([&]() -> task<> { co_await n.start<supervised_process>(supervise_run_process, sh.options); });
    EXPECT_THAT(text_of(error), HasSubstr("os_error"));
    EXPECT_THAT(text_of(error), HasSubstr("/nonexistent/program"));
  });
}

TRACTOR_TEST(supervise_run_process, cancel_ends_the_program_and_its_last_words_are_relayed) {
  shell sh("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto running = co_await n.start<supervised_process>(supervise_run_process, sh.options);
    const sc::external_wait outside;
    while (sh.lines.empty()) co_await sc::checkpoint();
    n.cancel("enough");
  });
  EXPECT_THAT(sh.lines, ElementsAre("[sh:out] up", "[sh:out] bye"));
  EXPECT_FALSE(has_children());
}

TRACTOR_TEST(supervise_run_process, program_that_ignores_sigterm_is_killed) {
  shell sh("trap '' TERM; echo up; while :; do sleep 0.01; done");
  sh.options.grace = 0s;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    const auto running = co_await n.start<supervised_process>(supervise_run_process, sh.options);
    const sc::external_wait outside;
    while (sh.lines.empty()) co_await sc::checkpoint();
    n.cancel("enough");
    co_await sc::shielded([&]() -> task<> { EXPECT_EQ((co_await running->wait()).signal, SIGKILL); });
  });
  EXPECT_FALSE(has_children());
}

TRACTOR_TEST(supervise_run_process, error_of_the_sink_ends_the_program) {
  shell sh("echo up; exec sleep 1000");
  sh.options.sink = [](std::string) -> task<> {
    co_await sc::checkpoint();
    throw std::runtime_error("no room");
  };
  EXPECT_EQ(text_of(co_await caught([&] { return sh.run(); })), "std::runtime_error: no room");
  EXPECT_FALSE(has_children());
}

// S-TRI-50
TEST(supervise_run_process, lines_go_to_stderr_by_default) {
  ::testing::internal::CaptureStderr();
  tractor::testing::run_seeded(
      []() -> task<> {
        shell sh("echo hello");
        sh.options.sink = {};
        co_await sh.run();
      },
      1);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "[sh:out] hello\n");
}

}  // namespace
