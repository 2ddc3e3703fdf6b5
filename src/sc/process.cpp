// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdio>

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/signals.hpp"

namespace tractor::sc {

namespace {

constexpr int first_free_fd = 3;  // those below are the child's stdio

// What posix_spawn is to do in the child. Its functions report an errno as their result.
class spawn_plan {
 public:
  spawn_plan() {
    check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init()");
    if (const int error = ::posix_spawnattr_init(&attributes_); error != 0) {
      ::posix_spawn_file_actions_destroy(&actions_);
      check(error, "posix_spawnattr_init()");
    }
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;
  ~spawn_plan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  void redirect(int fd, int target) {
    check(::posix_spawn_file_actions_adddup2(&actions_, fd, target), "posix_spawn_file_actions_adddup2()");
  }
  void open_null(int target) {
    check(::posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0), "posix_spawn_file_actions_addopen()");
  }
  void change_directory(const std::string& path) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, path.c_str()), "posix_spawn_file_actions_addchdir_np()");
  }
  void close_the_rest() {
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, first_free_fd), "posix_spawn_file_actions_addclosefrom_np()");
  }
  pid_t spawn(char* const* arguments, char* const* environment) {
    pid_t pid = 0;
    if (const int error = ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments, environment); error != 0)
      throw_os_error("posix_spawn(" + std::string(arguments[0]) + ")", error);
    return pid;
  }

 private:
  static void check(int error, const char* what) {
    if (error != 0) throw_os_error(what, error);
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

struct pipe_ends {
  unique_fd reading;
  unique_fd writing;
};

// Clear of the numbers that the child's stdio gets: a redirection would overwrite one that is still to be used.
unique_fd above_stdio(unique_fd fd) {
  if (fd.get() >= first_free_fd) return fd;
  return unique_fd(check_syscall(::fcntl(fd.get(), F_DUPFD_CLOEXEC, first_free_fd), "fcntl(F_DUPFD_CLOEXEC)"));
}

pipe_ends open_pipe() {
  int fds[2];
  check_syscall(::pipe2(fds, O_CLOEXEC), "pipe2()");
  pipe_ends ends{unique_fd(fds[0]), unique_fd(fds[1])};
  ends.reading = above_stdio(std::move(ends.reading));
  ends.writing = above_stdio(std::move(ends.writing));
  return ends;
}

unique_fd open_to_append(const std::string& path) {
  if (path.empty()) throw usage_error("child_process: stdio::file is for output and error, with the name of a file");
  const int fd = retry_eintr([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600); });
  if (fd < 0) throw_os_error("open(" + path + ")", errno);
  return above_stdio(unique_fd(fd));
}

// Plans one of the three; gives our stream for a piped one. `theirs` keeps the child's end open until the child exists.
std::unique_ptr<pipe_stream> plan_stdio(spawn_plan& plan, stdio how, int target, unique_fd& theirs, const std::string& file = {}) {
  if (how == stdio::inherit) return nullptr;
  if (how == stdio::null) {
    plan.open_null(target);
    return nullptr;
  }
  if (how == stdio::file) {
    theirs = open_to_append(file);
    plan.redirect(theirs.get(), target);
    return nullptr;
  }
  pipe_ends ends = open_pipe();
  const bool child_reads = target == STDIN_FILENO;
  theirs = std::move(child_reads ? ends.reading : ends.writing);
  plan.redirect(theirs.get(), target);
  return std::make_unique<pipe_stream>(std::move(child_reads ? ends.writing : ends.reading),
                                       child_reads ? pipe_direction::sends : pipe_direction::receives);
}

std::vector<char*> as_argv(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const auto& each : strings) pointers.push_back(const_cast<char*>(each.c_str()));  // the C interface is not const-correct
  pointers.push_back(nullptr);
  return pointers;
}

std::chrono::microseconds to_duration(const timeval& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

process_status to_status(int status, const rusage& usage) noexcept {
  process_status ended;
  if (WIFSIGNALED(status)) {
    ended.signal = WTERMSIG(status);
    ended.core_dumped = WCOREDUMP(status);
  } else {
    ended.exit_code = WEXITSTATUS(status);
  }
  ended.user_time = to_duration(usage.ru_utime);
  ended.system_time = to_duration(usage.ru_stime);
  ended.resident_kib_max = usage.ru_maxrss;
  return ended;
}

}  // namespace

std::string to_string(const process_status& status) {
  if (status.signal == 0) return "exited with status " + std::to_string(status.exit_code);
  return "was killed by " + signal_name(status.signal) + (status.core_dumped ? ", core dumped" : "");
}

child_process::child_process(const process_options& options) {
  if (options.arguments.empty()) throw usage_error("child_process: no program is given");
  program_ = options.arguments.front();
  spawn_plan plan;
  unique_fd theirs[3];
  input_ = plan_stdio(plan, options.input, STDIN_FILENO, theirs[0]);
  output_ = plan_stdio(plan, options.output, STDOUT_FILENO, theirs[1], options.output_file);
  error_ = plan_stdio(plan, options.error, STDERR_FILENO, theirs[2], options.error_file);
  plan.close_the_rest();
  if (!options.working_directory.empty()) plan.change_directory(options.working_directory);
  const auto arguments = as_argv(options.arguments);
  std::vector<char*> environment;
  if (options.environment) environment = as_argv(*options.environment);
  pid_ = plan.spawn(arguments.data(), options.environment ? environment.data() : ::environ);
  // Not reaped yet, so the number is still this child's.
  const long pidfd = ::syscall(SYS_pidfd_open, pid_, 0);
  if (pidfd < 0) {
    const int error = errno;
    end();
    throw_os_error("pidfd_open()", error);
  }
  pidfd_.reset(static_cast<int>(pidfd));
}

child_process::~child_process() {
  if (!status_) end();
}

void child_process::end() noexcept {
  const int refused = send_signal(SIGKILL);
  const bool killed = refused == 0 || refused == ESRCH;
  // One that goes on must not be waited for: it may do so for ever.
  if (reap(killed ? 0 : WNOHANG) != EAGAIN) return;
  std::fprintf(stderr, "tractor: the child process %ld ('%s') cannot be killed and is left running: %s\n", static_cast<long>(pid_),
               program_.c_str(), errno_name(refused).c_str());
}

byte_stream& child_process::piped(const std::unique_ptr<pipe_stream>& stream, const char* which) {
  if (stream == nullptr) throw usage_error(std::string("child_process: its ") + which + " is not a pipe");
  return *stream;
}

int child_process::reap(int flags) noexcept {
  int status = 0;
  rusage usage{};
  const pid_t found = retry_eintr([&] { return ::wait4(pid_, &status, flags, &usage); });
  if (found < 0) return errno;
  if (found != pid_) return EAGAIN;
  status_ = to_status(status, usage);
  return 0;
}

const std::optional<process_status>& child_process::poll() {
  if (!status_ && reap(WNOHANG) == ECHILD) throw os_error("wait4(" + program_ + "): somebody else took the status of this child", ECHILD);
  return status_;
}

task<process_status> child_process::wait() {
  co_await checkpoint();
  if (!poll()) {
    const external_wait outside;
    while (!poll()) co_await wait_readable(pidfd_.get());
  }
  co_return *status_;
}

void child_process::kill(int signal) {
  if (status_) return;
  if (const int refused = send_signal(signal); refused != 0 && refused != ESRCH)
    throw_os_error("pidfd_send_signal(" + program_ + ")", refused);
}

int child_process::send_signal(int signal) noexcept {
  // Without a pidfd the number is still the child's: it has not been reaped.
  const long sent = pidfd_ ? ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) : ::kill(pid_, signal);
  return sent == 0 ? 0 : errno;
}

}  // namespace tractor::sc
