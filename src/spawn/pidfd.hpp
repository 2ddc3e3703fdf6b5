// SPDX-License-Identifier: Apache-2.0
//
// What can be done with a pidfd. glibc 2.36 declares the calls without C linkage, so a C++ program cannot link its functions.

#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace tractor::spawn::detail {

// Closed on exec. -1 with errno.
inline int open_pidfd(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
inline int signal_pidfd(int pidfd, int signo) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signo, nullptr, 0));
}
// The process has ended, whether or not somebody has waited for it.
inline bool has_ended(int pidfd) noexcept {
  pollfd end{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 1;
}

}  // namespace tractor::spawn::detail
