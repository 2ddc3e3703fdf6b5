// SPDX-License-Identifier: Apache-2.0

#include "payload.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace tractor::spawn::detail {

unique_fd make_memory_file(const char* name, std::span<const std::span<const std::byte>> parts) {
  unique_fd file(check_syscall(::memfd_create(name, MFD_CLOEXEC), "memfd_create"));
  for (std::span<const std::byte> part : parts) {
    while (!part.empty()) {
      const ssize_t written =
          check_syscall(retry_eintr([&] { return ::write(file.get(), part.data(), part.size()); }), "write to a memory file");
      part = part.subspan(static_cast<std::size_t>(written));
    }
  }
  return file;
}

bool read_memory_file(int fd, std::span<std::byte> out) noexcept {
  off_t at = 0;
  while (!out.empty()) {
    const ssize_t got = retry_eintr([&] { return ::pread(fd, out.data(), out.size(), at); });
    if (got < 0) return false;
    if (got == 0) {
      errno = EIO;
      return false;
    }
    at += got;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace tractor::spawn::detail
