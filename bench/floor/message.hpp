// SPDX-License-Identifier: Apache-2.0
//
// What the raw fork server and its requester say to each other: one packet a message, at most one descriptor with it.
#pragma once

#include "floor.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

namespace raw {

struct message {
  enum class kind : std::uint32_t { start, started, ended } what;
  pid_t pid = 0;
  int status = 0;
  rusage usage{};
};

inline void send(int socket, const message& m, int passed_fd = -1) {
  iovec body{const_cast<message*>(&m), sizeof m};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{nullptr, 0, &body, 1, nullptr, 0, 0};
  if (passed_fd >= 0) {
    header.msg_control = control, header.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &passed_fd, sizeof passed_fd);
  }
  check(::sendmsg(socket, &header, MSG_NOSIGNAL), "sendmsg");
}

// False at the end of the stream.
inline bool receive(int socket, message& m, int& passed_fd) {
  iovec body{&m, sizeof m};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{nullptr, 0, &body, 1, control, sizeof control, 0};
  const ssize_t got = check(::recvmsg(socket, &header, MSG_CMSG_CLOEXEC), "recvmsg");
  passed_fd = -1;
  if (const cmsghdr* c = CMSG_FIRSTHDR(&header); got > 0 && c != nullptr) std::memcpy(&passed_fd, CMSG_DATA(c), sizeof passed_fd);
  return got > 0;
}

}  // namespace raw
