// SPDX-License-Identifier: Apache-2.0

#include "process_title.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

#include "fork_path.hpp"

namespace tractor::spawn::detail {

void process_title::adopt(int argc, char** argv) noexcept {
  if (argc < 1) return;
  begin_ = argv[0];
  char* end = begin_;
  for (int i = 0; i < argc && argv[i] == end; ++i) end += std::strlen(end) + 1;
  bytes_ = static_cast<std::size_t>(end - begin_);
}

TRACTOR_FORK_PATH void process_title::set(std::string_view text) const noexcept {
  char comm[16] = {};
  text.copy(comm, sizeof(comm) - 1);
  ::prctl(PR_SET_NAME, comm);
  if (bytes_ == 0) return;
  // The last byte stays NUL: by it the kernel tells an argument area from one that was extended over the environment.
  const std::size_t used = std::min(text.size(), bytes_ - 1);
  std::memcpy(begin_, text.data(), used);
  std::memset(begin_ + used, 0, bytes_ - used);
}

}  // namespace tractor::spawn::detail
