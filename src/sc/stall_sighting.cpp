// SPDX-License-Identifier: Apache-2.0

#include "stall_sighting.hpp"

#include <ucontext.h>
#include <unwind.h>

#include <algorithm>

#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

namespace {

void* interrupted_at(void* context) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(registers.gregs[REG_RIP]);  // NOLINT(performance-no-int-to-ptr): it is shown, not followed
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(registers.pc);
#else
  static_cast<void>(registers);
  return nullptr;
#endif
}

}  // namespace

namespace {

struct stack_taker {
  std::span<void*> into;
  std::size_t count = 0;
};

_Unwind_Reason_Code take_frame(_Unwind_Context* frame, void* into) {
  auto& taker = *static_cast<stack_taker*>(into);
  if (taker.count == taker.into.size()) return _URC_END_OF_STACK;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is shown, not followed
  if (const auto at = ::_Unwind_GetIP(frame); at != 0) taker.into[taker.count++] = reinterpret_cast<void*>(at);
  return _URC_NO_REASON;
}

// As backtrace(), which is not for a handler: its first call loads the unwinder, that every C++ program has loaded already.
std::size_t take_stack(std::span<void*> into) noexcept {
  stack_taker taker{.into = into};
  ::_Unwind_Backtrace(&take_frame, &taker);
  return taker.count;
}

}  // namespace

// Anywhere in the run's thread. What it reads of the run is whole all the same: the running task is one word, it is taken out before the
// memory of its record goes (nursery::child_done), and the name is taken out of the record before that goes.
void stall_sighting::take(const runner& run, void* context) noexcept {
  frame_count_ = take_stack(frames_);
  const auto end = frames_.begin() + static_cast<std::ptrdiff_t>(frame_count_);
  const auto found = std::find(frames_.begin(), end, interrupted_at(context));
  first_frame_ = found == end ? 0 : static_cast<std::size_t>(found - frames_.begin());
  const task_record* const task = run.running();
  in_task_ = task != nullptr;
  if (!in_task_) return;
  task_id_ = task->id;
  spawned_at_ = task->spawned_at;
  const std::string_view name = task->name();
  name_bytes_ = std::min(name.size(), name_.size());
  std::copy_n(name.data(), name_bytes_, name_.data());
}

void stall_sighting::name_into(stall& into) const {
  if (in_task_) {
    into.task_id = task_id_;
    into.task_name.assign(task_name());
    into.spawned_at = spawned_at_;
  }
  into.stack = symbolise(frames(), is_exact());
}

}  // namespace tractor::sc::detail
