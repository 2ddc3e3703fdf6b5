// SPDX-License-Identifier: Apache-2.0

#include "process_text.hpp"

#include "tractor/sc/run_process.hpp"

namespace tractor::sc::detail {

namespace {

// As one would type it into a shell.
std::string quoted(const std::string& argument) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%";
  if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
  std::string shown = "'";
  for (const char c : argument) shown += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return shown + "'";
}

// The last lines, each on a line of its own below the message.
std::string shown_end(std::string_view text) {
  if (text.size() > shown_stderr_bytes_max) text.remove_prefix(text.size() - shown_stderr_bytes_max);
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines < shown_stderr_lines_max && begin != std::string_view::npos && begin != 0; ++lines)
    begin = text.rfind('\n', begin - 1);
  if (begin != std::string_view::npos && begin != 0) text.remove_prefix(begin + 1);
  std::string shown = "\n  ";
  for (const char c : text) shown += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return shown;
}

}  // namespace

std::string command_text(std::string_view by, const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& each : arguments) {
    if (text.size() > shown_command_bytes_max) break;
    text += (text.empty() ? "" : " ") + quoted(each);
  }
  if (text.size() > shown_command_bytes_max) text.replace(shown_command_bytes_max, std::string::npos, "…");
  return std::string(by) + "(" + text + ")";
}

std::string process_failure_text(std::string command, const process_status& status, std::optional<std::string_view> stderr_end) {
  std::string text = std::move(command) + " " + to_string(status);
  if (!stderr_end) return text;
  if (stderr_end->empty()) return text + " and wrote nothing to stderr";
  return text + "; the end of its stderr:" + shown_end(*stderr_end);
}

}  // namespace tractor::sc::detail
