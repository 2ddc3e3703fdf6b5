// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/instrument.hpp"

#include "tractor/sc/run.hpp"

namespace tractor::sc {

instrument::~instrument() = default;
void instrument::task_spawned(const task_note&) noexcept {}
void instrument::task_scheduled(const task_note&) noexcept {}
void instrument::before_task_step(const task_note&) noexcept {}
void instrument::after_task_step(std::uint64_t) noexcept {}
void instrument::task_exited(const task_note&) noexcept {}
void instrument::before_io_wait(duration) noexcept {}
void instrument::after_io_wait(duration, int) noexcept {}

task_note current_task() {
  const detail::task_record& task = detail::running_task();
  return {.id = task.id, .name = task.name(), .spawned_at = task.spawned_at};
}

void add_instrument(instrument& added) { detail::this_runner().add_instrument(added); }
void remove_instrument(instrument& removed) { detail::this_runner().remove_instrument(removed); }

void runner::add_instrument(instrument& added) {
  instruments_.push_back(&added);
  instrumented_ = true;
  continues_left_ = 0;  // from now on, also in the step that is being taken
}

void runner::remove_instrument(instrument& removed) noexcept {
  std::erase(instruments_, &removed);
  instrumented_ = !instruments_.empty();
}

void runner::tell(void (instrument::*what)(const task_note&) noexcept, const detail::task_record& task) const noexcept {
  const task_note note{.id = task.id, .name = task.name(), .spawned_at = task.spawned_at};
  for (std::size_t i = 0; i < instruments_.size(); ++i) (instruments_[i]->*what)(note);
}

}  // namespace tractor::sc
