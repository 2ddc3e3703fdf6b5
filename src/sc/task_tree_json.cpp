// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "tractor/sc/task_tree.hpp"

namespace tractor::sc {

namespace {

// The length of the UTF-8 character that `text` begins with; 0: it begins with none.
std::size_t character_bytes(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90, too_far = first == 0xf4 && second > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_far ? 4 : 0;
  }
  return 0;
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (bytes == 0) {
      out += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += text.front();
    } else if (first < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", first);
      out += escape;
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  out += '"';
}

void append_place(std::string& out, const std::source_location& place) {
  if (place.line() == 0) {
    out += "null";
    return;
  }
  out += R"({"function":)";
  append_text(out, place.function_name());
  out += R"(,"file":)";
  append_text(out, place.file_name());
  out += R"(,"line":)" + std::to_string(place.line()) + "}";
}

std::string_view name_of(task_state state) noexcept {
  switch (state) {
    case task_state::running: return "running";
    case task_state::ready: return "ready";
    case task_state::waiting: return "waiting";
    case task_state::ended: return "ended";
  }
  return "";
}

// Calls itself for each level of tasks, at most task_tree_depth_max deep.
void append(std::string& out, const task_info& task) {
  out += R"({"id":)" + std::to_string(task.id) + R"(,"name":)";
  append_text(out, task.name);
  out += R"(,"state":)";
  append_text(out, name_of(task.state));
  out += R"(,"waiting_for":)";
  append_text(out, task.waiting_for);
  out += R"(,"waiting":)" + std::to_string(task.waiting.count()) + R"(,"cancelled":)" + (task.cancelled ? "true" : "false");
  out += R"(,"spawned_at":)";
  append_place(out, task.spawned_at);
  out += R"(,"await_chain":[)";
  for (std::size_t i = 0; i < task.await_chain.size(); ++i) {
    if (i > 0) out += ',';
    append_place(out, task.await_chain[i]);
  }
  out += R"(],"children":[)";
  for (std::size_t i = 0; i < task.children.size(); ++i) {
    if (i > 0) out += ',';
    append(out, task.children[i]);
  }
  out += R"(],"children_omitted":)" + std::to_string(task.children_omitted) + "}";
}

}  // namespace

std::string to_json(const task_info& tree) {
  std::string out;
  append(out, tree);
  return out;
}

}  // namespace tractor::sc
