// SPDX-License-Identifier: Apache-2.0

#include "inherited_pages.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "tractor/base/fd.hpp"

namespace tractor::spawn::detail {

namespace {

constexpr std::size_t listing_bytes_max = std::size_t{1} << 20;

std::string list_mappings() {
  std::string text;
  const unique_fd file(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  char buffer[4096];
  while (text.size() < listing_bytes_max) {
    const ssize_t got = retry_eintr([&] { return ::read(file.get(), buffer, sizeof(buffer)); });
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

// A write through /proc/self/mem gives the process its own copy of the page, whatever the protection of the mapping, which stays as it
// is: the way in which debuggers set breakpoints. The byte that is written is the one that is there.
void let_children_inherit_file_pages() noexcept try {
  const unique_fd memory(::open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  if (!memory) return;
  const std::string mappings = list_mappings();
  for (const char* line = mappings.c_str(); line != nullptr && *line != '\0';) {
    std::uintptr_t begin = 0;
    char mode[5] = "";
    unsigned long inode = 0;
    const bool parsed = std::sscanf(line, "%lx-%*x %4s %*x %*x:%*x %lu", &begin, mode, &inode) == 3;
    line = std::strchr(line, '\n');
    if (line != nullptr) ++line;
    if (!parsed || inode == 0 || mode[0] != 'r' || mode[1] != '-' || mode[3] != 'p') continue;
    char byte = 0;
    const auto at = static_cast<off_t>(begin);
    if (::pread(memory.get(), &byte, 1, at) == 1 && ::pwrite(memory.get(), &byte, 1, at) != 1) return;
  }
} catch (const std::bad_alloc&) {
  return;
}

}  // namespace tractor::spawn::detail
