// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/task_local.hpp"

#include "task_local_list.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

local_node* share_locals(local_node* list) noexcept {
  if (list != nullptr) ++list->references;
  return list;
}

void drop_locals(local_node* list) noexcept {
  while (list != nullptr && --list->references == 0) {
    local_node* const next = list->next;
    list->destroy(list->value);
    delete list;
    list = next;
  }
}

void* find_local(const void* key) noexcept {
  const runner* run = runner::current();
  if (run == nullptr || run->running() == nullptr) return nullptr;
  for (const local_node* node = run->running()->locals; node != nullptr; node = node->next)
    if (node->key == key) return node->value;
  return nullptr;
}

void push_local(const void* key, void* value, void (*destroy)(void*) noexcept) {
  task_record& task = running_task();
  task.locals = new local_node{.key = key, .next = task.locals, .references = 1, .value = value, .destroy = destroy};
}

void pop_local(const void* key) noexcept {
  const runner* const run = runner::current();
  TRACTOR_ASSERT(run != nullptr && run->running() != nullptr, "a task-local binding is undone in its task");
  task_record& task = *run->running();
  local_node* const front = task.locals;
  TRACTOR_ASSERT(front != nullptr && front->key == key, "task-local bindings are undone in reverse order");
  task.locals = share_locals(front->next);
  drop_locals(front);
}

}  // namespace tractor::sc::detail
