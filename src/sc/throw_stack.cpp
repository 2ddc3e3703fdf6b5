// SPDX-License-Identifier: Apache-2.0
//
// Keeps the stack of the exception that a task throws. When it is caught, at the end of its coroutine, the stack is gone; so the call that
// throws is taken over: `throw` is a call of __cxa_throw (Itanium C++ ABI, 2.4.3), of which the program takes the first one that its
// libraries have, as it does with malloc. What is thrown again does not come through here.

#include <dlfcn.h>
#include <unwind.h>

#include <cstdint>
#include <typeinfo>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace {

struct stack_walk {
  std::uintptr_t inner;  // frames that end here or below are of this file: the throw's own
  std::uintptr_t outer;  // and that end above, of the loop and of its callers
  detail::throw_note& to;
  std::uintptr_t visited = 0;  // the frame before, whose end is known at the next
};

// Called for each frame, innermost first. What the unwinder calls its CFA is the end of the frame before.
_Unwind_Reason_Code visit_frame(_Unwind_Context* frame, void* into) noexcept {
  auto& walk = *static_cast<stack_walk*>(into);
  const std::uintptr_t end = _Unwind_GetCFA(frame);
  if (walk.visited != 0 && end > walk.inner) {
    if (end > walk.outer || walk.to.frame_count == walk.to.frames.size()) return _URC_NORMAL_STOP;
    walk.to.frames[walk.to.frame_count++] = reinterpret_cast<void*>(walk.visited);  // NOLINT(performance-no-int-to-ptr): it was one
  }
  walk.visited = _Unwind_GetIP(frame);
  return _URC_NO_REASON;
}

// What lies before an exception (__cxa_exception of libstdc++, to whose layout compiled programs are bound).
struct exception_header {
  std::type_info* type;
  void (*destroy)(void*);
  void* handlers[2];
  void* next;
  int counts[2];
  const void* found[4];
  _Unwind_Exception unwinding;
};
static_assert(sizeof(exception_header) == 112);

}  // namespace

void runner::note_throw(const void* object, void (*destroy)(void*), const void* caller) noexcept {
  last_throw_.object = object;
  last_throw_.destroy = destroy;
  last_throw_.step = steps_.load(std::memory_order_relaxed);
  last_throw_.frame_count = 0;
  stack_walk walk{
      .inner = reinterpret_cast<std::uintptr_t>(caller), .outer = reinterpret_cast<std::uintptr_t>(stack_floor_), .to = last_throw_};
  _Unwind_Backtrace(&visit_frame, &walk);
}

void runner::take_throw_stack(const std::exception_ptr& error, std::vector<void*>& to) noexcept {
  to.clear();
  const void* const object = exception_object(error);
  if (object == nullptr || last_throw_.object != object) return;
  // The one that was thrown may be gone, and another lie in its place. One that was only made (make_exception_ptr) is destroyed by another
  // function; one that was thrown since, outside of tasks, was not in this step.
  const auto* const header = static_cast<const exception_header*>(object) - 1;
  if (header->destroy != last_throw_.destroy || last_throw_.step != steps_.load(std::memory_order_relaxed)) return;
  try {
    to.assign(last_throw_.frames.begin(), last_throw_.frames.begin() + static_cast<std::ptrdiff_t>(last_throw_.frame_count));
  } catch (...) {
    // Memory is short, which may be the very error: a stack that is missing does no harm.
  }
  last_throw_.object = nullptr;
}

std::vector<void*> throw_stack(const std::exception_ptr& error) {
  const detail::trace_record* const trace = detail::find_trace(error);
  return trace != nullptr ? trace->stack : std::vector<void*>();
}

}  // namespace tractor::sc

// Weak: where the C++ library is linked in statically, its own is taken, and no stacks are kept. It goes on by a jump: a call would be one
// more frame to unwind for each frame that a cancel crosses.
// NOLINTNEXTLINE(bugprone-reserved-identifier): it is the implementation's
extern "C" __attribute__((weak, noinline)) TRACTOR_API void __cxa_throw(void* object, std::type_info* type, void (*destroy)(void*)) {
  using throw_function = void (*)(void*, std::type_info*, void (*)(void*));
  static const auto next = reinterpret_cast<throw_function>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  TRACTOR_ASSERT(next != nullptr, "there is a C++ library behind this one");
  using namespace tractor::sc;
  constexpr std::size_t saved_words = 2 * sizeof(void*);  // the caller's frame pointer, and where to return to
  // Not of a cancel: it is no error, and there are many. Nor of a group: where it was put together says nothing, its members have theirs.
  if (runner* const run = detail::current_runner;
      run != nullptr && run->running() != nullptr && *type != typeid(cancelled) && *type != typeid(exception_group))
    run->note_throw(object, destroy, static_cast<const char*>(__builtin_frame_address(0)) + saved_words);
  [[clang::musttail]] return next(object, type, destroy);
}
