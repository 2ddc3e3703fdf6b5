// SPDX-License-Identifier: Apache-2.0
#include "launch.hpp"

#include "row.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace bench {
namespace {

constexpr std::size_t output_bytes_max = 1 << 20;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() { reset(); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// The process and its end: killed and waited for on every way out.
class child {
 public:
  explicit child(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  descriptor pidfd_;
};

class deadline {
 public:
  explicit deadline(std::chrono::seconds time_max) : end_ns_(now_ns() + static_cast<double>(time_max.count()) * 1e9) {}
  // False when the time is over.
  [[nodiscard]] bool wait_readable(int fd) const {
    for (;;) {
      const double left_ms = (end_ns_ - now_ns()) / 1e6;
      if (left_ms <= 0) return false;
      pollfd p{fd, POLLIN, 0};
      const int ready = ::poll(&p, 1, static_cast<int>(left_ms) + 1);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) fail("poll");
    }
  }

 private:
  double end_ns_;
};

[[noreturn]] void become(const std::vector<std::string>& argv, int output, int cpu, pid_t parent) {
  // Survives execve, not another fork: what the program starts is its own to clean up.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(126);
  std::vector<char*> arguments;
  for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  try {
    pin_to(cpu);
  } catch (const std::system_error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    ::_exit(126);
  }
  ::dup2(output, STDOUT_FILENO);
  ::execv(arguments[0], arguments.data());
  std::fprintf(stderr, "cannot execute %s: %s\n", arguments[0], std::strerror(errno));
  ::_exit(127);
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return std::string("was killed by ") + ::strsignal(WTERMSIG(status));
  return "ended with exit status " + std::to_string(WEXITSTATUS(status));
}

std::vector<line> parse_output(const std::string& output, const std::string& program) {
  std::vector<line> lines;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string text = output.substr(at, end - at);
    std::optional<line> parsed = parse_line(text);
    if (!parsed) throw std::runtime_error(program + " printed what is no line of figures: '" + text + "'");
    lines.push_back(*std::move(parsed));
    at = end + 1;
  }
  return lines;
}

}  // namespace

std::vector<line> run_for_lines(const std::vector<std::string>& argv, int cpu, std::chrono::seconds time_max) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  descriptor output(ends[0]), input(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) become(argv, input.get(), cpu, parent);
  child program(pid);
  input.reset();

  const deadline end(time_max);
  const std::string too_long = argv[0] + " took longer than " + std::to_string(time_max.count()) + " s and was killed";
  std::string text;
  for (char buffer[4096];;) {
    if (!end.wait_readable(output.get())) throw std::runtime_error(too_long);
    const ssize_t got = ::read(output.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read");
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > output_bytes_max) throw std::runtime_error(argv[0] + " printed more than a mebibyte");
  }
  if (program.pidfd() < 0) fail("pidfd_open");
  if (!end.wait_readable(program.pidfd())) throw std::runtime_error(too_long);
  if (const int status = program.wait(); status != 0) throw std::runtime_error(argv[0] + ' ' + how_it_ended(status));
  return parse_output(text, argv[0]);
}

std::string own_executable() {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) fail("readlink /proc/self/exe");
  path.resize(static_cast<std::size_t>(size));
  return path;
}

}  // namespace bench
