// SPDX-License-Identifier: Apache-2.0

#include "actor_mark.hpp"

#include <algorithm>
#include <charconv>

#include "fork_path.hpp"

namespace tractor::spawn::detail {

namespace {

TRACTOR_FORK_PATH char* write_number(char* to, pid_t number) noexcept {
  std::array<char, 12> digits;
  char* first = digits.end();
  do *--first = static_cast<char>('0' + number % 10);
  while ((number /= 10) != 0);
  return std::copy(first, digits.end(), to);
}

// The number that `text` begins with, which is cut off.
std::optional<pid_t> take_number(std::string_view& text) noexcept {
  pid_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || number <= 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

TRACTOR_FORK_PATH void write_actor_mark(actor_mark& to, pid_t server, pid_t actor) noexcept {
  char* end = std::ranges::copy(actor_mark_name, to.data()).out;
  *end++ = '=';
  end = write_number(end, server);
  *end++ = '.';
  end = write_number(end, actor);
  *end = '\0';
}

bool is_actor_mark(std::string_view variable) noexcept {
  return variable.starts_with(actor_mark_name) && variable.size() > actor_mark_name.size() && variable[actor_mark_name.size()] == '=';
}

std::optional<pid_t> actor_of_mark(std::string_view variable, pid_t server) noexcept {
  if (!is_actor_mark(variable)) return std::nullopt;
  variable.remove_prefix(actor_mark_name.size() + 1);
  if (take_number(variable) != server || !variable.starts_with('.')) return std::nullopt;
  variable.remove_prefix(1);
  const std::optional<pid_t> actor = take_number(variable);
  return variable.empty() ? actor : std::nullopt;
}

}  // namespace tractor::spawn::detail
