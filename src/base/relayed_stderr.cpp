// SPDX-License-Identifier: Apache-2.0

#include "relayed_stderr.hpp"

#include <algorithm>

namespace tractor::detail {

constinit std::atomic<bool> stderr_is_relayed = false;

std::string attributed(std::string lines) {
  if (!stderr_is_relayed.load(std::memory_order_relaxed)) return lines;
  std::string marked;
  marked.reserve(lines.size() + 16);
  for (std::string_view rest = lines; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    marked += attributed_mark;
    marked += rest.substr(0, end);
    rest.remove_prefix(end);
  }
  return marked;
}

}  // namespace tractor::detail
