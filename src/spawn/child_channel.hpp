// SPDX-License-Identifier: Apache-2.0
//
// What connects a requester with its child, made before there is a child.

#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn::detail {

struct child_channel {
  child_ends requester;
  unique_fd child_link;
  unique_fd child_stderr;
};

// As exec sees it: a standard descriptor that is closed, or would be closed, is not handed on. With a closed one the number may belong
// to one of our own descriptors.
inline bool is_inherited(int standard_fd) noexcept {
  const int flags = ::fcntl(standard_fd, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

// Everything non-blocking and closed on exec. Throws os_error.
inline child_channel open_child_channel() {
  child_channel channel;
  int ends[2];
  check_syscall(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair for the link of a new actor");
  channel.requester.link.reset(ends[0]);
  channel.child_link.reset(ends[1]);
  check_syscall(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), "pipe for the stderr of a new actor");
  channel.requester.stderr_read.reset(ends[0]);
  channel.child_stderr.reset(ends[1]);
  return channel;
}

}  // namespace tractor::spawn::detail
