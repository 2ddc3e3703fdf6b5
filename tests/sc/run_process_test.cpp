// SPDX-License-Identifier: Apache-2.0
//
// Programs run to their end: what goes in and comes out, and that none is left, however it ends.

#include "tractor/sc/run_process.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "sc_test.hpp"
#include "socket_test.hpp"

namespace {

using namespace sc_test;

// What /bin/sh makes of `script`.
sc::run_process_options shell(std::string script) { return {.arguments = {"/bin/sh", "-c", std::move(script)}}; }

template <class Error>
task<std::optional<Error>> error_of(sc::run_process_options options) {
  try {
    static_cast<void>(co_await sc::run_process(std::move(options)));
  } catch (const Error& failed) {
    co_return failed;
  }
  co_return std::nullopt;
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

// --- what goes in and comes out ---

TRACTOR_TEST(run_process, output_and_status_are_given) {
  const auto done = co_await sc::run_process(shell("echo hello; echo oops >&2"));

  EXPECT_EQ(done.out, "hello\n");
  EXPECT_EQ(done.err, "oops\n");
  EXPECT_TRUE(done.status.success());
  EXPECT_FALSE(done.out_truncated || done.err_truncated);
  EXPECT_FALSE(has_children());
}

TRACTOR_TEST(run_process, input_is_what_the_program_reads_up_to_its_end) {
  const std::string text(300'000, 'x');  // more than a pipe holds, both ways at once

  const auto done = co_await sc::run_process({.arguments = {"cat"}, .input = text});

  EXPECT_EQ(done.out, text);
}

TRACTOR_TEST(run_process, no_input_is_an_empty_one) {
  const auto done = co_await sc::run_process({.arguments = {"cat"}});

  EXPECT_EQ(done.out, "");
}

TRACTOR_TEST(run_process, program_that_does_not_read_its_input_is_no_error) {
  auto options = shell("exec <&-; echo done");
  options.input = std::string(300'000, 'x');

  const auto done = co_await sc::run_process(options);

  EXPECT_EQ(done.out, "done\n");
}

// Who has its stdin from the program, and does not read it, is nobody to wait for.
TRACTOR_TEST(run_process, program_that_leaves_its_input_to_another_is_not_waited_for_longer) {
  auto options = shell("sleep 1000 <&0 >/dev/null 2>&1 & echo $!");
  options.input = std::string(300'000, 'x');

  const auto done = co_await sc::run_process(options);

  EXPECT_EQ(::kill(std::stoi(done.out), SIGKILL), 0);
}

TRACTOR_TEST(run_process, program_that_closes_its_output_early_is_waited_for) {
  const auto done = co_await sc::run_process(shell("echo said; exec >&- 2>&-; read line; exit 0"));

  EXPECT_EQ(done.out, "said\n");
}

TRACTOR_TEST(run_process, streams_that_are_not_captured_give_nothing) {
  auto options = shell("echo hello; echo oops >&2");
  options.output = options.error = sc::stdio::null;

  const auto done = co_await sc::run_process(options);

  EXPECT_EQ(done.out + done.err, "");
}

TRACTOR_TEST(run_process, stdin_of_this_process_is_handed_on_in_place_of_input) {
  auto options = shell("test /proc/self/fd/0 -ef /proc/$PPID/fd/0 && echo the same");
  options.input = "not read";
  options.inherit_input = true;

  EXPECT_EQ((co_await sc::run_process(options)).out, "the same\n");
}

TRACTOR_TEST(run_process, failure_of_a_program_whose_stderr_is_not_captured_shows_none) {
  auto options = shell("exit 3");
  options.output = options.error = sc::stdio::null;

  const auto failed = co_await error_of<sc::process_failed_error>(options);

  TRACTOR_REQUIRE(failed);
  EXPECT_TRUE(std::string(failed->what()).ends_with("exited with status 3")) << failed->what();
}

TRACTOR_TEST(run_process, environment_and_directory_are_those_given) {
  auto options = shell("echo $NAME; pwd");
  options.environment = {{"NAME=value"}};
  options.working_directory = "/";

  EXPECT_EQ((co_await sc::run_process(options)).out, "value\n/\n");
}

// --- failures ---

TRACTOR_TEST(run_process, failure_shows_command_status_and_the_end_of_stderr) {
  const auto failed = co_await error_of<sc::process_failed_error>(shell("echo out; echo one >&2; echo 'the reason' >&2; exit 3"));

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(),
            "run_process(/bin/sh -c 'echo out; echo one >&2; echo '\\''the reason'\\'' >&2; exit 3') exited with status 3; "
            "the end of its stderr:\n  one\n  the reason");
  EXPECT_EQ(failed->result().status.exit_code, 3);
  EXPECT_EQ(failed->result().out, "out\n");
}

TRACTOR_TEST(run_process, failure_shows_only_the_last_lines_of_stderr) {
  const auto failed = co_await error_of<sc::process_failed_error>(shell("seq 1000 >&2; exit 1"));

  TRACTOR_REQUIRE(failed);
  EXPECT_TRUE(contains(failed->message(), "stderr:\n  991\n  992\n")) << failed->message();
  EXPECT_TRUE(failed->message().ends_with("\n  1000")) << failed->message();
}

TRACTOR_TEST(run_process, failure_shows_the_last_lines_of_a_truncated_stderr_too) {
  auto options = shell("seq 1000 >&2; exit 1");
  options.captured_bytes_max = 3;
  options.when_too_long = sc::over_bound::truncate;

  const auto failed = co_await error_of<sc::process_failed_error>(options);

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->result().err, "1\n2");
  EXPECT_TRUE(failed->message().ends_with("\n  1000")) << failed->message();
}

TRACTOR_TEST(run_process, failure_without_a_word_says_so) {
  const auto failed = co_await error_of<sc::process_failed_error>(shell("kill -KILL $$"));

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(), "run_process(/bin/sh -c 'kill -KILL $$') was killed by SIGKILL and wrote nothing to stderr");
}

TRACTOR_TEST(run_process, long_command_is_shown_in_part) {
  const auto failed = co_await error_of<sc::process_failed_error>(shell("exit 1 #" + std::string(10'000, 'x')));

  TRACTOR_REQUIRE(failed);
  EXPECT_LT(failed->message().size(), sc::shown_command_bytes_max + 100);
}

TRACTOR_TEST(run_process, failure_is_a_result_when_it_is_not_checked) {
  auto options = shell("echo oops >&2; exit 3");
  options.check = false;

  const auto done = co_await sc::run_process(options);

  EXPECT_EQ(done.status.exit_code, 3);
  EXPECT_EQ(done.err, "oops\n");
}

TRACTOR_TEST(run_process, program_that_is_missing_is_an_os_error_that_names_it) {
  const auto failed = co_await error_of<tractor::os_error>({.arguments = {"/nonexistent/program"}});

  TRACTOR_REQUIRE(failed);
  EXPECT_TRUE(contains(failed->message(), "/nonexistent/program")) << failed->message();
  EXPECT_TRUE(co_await error_of<tractor::usage_error>({}));
}

// --- bounds ---

TRACTOR_TEST(run_process, output_over_its_bound_is_an_error_and_stops_the_program) {
  auto options = shell("while :; do echo line; done");
  options.captured_bytes_max = 1000;

  const auto failed = co_await error_of<sc::too_long_error>(options);

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(), "run_process(/bin/sh -c 'while :; do echo line; done') wrote more than 1000 bytes to its stdout");
  EXPECT_EQ(failed->category(), tractor::error_category::overloaded);
  EXPECT_FALSE(has_children());
}

TRACTOR_TEST(run_process, output_over_its_bound_is_truncated_when_asked) {
  auto options = shell("seq 100000; echo oops >&2");
  options.captured_bytes_max = 5;
  options.when_too_long = sc::over_bound::truncate;

  const auto done = co_await sc::run_process(options);

  EXPECT_EQ(done.out, "1\n2\n3");
  EXPECT_TRUE(done.out_truncated);
  EXPECT_EQ(done.err, "oops\n");
  EXPECT_FALSE(done.err_truncated);
}

TRACTOR_TEST(run_process, output_as_long_as_its_bound_is_given) {
  auto options = shell("printf 12345");
  options.captured_bytes_max = 5;

  EXPECT_EQ((co_await sc::run_process(options)).out, "12345");
}

// --- cancels ---

TRACTOR_TEST(run_process, in_a_cancelled_scope_starts_nothing) {
  sc::cancel_scope scope;
  scope.cancel("before it began");

  EXPECT_FALSE(co_await scope.run([] { return sc::run_process({.arguments = {"/nonexistent/program"}}); }));
}

// A program that tells in a file how far it is, cancelled once it has; time is moved by hand, as a running program holds the clock.
class cancelled_program : public tractor::test::socket_test {
 protected:
  // Replaces "FILE" in `script`, waits until the program wrote a line there and cancels; `meanwhile` runs after that.
  void run(std::string script, std::function<task<>(const bool& ended)> meanwhile, sc::run_process_options options = {}) {
    script.replace(script.find("FILE"), 4, file("told"));
    options.arguments = shell(script).arguments;
    sc::run({.clock = &clock_, .seed = {}}, [&]() -> task<> {
      bool ended = false;
      sc::cancel_scope scope;
      co_await sc::open_nursery([&](nursery& n) -> task<> {
        n.start_soon([&]() -> task<> {
          EXPECT_FALSE(co_await scope.run([&] { return sc::run_process(options); }));
          ended = true;
        });
        while (!told().ends_with('\n')) co_await sc::checkpoint();
        scope.cancel("enough");
        co_await meanwhile(ended);
      });
    });
    EXPECT_FALSE(has_children());
    std::filesystem::remove(file("told"));
  }
  [[nodiscard]] std::string told() const {
    std::ifstream from(file("told"));
    return {std::istreambuf_iterator<char>(from), {}};
  }
  sc::virtual_clock clock_{false};
};

TEST_F(cancelled_program, that_ends_at_sigterm_ends_in_its_own_way) {
  std::string last;
  run("told=FILE; trap 'echo bye >> \"$told\"; exit 0' TERM; echo ready > \"$told\"; while :; do :; done",
      [&](const bool& ended) -> task<> {
        while (!ended) co_await sc::checkpoint();
        last = told();
      });
  EXPECT_EQ(last, "ready\nbye\n");
}

TEST_F(cancelled_program, whose_streams_are_not_pipes_ends_like_any_other) {
  sc::run_process_options options = {};
  options.output = options.error = sc::stdio::null;
  options.inherit_input = true;
  run(
      "echo ready > FILE; exec sleep 1000",
      [&](const bool& ended) -> task<> {
        while (!ended) co_await sc::checkpoint();
      },
      options);
}

TEST_F(cancelled_program, that_ignores_sigterm_is_killed_after_the_grace) {
  run("trap '' TERM; echo $$ > FILE; exec sleep 1000", [&](const bool& ended) -> task<> {
    const auto pid = static_cast<pid_t>(std::stol(told()));
    co_await tractor::test::let_others_wait();
    clock_.advance(sc::stop_grace_default - 1ms);
    co_await tractor::test::let_others_wait();
    EXPECT_FALSE(ended);
    EXPECT_EQ(::kill(pid, 0), 0) << "it lives until the grace is over";

    while (!ended) {
      clock_.advance(1ms);
      co_await sc::checkpoint();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
  });
}

TEST_F(cancelled_program, that_writes_much_while_it_ends_is_not_held_up) {
  std::string last;
  run("told=FILE; trap 'seq 100000; echo bye >> \"$told\"; exit 0' TERM; echo ready > \"$told\"; while :; do :; done",
      [&](const bool& ended) -> task<> {
        while (!ended) co_await sc::checkpoint();
        last = told();
      });
  EXPECT_EQ(last, "ready\nbye\n");
}

TEST(run_process, deadline_stops_a_program_that_takes_too_long) {
  EXPECT_THROW(sc::run([]() -> task<> {
                 co_await sc::fail_after(1ms,
                                         []() -> task<> { static_cast<void>(co_await sc::run_process({.arguments = {"sleep", "1000"}})); });
               }),
               sc::too_slow_error);
  EXPECT_FALSE(has_children());
}

}  // namespace
