// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/task_tree.hpp"

#include <algorithm>

namespace tractor::sc {

namespace detail {

struct tree_builder {
  runner& run;
  time_point now;

  // Depth is that of nested nurseries, which the program itself has as frames.
  task_info build(const task_record& task) const {
    task_info info;
    info.id = task.id;
    info.name = task.name;
    info.state = &task == run.running() ? task_state::running : task.waiting != nullptr ? task_state::waiting : task_state::ready;
    if (task.waiting != nullptr) {
      info.waiting_for = task.waiting->what;
      info.waiting = std::max(duration::zero(), now - task.waiting_since);
    }
    info.cancelled = task.scope != nullptr && task.scope->effectively_cancelled();
    info.spawned_at = task.spawned_at;
    for (const promise_base* at = task.leaf; at != nullptr; at = at->parent)
      if (at->site.line() != 0) info.await_chain.push_back(at->site);
    add_children(task, info);
    return info;
  }

  void add_children(const task_record& task, task_info& info) const;
};

}  // namespace detail

struct nursery_walk {
  [[nodiscard]] static const nursery* outer(const nursery& open) noexcept { return open.outer_; }
  [[nodiscard]] static const detail::task_record* first(const nursery& open) noexcept { return open.first_child_; }
};

void detail::tree_builder::add_children(const task_record& task, task_info& info) const {
  for (const nursery* open = task.innermost_nursery; open != nullptr; open = nursery_walk::outer(*open))
    for (const task_record* child = nursery_walk::first(*open); child != nullptr; child = child->next)
      info.children.push_back(build(*child));
  std::sort(info.children.begin(), info.children.end(), [](const task_info& a, const task_info& b) { return a.id < b.id; });
}

task_info task_tree_of(runner& run) {
  if (run.main_task() == nullptr) throw usage_error("this run has not been started: it has no task tree");
  return detail::tree_builder{run, run.now()}.build(*run.main_task());
}

task_info task_tree() { return task_tree_of(detail::this_runner()); }

namespace {

void append(std::string& text, const task_info& task, std::size_t depth) {
  const std::string indent(depth * 2, ' ');
  text += indent + "- " + task.name + " [" + std::to_string(task.id) + "] ";
  switch (task.state) {
    case task_state::running: text += "running"; break;
    case task_state::ready: text += "ready"; break;
    case task_state::waiting:
      text += "waits in " + task.waiting_for + " since " +
              std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(task.waiting).count()) + " ms";
      break;
  }
  if (task.cancelled) text += ", cancelled";
  if (task.spawned_at.line() != 0)
    text += std::string(", started at ") + task.spawned_at.file_name() + ":" + std::to_string(task.spawned_at.line());
  text += '\n';
  for (const auto& site : task.await_chain)
    text += indent + "    awaits in " + site.function_name() + " at " + site.file_name() + ":" + std::to_string(site.line()) + "\n";
  for (const auto& child : task.children) append(text, child, depth + 1);
}

}  // namespace

std::string to_text(const task_info& tree) {
  std::string text;
  append(text, tree, 0);
  return text;
}

}  // namespace tractor::sc
