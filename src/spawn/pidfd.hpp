// SPDX-License-Identifier: Apache-2.0
//
// The two calls on pidfds. glibc 2.36 declares them without C linkage, so a C++ program cannot link its functions.

#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace tractor::spawn::detail {

// Closed on exec. -1 with errno.
inline int open_pidfd(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
inline int signal_pidfd(int pidfd, int signo) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signo, nullptr, 0));
}

}  // namespace tractor::spawn::detail
