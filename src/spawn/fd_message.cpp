// SPDX-License-Identifier: Apache-2.0

#include "fd_message.hpp"

#include <cstring>
#include <utility>

namespace tractor::spawn::detail {

ssize_t send_message(int socket, std::span<iovec> parts, std::span<const int> descriptors) noexcept {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * message_descriptors_max)];
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    TRACTOR_ASSERT(descriptors.size() <= message_descriptors_max, "a message of the fork server carries too many descriptors");
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  return retry_eintr([&] { return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

received_message receive_message(int socket, std::span<std::byte> buffer) noexcept {
  received_message received;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * message_descriptors_max) + CMSG_SPACE(sizeof(ucred))];
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  received.bytes = retry_eintr([&] { return ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (received.bytes < 0) return received;
  received.data_cut = (message.msg_flags & MSG_TRUNC) != 0;
  received.descriptors_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    if (header->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + at, sizeof(int));
        unique_fd owned(fd);
        if (received.descriptor_count < message_descriptors_max) received.descriptors[received.descriptor_count++] = std::move(owned);
      }
    } else if (header->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(ucred)) {
      ucred sender;
      std::memcpy(&sender, CMSG_DATA(header), sizeof(ucred));
      received.sender = sender;
    }
  }
  return received;
}

}  // namespace tractor::spawn::detail
