// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/exec_backend.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "child_channel.hpp"
#include "environment.hpp"
#include "exec_boot.hpp"
#include "launch.hpp"
#include "payload.hpp"
#include "pidfd.hpp"
#include "program.hpp"
#include "tractor/base/error.hpp"
#include "tractor/msg/quoted.hpp"

namespace tractor::spawn {

namespace {

unique_fd make_boot_file(const spawn_request& request, bool has_fork_server) {
  const detail::exec_boot_header header{.requester = ::getpid(),
                                        .name_bytes = static_cast<std::uint32_t>(request.name.size()),
                                        .boot_bytes = static_cast<std::uint32_t>(request.boot.size()),
                                        .has_fork_server = has_fork_server};
  const std::array<std::span<const std::byte>, 3> parts{std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(request.name)),
                                                        request.boot};
  return detail::make_memory_file("tractor-boot", parts);
}

void end_unwatched(pid_t pid) noexcept {
  ::kill(pid, SIGKILL);
  retry_eintr([&] { return ::waitpid(pid, nullptr, 0); });
}

}  // namespace

exec_child exec_spawn(const spawn_request& request, const exec_options& options) {
  require_child_entry();
  request.check();
  detail::child_channel channel = detail::open_child_channel();
  const unique_fd boot_file = make_boot_file(request, options.fork_server_requests >= 0);
  const unique_fd null_device(check_syscall(::open(detail::null_device, O_RDWR | O_CLOEXEC), "open(/dev/null)"));

  std::array<detail::inherited_descriptor, 6> descriptors;
  std::size_t count = 0;
  descriptors[count++] = {null_device.get(), STDIN_FILENO};
  if (!detail::is_inherited(STDOUT_FILENO)) descriptors[count++] = {null_device.get(), STDOUT_FILENO};
  descriptors[count++] = {channel.child_stderr.get(), STDERR_FILENO};
  descriptors[count++] = {channel.child_link.get(), detail::actor_link_fd};
  if (options.fork_server_requests >= 0) descriptors[count++] = {options.fork_server_requests, detail::actor_requests_fd};
  descriptors[count++] = {boot_file.get(), detail::actor_boot_fd};

  std::string overrides = detail::pack_overrides(request.environment);
  const std::vector<char*> environment = detail::apply_overrides(environ, overrides);
  exec_child child;
  child.pid = detail::launch({.executable = options.executable,
                              .role = detail::actor_role,
                              .title = "_subactor[" + request.name + "]",
                              .environment = environment.data(),
                              .descriptors = std::span(descriptors).first(count)});
  child.pidfd.reset(detail::open_pidfd(child.pid));
  if (!child.pidfd) {
    const int error = errno;
    end_unwatched(child.pid);
    throw_os_error("pidfd_open of the new actor " + msg::quoted(request.name), error);
  }
  child.ends = std::move(channel.requester);
  return child;
}

std::optional<death_certificate> exec_child::try_reap() {
  siginfo_t info{};
  rusage usage{};
  // The system call, not the function: only it reports the resource usage as well.
  const long result = retry_eintr([&] { return ::syscall(SYS_waitid, P_PIDFD, pidfd.get(), &info, WEXITED | WNOHANG, &usage); });
  if (result != 0) {
    if (errno == ECHILD) return death_certificate::lost(pid, "end unknown: the program waited for the process itself, or ignores SIGCHLD");
    throw_os_error("waitid of actor process " + std::to_string(pid), errno);
  }
  if (info.si_pid == 0) return std::nullopt;
  const resource_usage used = resource_usage::from_rusage(usage);
  if (info.si_code == CLD_EXITED)
    return death_certificate{.pid = pid, .kind = death_kind::exited, .exit_status = info.si_status, .usage = used};
  return death_certificate{
      .pid = pid, .kind = death_kind::signaled, .signal = info.si_status, .core_dumped = info.si_code == CLD_DUMPED, .usage = used};
}

void exec_child::abandon() noexcept {
  detail::signal_pidfd(pidfd.get(), SIGKILL);
  pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  if (retry_eintr([&] { return ::poll(&ended, 1, abandon_bound_ms); }) == 1)
    retry_eintr([&] { return ::syscall(SYS_waitid, P_PIDFD, pidfd.get(), nullptr, WEXITED | WNOHANG, nullptr); });
  else
    std::fprintf(stderr, "tractor: process %d did not end within %d ms of SIGKILL\n", static_cast<int>(pid), abandon_bound_ms);
}

}  // namespace tractor::spawn
