// SPDX-License-Identifier: Apache-2.0

#include <string_view>

#include "base/json_text.hpp"
#include "tractor/sc/task_tree.hpp"

namespace tractor::sc {

namespace {

using tractor::detail::append_json_text;

void append_place(std::string& out, const std::source_location& place) {
  if (place.line() == 0) {
    out += "null";
    return;
  }
  out += R"({"function":)";
  append_json_text(out, place.function_name());
  out += R"(,"file":)";
  append_json_text(out, place.file_name());
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
  append_json_text(out, task.name);
  out += R"(,"state":)";
  append_json_text(out, name_of(task.state));
  out += R"(,"waiting_for":)";
  append_json_text(out, task.waiting_for);
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
