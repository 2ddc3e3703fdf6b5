// SPDX-License-Identifier: Apache-2.0
//
// What both process backends promise alike: one suite, run with the fork server and with exec.

#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>

#include "process_test.hpp"
#include "tractor/base/error.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

class backend_test : public process_test, public ::testing::WithParamInterface<start_method> {
 protected:
  [[nodiscard]] start_method method() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(both, backend_test, ::testing::Values(start_method::forkserver, start_method::exec),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(backend_test, child_greets_and_ends_when_its_link_closes) {
  requester parent;

  started_child child = parent.start(method(), "hello");

  EXPECT_EQ("hello", read_line(child.ends.link.get()));
  EXPECT_FALSE(ended(child.pidfd.get()));
  child.ends.link.reset();
  const death_certificate certificate = parent.await_death(child);
  EXPECT_EQ("exit status 0", certificate.text());
  EXPECT_EQ(child.pid, certificate.pid);
  EXPECT_GT(certificate.usage.minor_faults, 0);
}

// S-NUR-6
TEST_P(backend_test, child_that_dies_at_once_leaves_status_and_stderr) {
  requester parent;

  started_child child = parent.start(method(), "end 3");

  EXPECT_EQ("exit status 3", parent.await_death(child).text());
  EXPECT_EQ(std::nullopt, read_line(child.ends.link.get()));
  EXPECT_EQ("cannot go on\n", read_all(child.ends.stderr_read.get()));
}

TEST_P(backend_test, death_by_signal_is_told) {
  requester parent;
  for (const auto& [signo, text] :
       {std::pair(SIGSEGV, "killed by SIGSEGV"), {SIGTERM, "killed by SIGTERM"}, {SIGABRT, "killed by SIGABRT"}}) {
    started_child child = parent.start(method(), "die_by " + std::to_string(signo));
    EXPECT_EQ(text, parent.await_death(child).text());
  }
}

TEST_P(backend_test, killed_child_is_reported) {
  requester parent;
  started_child child = parent.start(method(), "spin");
  read_line(child.ends.link.get());

  tractor::spawn::detail::signal_pidfd(child.pidfd.get(), SIGKILL);

  EXPECT_EQ("killed by SIGKILL", parent.await_death(child).text());
}

TEST_P(backend_test, boot_bytes_of_any_size_arrive) {
  requester parent;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{16 * 1024}, std::size_t{16 * 1024 + 1}, std::size_t{200 * 1024}, boot_bytes_max}) {
    std::vector<std::byte> boot(size);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
      boot[i] = static_cast<std::byte>(0x80 | (i * 7));
      sum = sum * 31 + std::to_integer<std::uint64_t>(boot[i]);
    }
    started_child child = parent.start(method(), {.name = "scales", .boot = boot});
    std::istringstream answer(read_line(child.ends.link.get()).value_or(""));
    std::size_t told_size = 0;
    std::uint64_t told_sum = 0;
    std::string told_method, told_name;
    pid_t told_requester = 0, told_parent = 0;
    answer >> told_size >> told_sum >> told_method >> told_name >> told_requester >> told_parent;
    EXPECT_EQ(size, told_size);
    EXPECT_EQ(sum, told_sum) << size;
    EXPECT_EQ(to_string(method()), told_method);
    EXPECT_EQ("scales", told_name);
    EXPECT_EQ(::getpid(), told_requester);
    EXPECT_EQ(method() == start_method::exec ? ::getpid() : parent.server.server_pid(), told_parent);
    EXPECT_TRUE(parent.await_death(child).clean());
  }
}

TEST_P(backend_test, request_out_of_bounds_is_refused_by_name) {
  requester parent;
  const std::vector<std::byte> too_much(boot_bytes_max + 1);
  const auto refusal = [&](const spawn_request& request) -> std::string {
    try {
      parent.start(method(), request);
    } catch (const tractor::usage_error& refused) {
      return refused.what();
    }
    return "none";
  };
  EXPECT_NE(std::string::npos,
            refusal({.name = "big", .boot = too_much}).find("boot data of actor 'big' has 1048577 bytes, the most is 1048576"));
  EXPECT_NE(std::string::npos, refusal({.name = std::string(256, 'n')}).find("name has 256 bytes, the most is 255"));
  EXPECT_NE(std::string::npos, refusal({.name = std::string("a\0b", 3)}).find("NUL"));
  EXPECT_NE(std::string::npos, refusal({.name = "env", .environment = {{"A=B", "1"}}}).find("'A=B'"));
  EXPECT_NE(std::string::npos, refusal({.name = "env", .environment = {{"", "1"}}}).find("''"));
  EXPECT_NE(std::string::npos,
            refusal({.name = "env", .environment = {{"A", std::string(environment_bytes_max, 'x')}}}).find("the most is"));
}

TEST_P(backend_test, environment_overrides_reach_that_child_only) {
  ::setenv("TRACTOR_TEST_A", "from the requester", 1);
  requester parent;
  const std::string question = "tell_environment TRACTOR_TEST_A TRACTOR_TEST_B";
  const std::string large(100'000, 'v');

  const auto answers = [&](std::vector<environment_override> overrides) {
    started_child child =
        parent.start(method(), spawn_request{.name = "w", .boot = std::as_bytes(std::span(question)), .environment = std::move(overrides)});
    std::string text = read_all(child.ends.link.get());
    EXPECT_TRUE(parent.await_death(child).clean());
    return text;
  };

  EXPECT_EQ("=from the requester\nunset\n", answers({}));
  EXPECT_EQ("=changed\n=added\n", answers({{"TRACTOR_TEST_A", "changed"}, {"TRACTOR_TEST_B", "added"}}));
  EXPECT_TRUE("unset\n=" + large + "\n" == answers({{"TRACTOR_TEST_A", std::nullopt}, {"TRACTOR_TEST_B", large}}));
  ::setenv("TRACTOR_TEST_A", large.c_str(), 1);
  EXPECT_TRUE("=" + large + "\nunset\n" == answers({}));
  ::unsetenv("TRACTOR_TEST_A");
  EXPECT_EQ("unset\nunset\n", answers({}));
}

TEST_P(backend_test, exit_handlers_of_the_actor_run_and_its_output_is_flushed) {
  const std::string path = ::testing::TempDir() + "tractor-stdout-" + std::to_string(::getpid());
  const tractor::unique_fd own_stdout(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  tractor::unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_TRUE(file);
  std::fflush(stdout);
  ::dup2(file.get(), STDOUT_FILENO);
  requester parent;

  started_child child = parent.start(method(), "use_exit_handlers");
  ::dup2(own_stdout.get(), STDOUT_FILENO);

  EXPECT_EQ("registered by the actor", read_line(child.ends.link.get()));
  EXPECT_EQ("exit status 5", parent.await_death(child).text());
  std::ifstream written(path);
  std::string text;
  std::getline(written, text);
  EXPECT_EQ("left in the buffer", text);
  ::unlink(path.c_str());
}

// A closed stdout becomes /dev/null, so that the first file which an actor opens does not become its stdout.
TEST_P(backend_test, closed_stdout_becomes_the_null_device) {
  requester parent;
  std::fflush(stdout);
  const tractor::unique_fd own_stdout(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  parent.server.start();
  ::close(STDOUT_FILENO);
  // The link gets the number 1, but must not become the child's stdout.
  started_child child = parent.start(method(), "describe");
  EXPECT_EQ(STDOUT_FILENO, child.ends.link.get());
  child.ends.link.reset(::fcntl(child.ends.link.get(), F_DUPFD_CLOEXEC, STDERR_FILENO));
  ::dup2(own_stdout.get(), STDOUT_FILENO);
  const std::string world = read_all(child.ends.link.get());

  EXPECT_NE(std::string::npos, world.find("fd 1 /dev/null")) << world;
  EXPECT_TRUE(parent.await_death(child).clean());
}

TEST_P(backend_test, full_stderr_pipe_never_stops_the_child) {
  requester parent;
  started_child child = parent.start(method(), "chatter");
  EXPECT_EQ("done", read_line(child.ends.link.get()));
  EXPECT_TRUE(parent.await_death(child).clean());
}

TEST_P(backend_test, no_descriptors_left_is_an_error_and_nothing_is_lost) {
  requester parent;
  started_child living = parent.start(method(), "hello");
  rlimit usual;
  ::getrlimit(RLIMIT_NOFILE, &usual);
  rlimit none_left = usual;
  none_left.rlim_cur = 0;

  ::setrlimit(RLIMIT_NOFILE, &none_left);
  std::exception_ptr failure;
  try {
    parent.start(method(), "hello");
  } catch (...) {
    failure = std::current_exception();  // looked at later: a sanitizer needs descriptors to check an object's type
  }
  ::setrlimit(RLIMIT_NOFILE, &usual);

  ASSERT_TRUE(failure);
  try {
    std::rethrow_exception(failure);
  } catch (const tractor::os_error& failed) {
    EXPECT_EQ(EMFILE, failed.errno_value());
    EXPECT_NE(std::string::npos, failed.message().find("[EMFILE]")) << failed.what();
  }
  EXPECT_EQ("hello", read_line(living.ends.link.get()));
  living.ends.link.reset();
  EXPECT_TRUE(parent.await_death(living).clean());
  started_child next = parent.start(method(), "end 0");
  EXPECT_TRUE(parent.await_death(next).clean());
}

TEST_P(backend_test, nested_children_start_at_every_depth) {
  requester parent;

  started_child child = parent.start(method(), "chain " + std::string(to_string(method())) + " 3");

  std::vector<tractor::unique_fd> descendants;
  for (std::optional<std::string> line; (line = read_line(child.ends.link.get())) && *line != "ready";)
    if (!line->starts_with("server")) descendants.push_back(watch_process(std::stoi(*line)));
  EXPECT_EQ(4U, descendants.size());
  child.ends.link.reset();  // the chain ends from here to its leaf, which has to be killed
  for (const auto& descendant : descendants) EXPECT_TRUE(ends(descendant.get()));
  EXPECT_TRUE(parent.await_death(child).clean());
}

// Another thing must have become of a file that an actor's program was started from, for this to mean anything.
TEST_P(backend_test, deleted_program_file_can_still_be_executed) {
  const std::string copy = ::testing::TempDir() + "tractor-spawn-copy-" + std::to_string(::getpid());
  std::filesystem::copy_file("/proc/self/exe", copy, std::filesystem::copy_options::overwrite_existing);
  requester parent;
  parent.executable = copy;

  started_child root = parent.start(start_method::exec, std::string("outlive_file ") + to_string(method()));

  EXPECT_EQ("gone", read_line(root.ends.link.get()));
  EXPECT_FALSE(std::filesystem::exists(copy));
  EXPECT_EQ("hello", read_line(root.ends.link.get()));
  EXPECT_EQ("exit status 0", read_line(root.ends.link.get()));
  EXPECT_TRUE(parent.await_death(root).clean());
  EXPECT_EQ("", read_all(root.ends.stderr_read.get()));
}

}  // namespace
