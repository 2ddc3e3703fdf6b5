// SPDX-License-Identifier: Apache-2.0
//
// Child processes, pipes, and waiting for any descriptor.

#include "tractor/sc/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "refused_call.hpp"
#include "sc_test.hpp"
#include "tractor/sc/readiness.hpp"

namespace {

using namespace sc_test;
using tractor::check_syscall;
using tractor::unique_fd;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

task<std::string> receive_all(sc::byte_stream& from) {
  std::string all;
  std::vector<std::byte> buffer(4096);
  for (;;) {
    const std::size_t got = co_await from.receive_some(buffer);
    if (got == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
}

// What /bin/sh makes of `script`.
sc::process_options shell(std::string script) { return {.arguments = {"/bin/sh", "-c", std::move(script)}}; }

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

TRACTOR_TEST(child_process, exit_status_is_given) {
  sc::child_process child(shell("exit 3"));
  const auto status = co_await child.wait();
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(status.signal, 0);
  EXPECT_FALSE(status.success());
  EXPECT_EQ(sc::to_string(status), "exited with status 3");
  EXPECT_GT(status.resident_kib_max, 0);
}

TRACTOR_TEST(child_process, killing_signal_is_given) {
  sc::child_process child(shell("kill -TERM $$"));
  const auto status = co_await child.wait();
  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(sc::to_string(status), "was killed by SIGTERM");
}

TRACTOR_TEST(child_process, pipes_lead_to_its_stdio) {
  auto options = shell("cat; echo oops >&2");
  options.input = options.output = options.error = sc::stdio::pipe;
  sc::child_process child(options);
  const sc::external_wait outside;
  const std::string text(300'000, 'x');  // more than a pipe holds
  std::string output, error;
  co_await sc::open_nursery([&](nursery& n) {
    n.start_soon([&]() -> task<> {
      co_await child.input().send_all(bytes_of(text));
      child.input().send_eof();
    });
    n.start_soon([&]() -> task<> { output = co_await receive_all(child.output()); });
    n.start_soon([&]() -> task<> { error = co_await receive_all(child.error()); });
  });
  EXPECT_TRUE((co_await child.wait()).success());
  EXPECT_EQ(output, text);
  EXPECT_EQ(error, "oops\n");
}

TRACTOR_TEST(child_process, files_get_its_output_at_their_end) {
  char directory[] = "/tmp/tractor-process-XXXXXX";
  TRACTOR_REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string out = directory + std::string("/out"), err = directory + std::string("/err");
  std::ofstream(out) << "before\n";
  auto options = shell("echo said; echo oops >&2");
  options.output = options.error = sc::stdio::file;
  options.output_file = out;
  options.error_file = err;
  sc::child_process child(options);
  EXPECT_TRUE((co_await child.wait()).success());
  EXPECT_EQ(contents(out), "before\nsaid\n");
  EXPECT_EQ(contents(err), "oops\n");
  std::filesystem::remove_all(directory);
}

TRACTOR_TEST(child_process, file_that_cannot_be_opened_is_an_error) {
  auto options = shell("exit 0");
  options.error = sc::stdio::file;
  EXPECT_THROW(sc::child_process{options}, tractor::usage_error) << "none is named";
  options.error_file = "/nonexistent/err";
  EXPECT_THROW(sc::child_process{options}, tractor::os_error);
  options.input = sc::stdio::file;
  EXPECT_THROW(sc::child_process{options}, tractor::usage_error) << "what is read comes from elsewhere";
  co_return;
}

TRACTOR_TEST(child_process, sending_to_one_that_is_gone_is_an_error_and_no_signal) {
  auto options = shell("exit 0");
  options.input = sc::stdio::pipe;
  sc::child_process child(options);
  co_await child.wait();
  const std::string text(300'000, 'x');
  EXPECT_THROW(co_await child.input().send_all(bytes_of(text)), sc::broken_resource_error);
}

TRACTOR_TEST(child_process, environment_and_directory_are_those_given) {
  auto options = shell("echo $NAME; pwd; env | wc -l");
  options.environment = {{"NAME=value", "PATH=/usr/bin:/bin"}};
  options.working_directory = "/";
  options.output = sc::stdio::pipe;
  sc::child_process child(options);
  const sc::external_wait outside;
  const std::string output = co_await receive_all(child.output());
  EXPECT_TRUE(contains(output, "value\n/\n")) << output;
  co_await child.wait();
}

TRACTOR_TEST(child_process, starts_with_default_signals_an_empty_mask_and_three_descriptors) {
  const unique_fd leaked(check_syscall(::open("/dev/null", O_RDONLY), "open()"));  // not close-on-exec
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ::signal(SIGUSR2, SIG_IGN);
  auto options = shell("grep SigBlk /proc/self/status | cut -f2; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status | cut -f2");
  options.output = sc::stdio::pipe;
  sc::child_process child(options);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGUSR2, SIG_DFL);
  const sc::external_wait outside;
  const std::string output = co_await receive_all(child.output());
  EXPECT_TRUE(output.starts_with("0000000000000000\n4\n")) << output;  // ls itself opens the fourth
  TRACTOR_REQUIRE(output.size() > 19);
  const std::uint64_t ignored = std::strtoull(output.c_str() + 19, nullptr, 16);
  EXPECT_EQ(ignored & 0x7fff'ffff, 0u) << output;  // above them are two that the C library keeps for itself
  co_await child.wait();
}

TRACTOR_TEST(child_process, program_that_is_missing_is_an_os_error_that_names_it) {
  const std::string text = message_of([] { sc::child_process({.arguments = {"/nonexistent/program"}}); });
  EXPECT_TRUE(contains(text, "/nonexistent/program")) << text;
  EXPECT_TRUE(contains(text, "ENOENT")) << text;
  EXPECT_THROW(sc::child_process({.arguments = {}}), tractor::usage_error);
  co_return;
}

TRACTOR_TEST(child_process, any_number_of_tasks_may_wait) {
  sc::child_process child(shell("read line"));  // stdin is /dev/null
  int ended = 0;
  co_await sc::open_nursery([&](nursery& n) {
    for (int i = 0; i < 3; ++i)
      n.start_soon([&]() -> task<> {
        static_cast<void>(co_await child.wait());
        ++ended;
      });
  });
  EXPECT_EQ(ended, 3);
  EXPECT_TRUE(child.poll().has_value());
}

TRACTOR_TEST(child_process, cancelled_wait_leaves_the_child_alone) {
  auto options = shell("read line");
  options.input = sc::stdio::pipe;
  sc::child_process child(options);
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await scope.run([&]() -> task<> { static_cast<void>(co_await child.wait()); }); });
    for (int i = 0; i < 5; ++i) co_await sc::checkpoint();
    scope.cancel();
  });
  EXPECT_FALSE(child.poll().has_value());
  EXPECT_TRUE(exists(child.pid()));
  child.kill();
  EXPECT_EQ((co_await child.wait()).signal, SIGTERM);
  child.kill();  // does nothing now
}

TRACTOR_TEST(child_process, destroyed_while_it_runs_is_killed_and_reaped) {
  pid_t pid = 0;
  {
    auto options = shell("read line");
    options.input = sc::stdio::pipe;
    const sc::child_process child(options);
    pid = child.pid();
    EXPECT_TRUE(exists(pid));
  }
  EXPECT_FALSE(exists(pid));
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
  co_return;
}

TRACTOR_TEST(child_process, runs_on_when_an_old_error_says_that_there_is_no_child) {
  auto options = shell("read line");
  options.input = sc::stdio::pipe;
  sc::child_process child(options);
  errno = ECHILD;  // of some other call
  EXPECT_FALSE(child.poll().has_value());
  child.input().close();
  errno = ECHILD;
  EXPECT_EQ((co_await child.wait()).signal, 0);
}

TRACTOR_TEST(child_process, whose_status_somebody_else_took_is_an_error_that_says_so) {
  sc::child_process child(shell("exit 0"));
  EXPECT_EQ(::waitpid(child.pid(), nullptr, 0), child.pid());
  const std::string text = message_of([&] { static_cast<void>(child.poll()); });
  EXPECT_TRUE(contains(text, "somebody else took the status")) << text;
  co_return;
}

// Leaves the block of a child that may not be killed. For a process of its own.
void leave_one_that_cannot_be_killed() {
  pid_t pid = 0;
  int ended_before = -1;
  {
    auto options = shell("read line");
    options.input = sc::stdio::pipe;
    sc::child_process child(options);
    pid = child.pid();
    refuse_system_call(SYS_pidfd_send_signal, EPERM);
    const std::string text = message_of([&] { child.kill(); });
    if (!contains(text, "EPERM")) std::_Exit(1);
    ended_before = ::waitpid(pid, nullptr, WNOHANG);
  }
  // It was left alone: it ends now, because the pipe to it is gone.
  int status = 0;
  const bool alone = ended_before == 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status);
  std::_Exit(alone ? 0 : 2);
}

TEST(child_process_death_test, that_cannot_be_killed_is_left_alone_with_a_line_that_says_so) {
  EXPECT_EXIT(leave_one_that_cannot_be_killed(), testing::ExitedWithCode(0), "'/bin/sh'.* cannot be killed and is left running: EPERM");
}

TRACTOR_TEST(child_process, stdio_that_is_no_pipe_is_a_usage_error) {
  sc::child_process child(shell("exit 0"));
  EXPECT_THROW(static_cast<void>(child.input()), tractor::usage_error);
  EXPECT_THROW(static_cast<void>(child.output()), tractor::usage_error);
  co_await child.wait();
}

// --- readiness ---

struct pipe_fds {
  unique_fd reading, writing;
};
pipe_fds open_pipe() {
  int fds[2];
  check_syscall(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), "pipe2()");
  return {unique_fd(fds[0]), unique_fd(fds[1])};
}

TRACTOR_TEST(wait_readable, returns_when_bytes_arrive) {
  const auto pipe = open_pipe();
  bool readable = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::wait_readable(pipe.reading.get());
      readable = true;
    });
    co_await settle();
    EXPECT_FALSE(readable);
    EXPECT_EQ(::write(pipe.writing.get(), "x", 1), 1);
  });
  EXPECT_TRUE(readable);
}

TRACTOR_TEST(wait_readable, of_a_readable_one_returns_every_time) {
  const auto pipe = open_pipe();
  EXPECT_EQ(::write(pipe.writing.get(), "x", 1), 1);
  for (int i = 0; i < 3; ++i) co_await sc::wait_readable(pipe.reading.get());
}

TRACTOR_TEST(wait_readable, returns_when_the_other_side_hangs_up) {
  auto pipe = open_pipe();
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await sc::wait_readable(pipe.reading.get()); });
    co_await settle();
    pipe.writing.reset();
  });
}

TRACTOR_TEST(wait_readable, by_several_tasks_wakes_all) {
  const auto pipe = open_pipe();
  int woken = 0;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < 4; ++i)
      n.start_soon([&]() -> task<> {
        co_await sc::wait_readable(pipe.reading.get());
        ++woken;
      });
    co_await settle();
    EXPECT_EQ(::write(pipe.writing.get(), "x", 1), 1);
  });
  EXPECT_EQ(woken, 4);
}

TRACTOR_TEST(wait_readable, cancelled_leaves_nothing_registered) {
  const auto pipe = open_pipe();
  const std::size_t before = sc::runner::current()->io().source_count();
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { co_await sc::wait_readable(pipe.reading.get()); }));
  EXPECT_EQ(sc::runner::current()->io().source_count(), before);
}

TRACTOR_TEST(wait_writable, returns_when_there_is_room) {
  const auto pipe = open_pipe();
  co_await sc::wait_writable(pipe.writing.get());
  const std::string much(1 << 20, 'x');
  while (::write(pipe.writing.get(), much.data(), much.size()) > 0) {
  }
  bool writable = false;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> {
      co_await sc::wait_writable(pipe.writing.get());
      writable = true;
    });
    co_await settle();
    EXPECT_FALSE(writable);
    std::string sink(1 << 20, '\0');
    EXPECT_GT(::read(pipe.reading.get(), sink.data(), sink.size()), 0);
  });
  EXPECT_TRUE(writable);
}

TRACTOR_TEST(wait_readable, of_what_cannot_be_polled_is_an_os_error) {
  const unique_fd file(check_syscall(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open()"));
  EXPECT_THROW(co_await sc::wait_readable(file.get()), tractor::os_error);
  EXPECT_THROW(co_await sc::wait_readable(-1), tractor::os_error);
  co_await sc::checkpoint();  // the task is whole
}

TRACTOR_TEST(wait_readable, of_a_descriptor_that_is_woken_and_cancelled_in_one_round) {
  const auto pipe = open_pipe();
  sc::cancel_scope scope;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { co_await scope.run([&]() -> task<> { co_await sc::wait_readable(pipe.reading.get()); }); });
    co_await settle();
    EXPECT_EQ(::write(pipe.writing.get(), "x", 1), 1);
    scope.cancel();
  });
  EXPECT_TRUE(scope.cancelled_caught());
}

}  // namespace
