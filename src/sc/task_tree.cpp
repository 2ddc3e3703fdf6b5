// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/task_tree.hpp"

#include <algorithm>

namespace tractor::sc {

struct nursery_walk {
  [[nodiscard]] static const nursery* outer(const nursery& open) noexcept { return open.outer_; }
  [[nodiscard]] static const detail::task_record* first(const nursery& open) noexcept { return open.first_child_; }
};

namespace {

using detail::task_record;

// Calls itself for each level of tasks, at most task_tree_depth_max deep.
class tree_builder {
 public:
  explicit tree_builder(runner& run) : run_(run), now_(run.now()) {}

  task_info build(const task_record& task, std::size_t levels_left) {
    task_info info;
    info.id = task.id;
    info.name = task.name();
    info.state = state_of(task);
    if (task.waiting != nullptr) {
      info.waiting_for = task.waiting->kind->name;
      info.waiting = std::max(duration::zero(), now_ - task.waiting_since);
    }
    info.cancelled = task.scope != nullptr && task.scope->effectively_cancelled();
    info.spawned_at = task.spawned_at;
    const detail::promise_base* const leaf = info.state == task_state::running || info.state == task_state::ended ? nullptr : task.leaf;
    for (const detail::promise_base* at = leaf; at != nullptr && info.await_chain.size() < await_chain_max; at = at->parent)
      if (at->site.line() != 0) info.await_chain.push_back(at->site);
    add_children(task, info, levels_left);
    return info;
  }

 private:
  [[nodiscard]] task_state state_of(const task_record& task) const noexcept {
    if (&task == run_.running()) return task_state::running;
    if (task.waiting != nullptr) return task_state::waiting;
    return run_.done() && task.home == nullptr ? task_state::ended : task_state::ready;
  }

  void add_children(const task_record& task, task_info& info, std::size_t levels_left) {
    std::vector<const task_record*> children;
    for (const nursery* open = task.innermost_nursery; open != nullptr; open = nursery_walk::outer(*open))
      for (const task_record* child = nursery_walk::first(*open); child != nullptr; child = child->next) children.push_back(child);
    if (levels_left == 0) {
      info.children_omitted = children.size();
      return;
    }
    const std::size_t shown = std::min(children.size(), tasks_left_);
    tasks_left_ -= shown;
    info.children_omitted = children.size() - shown;
    std::ranges::sort(children, {}, &task_record::id);
    children.resize(shown);
    info.children.reserve(shown);
    for (const task_record* child : children) info.children.push_back(build(*child, levels_left - 1));
  }

  runner& run_;
  time_point now_;
  std::size_t tasks_left_ = task_tree_tasks_max - 1;  // the root is one
};

}  // namespace

task_info task_tree_of(runner& run) {
  if (run.main_task() == nullptr) throw usage_error("this run has not been started: it has no task tree");
  return tree_builder(run).build(*run.main_task(), task_tree_depth_max - 1);
}

task_info task_tree() { return task_tree_of(detail::this_runner()); }

namespace {

std::string lines_of(const task_info& task, const std::string& indent) {
  std::string text = indent + "- " + task.name + " [" + std::to_string(task.id) + "] ";
  switch (task.state) {
    case task_state::running: text += "running"; break;
    case task_state::ready: text += "ready"; break;
    case task_state::waiting:
      text += "waits in " + task.waiting_for + " since " +
              std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(task.waiting).count()) + " ms";
      break;
    case task_state::ended: text += "ended"; break;
  }
  if (task.cancelled) text += ", cancelled";
  if (task.spawned_at.line() != 0)
    text += std::string(", started at ") + task.spawned_at.file_name() + ":" + std::to_string(task.spawned_at.line());
  text += '\n';
  for (const auto& site : task.await_chain)
    text += indent + "    awaits in " + site.function_name() + " at " + site.file_name() + ":" + std::to_string(site.line()) + "\n";
  return text;
}

// Both give false when the text is full.
bool append(std::string& text, const std::string& lines) {
  if (text.size() + lines.size() > task_tree_text_max) return false;
  text += lines;
  return true;
}
bool append(std::string& text, const task_info& task, std::size_t depth) {
  const std::string indent(depth * 2, ' ');
  if (!append(text, lines_of(task, indent))) return false;
  for (const auto& child : task.children)
    if (!append(text, child, depth + 1)) return false;
  return task.children_omitted == 0 ||
         append(text, indent + "  … and " + std::to_string(task.children_omitted) + " more tasks, with all below them\n");
}

}  // namespace

std::string to_text(const task_info& tree) {
  std::string text;
  if (!append(text, tree, 0)) text += "…\n";
  return text;
}

}  // namespace tractor::sc
