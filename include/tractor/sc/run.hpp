// SPDX-License-Identifier: Apache-2.0
//
// Running tasks: `sc::run` drives one main task and everything below it to the end, in the calling thread.
//
//     int main() { return sc::run([]() -> sc::task<int> { co_await sc::sleep(1s); co_return 0; }); }
//
// A run owns a scheduler, a clock and a reactor; nothing is process-global, so several runs can live in several threads. Runs do
// not nest in one thread (usage_error). When the main task ends the run ends: nurseries guarantee that no task is left.
// `run` throws what the main task throws; a main task ended by a cancel from outside gives scope_cancelled_error.
//
// With a seed the order of tasks that are ready at the same time is shuffled, the same for the same seed. With a virtual_clock
// time is the test's. The task order, the clock and the source of random bits are all that differs from a plain run.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/detail/cycle_counter.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/detail/ready_queue.hpp"
#include "tractor/sc/detail/timer_heap.hpp"
#include "tractor/sc/instrument.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// What happens when a task catches `cancelled` and drops it. The scope ends as cancelled either way.
enum class swallow_policy : unsigned char {
  warn,  // one line on stderr that names task, checkpoint and scope
  fail,  // that, and the task fails with swallowed_cancel_error when it ends: the test kit's default
};

struct run_options {
  virtual_clock* clock = nullptr;                    // null: CLOCK_MONOTONIC
  std::optional<std::uint64_t> seed = std::nullopt;  // set: shuffled scheduling and reproducible randomness
  swallow_policy swallow = swallow_policy::warn;
  std::span<instrument* const> instruments = {};  // told from the first task on; read when the run is made
};

// A seed that nobody chose, for run_options; below 2^32, so that it can be typed.
[[nodiscard]] TRACTOR_API std::uint64_t random_seed() noexcept;

namespace detail {
class external_queue;
class idle_wait;
class io_host;
class stall_alarm;
class stall_watch;
inline constexpr std::size_t throw_stack_max = 32;  // frames: the innermost
// Where the exception was thrown that was thrown last.
struct throw_note {
  const void* object = nullptr;  // the exception; null: none
  void (*destroy)(void*) = nullptr;
  std::uint64_t step = 0;  // of the run, in which it was thrown
  std::array<void*, throw_stack_max> frames;
  std::size_t frame_count = 0;
};
struct trace_record {
  std::exception_ptr exception;             // held: a later one that lay where this lay would be taken for it
  const promise_base* next = nullptr;       // the promise the exception must reach next to continue this trace
  std::source_location next_site;           // where that one awaits: another may come to lie where it lay
  bool resumable = false;                   // a nursery is about to throw the same exception again, from another coroutine
  std::vector<std::source_location> sites;  // innermost first
  std::vector<void*> stack;                 // at the throw: return addresses, innermost first, down to the coroutine's
};
// Without return type, arguments and unnamed namespaces: "outer::{lambda}" for what clang calls "auto outer(int)::(anonymous
// class)::operator()() const", and a demangled symbol "outer(int)::{lambda()#1}::operator()() const".
[[nodiscard]] TRACTOR_API std::string function_name(std::string_view signature);
inline constexpr std::size_t trace_sites_max = 256;  // of one exception: the innermost
inline constexpr std::size_t traces_max = 8;         // exceptions: the last ones
using trace_list = std::array<trace_record, traces_max>;
// What the current run, or outside of one this thread's last, has of it; null: nothing.
[[nodiscard]] const trace_record* find_trace(const std::exception_ptr& error) noexcept;
}  // namespace detail

// The scheduler of one run. `sc::run` is all that most programs need; a host loop uses sc::guest_run (guest.hpp), which is made of
// these parts: start, then step() whenever fd() is readable, next_deadline() has come, or has_ready_tasks(), until done().
class TRACTOR_API runner {
 public:
  explicit runner(run_options options = {});
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner();  // the main task must have ended

  // Makes `main` (which returns task<>) the main task; it runs in the next step. Once.
  void start(std::function<task<>()> main);
  [[nodiscard]] bool done() const noexcept { return main_done_; }
  // Runs until the main task ended.
  void run_to_completion();
  // Runs what can run now, at most tasks_per_step_max tasks once each, and looks at I/O without waiting. For hosts.
  void step();
  [[nodiscard]] int fd() const noexcept { return reactor_.fd(); }
  [[nodiscard]] time_point next_deadline() const noexcept { return timers_.empty() ? never : timers_.earliest().at; }
  [[nodiscard]] bool has_ready_tasks() const noexcept { return !ready_.empty() || deferred_ != nullptr; }
  // The main task's error, or null. Only when done().
  [[nodiscard]] std::exception_ptr error() const noexcept { return main_error_; }
  // Cancels everything: the main task ends at its next checkpoint.
  void cancel(std::string_view why, std::source_location where = std::source_location::current()) noexcept;

  static constexpr std::size_t tasks_per_step_max = 1024;

  [[nodiscard]] static runner* current() noexcept { return detail::current_runner; }

  // --- for the kernel's own parts ---
  [[nodiscard]] detail::task_record* running() const noexcept { return current_; }
  [[nodiscard]] time_point now() const noexcept { return options_.clock != nullptr ? options_.clock->now() : monotonic_now(); }
  [[nodiscard]] const run_options& options() const noexcept { return options_; }
  [[nodiscard]] detail::reactor& io() noexcept { return reactor_; }
  [[nodiscard]] std::uint64_t random() noexcept;  // 64 bits: from the seed, or from the kernel
  [[nodiscard]] detail::external_queue& external();
  [[nodiscard]] bool has_external() const noexcept { return external_ != nullptr; }  // threads were used

  // Whether a task may go on without a schedule point: while nobody else is ready, a bounded number of times in a row.
  [[nodiscard]] bool may_continue() noexcept { return ready_.empty() && --continues_left_ > 0; }
  // The same for a checkpoint of a task that computes: not either when it is time to look at I/O and timers. Under a virtual clock that is
  // left to the count, so that what a run does depends on nothing but its seed.
  [[nodiscard]] bool may_continue_computing() noexcept { return ready_.empty() && has_time_to_continue(); }
  // The same for an operation that had nothing to wait for: a bounded number of times in a row also while others are ready, because to
  // let another task run costs more than most of these. Not with a seed: that run is to see every order.
  [[nodiscard]] bool may_continue_ready() noexcept { return (!options_.seed || ready_.empty()) && --continues_left_ > 0; }
  // Stops the current task at `leaf` until schedule() or a cancel.
  void block(detail::suspension& wait, detail::promise_base& leaf) noexcept {
    detail::task_record* const task = current_;
    task->waiting = &wait;
    task->leaf = &leaf;
    task->waiting_since = loop_time_;
    wait.task = task;
  }
  // Puts the current task at the end of the ready queue, to be resumed at `leaf`.
  void yield(detail::promise_base& leaf) noexcept {
    detail::task_record* const task = current_;
    task->leaf = &leaf;
    if (instrumented_) [[unlikely]]
      enqueue_slowly(*task);
    else
      ready_.push(task);
  }
  // Puts a new task into the ready queue, without telling instruments. Throws std::bad_alloc, and then there is no such task.
  void enqueue_new(detail::task_record& task) {
    ready_.reserve(task_count_ + 1);
    ++task_count_;
    ready_.push(&task);
    notice_from_outside();
  }
  // A task has ended.
  void discount() noexcept { --task_count_; }
  // A blocked task is to go on.
  void schedule(detail::task_record& task) noexcept {
    TRACTOR_ASSERT(task.waiting != nullptr, "a task is woken once, from a wait");
    task.waiting = nullptr;
    if (instrumented_ || detail::current_runner != this) [[unlikely]]
      enqueue_slowly(task);
    else
      ready_.push(&task);
  }
  // A blocked task is to go on, and the current one has ended: gives what to resume. The task at once when it would be the next
  // anyhow.
  [[nodiscard]] std::coroutine_handle<> switch_to(detail::task_record& task) noexcept {
    if (!may_continue()) {
      schedule(task);
      return std::noop_coroutine();
    }
    task.waiting = nullptr;
    current_ = &task;
    return task.leaf->handle();
  }
  // The cancel of a blocked task, if its wait can be undone.
  void deliver_cancel(detail::task_record& task) noexcept {
    detail::suspension* const wait = task.waiting;
    if (wait != nullptr && wait->kind->abort(*wait)) {
      wait->was_cancelled = true;
      schedule(task);
    }
  }
  void arm(detail::timer& node) {
    timers_.arm(node);
    notice_from_outside();
  }
  void disarm(detail::timer& node) noexcept {
    if (node.armed()) timers_.disarm(node);
  }
  void defer(detail::deferred& work) noexcept {
    if (work.queued) return;
    work.queued = true;
    work.next = deferred_;
    deferred_ = &work;
    notice_from_outside();
  }
  void cancel_deferred(detail::deferred& work) noexcept;
  // Woken when nothing else can go on.
  void add_idle_wait(detail::idle_wait& waiting) noexcept;
  void remove_idle_wait(detail::idle_wait& waiting) noexcept;
  // Something outside the run (a thread, a child process) will wake it: a virtual clock must not call it a deadlock.
  void add_external_wait() noexcept { ++external_waits_; }
  void remove_external_wait() noexcept { --external_waits_; }

  // Who waits in place of the reactor; null: nobody. Once; before the run's tasks notice.
  void set_io_host(std::unique_ptr<detail::io_host> host) noexcept;
  [[nodiscard]] detail::io_host* io_host() const noexcept { return io_host_.get(); }
  // Something outside of all tasks failed, such as a callback of a host: the run is cancelled and ends with this error.
  void fail(std::exception_ptr error, std::string_view why) noexcept;

  void add_instrument(instrument& added);
  void remove_instrument(instrument& removed) noexcept;
  [[nodiscard]] bool instrumented() const noexcept { return instrumented_; }
  void tell(void (instrument::*what)(const task_note&) noexcept, const detail::task_record& task) const noexcept;

  // For a thread that watches this one: a number that changes with every step; at_rest while the run waits in its poll, or does not run.
  static constexpr std::uint64_t at_rest = 0;
  [[nodiscard]] std::uint64_t progress() const noexcept {
    return resting_.load(std::memory_order_relaxed) ? at_rest : steps_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] detail::stall_watch* watched_by() const noexcept { return watched_by_; }
  void set_watched_by(detail::stall_watch* watch) noexcept { watched_by_ = watch; }
  // Told when the run goes on after a rest; null: nobody.
  [[nodiscard]] detail::stall_alarm* alarm() const noexcept { return alarm_; }
  void set_alarm(detail::stall_alarm* alarm) noexcept { alarm_ = alarm; }

  // The record of the task that is running goes, or has gone.
  void forget_running() noexcept { current_ = nullptr; }

  void record_trace(detail::promise_base& from, const std::exception_ptr& error) noexcept;
  void continue_trace(const std::exception_ptr& error) noexcept;
  // Of every exception that is thrown in a task, before it is; the frames up to and with that which ends at `caller` are not looked at.
  void note_throw(const void* object, void (*destroy)(void*), const void* caller) noexcept;
  [[nodiscard]] time_point loop_time() const noexcept { return loop_time_; }  // when the loop last looked; no system call
  [[nodiscard]] const detail::trace_list& traces() const noexcept { return traces_; }
  [[nodiscard]] std::uint64_t next_task_id() noexcept { return ++task_ids_; }
  [[nodiscard]] detail::task_record* main_task() noexcept;
  [[nodiscard]] cancel_scope& root_scope() noexcept { return root_scope_; }
  // The root actor that runs in this run, of which there is at most one; opaque here. Null: none.
  [[nodiscard]] void* root_actor() const noexcept { return root_actor_; }
  void set_root_actor(void* root) noexcept { root_actor_ = root; }

 private:
  static constexpr int continues_max = 64;                   // ready operations in a row without a schedule point
  static constexpr std::uint64_t resumes_per_look_max = 32;  // resumptions between two looks at the cycle counter
  static constexpr std::uint64_t cycles_per_poll = 200'000;  // less than 0.1 ms
  static constexpr int batches_before_deferred = 4;          // while there is always something to run

  // A host's own code has woken a task, between two steps: the host must be told that there is one to take.
  void notice_from_outside() noexcept {
    if (detail::current_runner != this) [[unlikely]]
      nudge_host();
  }
  void nudge_host() noexcept;
  // Into the ready queue when something is unusual. A call of its own, so that the usual way inlined everywhere is short.
  void enqueue_slowly(detail::task_record& task) noexcept;

  struct main_record;
  void run_tasks(std::size_t count);
  void run_shuffled(std::size_t count);
  void resume(detail::task_record& task);
  void resume_instrumented(detail::task_record& task);
  void run_deferred();
  [[nodiscard]] bool has_time_to_continue() noexcept;
  void look();
  // How often to look from here on, and how often a task may continue, by how long the last steps took.
  void measure_steps() noexcept;
  void take_throw_stack(const std::exception_ptr& error, std::vector<void*>& to) noexcept;  // where it is the last that was thrown
  void keep_traces() noexcept;                                                              // for who gets the run's error
  void clean_up() noexcept;
  void fire_timers(time_point now) noexcept;
  void wait_for_events(bool may_block);
  bool jump_or_deadlock();
  [[nodiscard]] duration least_cushion() const noexcept;
  void wake_idle(duration cushion);
  static std::coroutine_handle<> main_ended(detail::completion_hook& self, detail::promise_base& ended) noexcept;

  run_options options_;
  detail::ready_queue ready_;
  std::size_t task_count_ = 0;  // that live; there is room for as many in ready_
  detail::task_record* current_ = nullptr;
  int continues_left_ = continues_max;    // of the step that is being taken
  int continues_a_step_ = continues_max;  // less where steps are long
  bool instrumented_ = false;             // there are instruments
  std::atomic<std::uint64_t> steps_ = 1;  // written here only
  std::uint64_t look_at_step_ = 0;
  std::uint64_t resumes_per_look_ = resumes_per_look_max;
  std::atomic<bool> resting_ = true;
  std::uint64_t last_poll_cycles_ = 0;
  std::uint64_t last_look_cycles_ = 0;  // when steps were last measured
  std::uint64_t last_look_step_ = 0;
  time_point loop_time_{};
  detail::timer_heap timers_;
  detail::deferred* deferred_ = nullptr;
  detail::reactor reactor_;
  cancel_scope root_scope_;
  std::unique_ptr<main_record> main_;
  bool main_done_ = false;
  std::exception_ptr main_error_;
  std::uint64_t task_ids_ = 0;
  std::uint64_t random_state_[4];
  bool random_ready_ = false;
  std::size_t external_waits_ = 0;
  detail::idle_wait* idle_waits_ = nullptr;  // in no order
  void* root_actor_ = nullptr;
  detail::stall_watch* watched_by_ = nullptr;
  detail::stall_alarm* alarm_ = nullptr;
  bool timers_held_ = false;     // those that are due wait until who has got I/O has run
  void* stack_floor_ = nullptr;  // the frame of the loop: what it calls lies below
  detail::throw_note last_throw_;
  detail::trace_list traces_;
  std::size_t next_trace_ = 0;
  std::vector<instrument*> instruments_;
  std::unique_ptr<detail::external_queue> external_;
  std::unique_ptr<detail::io_host> io_host_;
};

namespace detail {
inline task_record& running_task() {
  task_record* const task = this_runner().running();
  if (task == nullptr) [[unlikely]]
    throw_no_task();
  return *task;
}
}  // namespace detail

// Runs `main(arguments…)`, which returns task<T>, and gives its result.
template <class Main, class... Arguments>
auto run(run_options options, Main&& main, Arguments&&... arguments) {
  using value_type = typename std::invoke_result_t<Main&, Arguments&...>::value_type;
  runner scheduler(options);
  if constexpr (std::is_void_v<value_type>) {
    scheduler.start([&]() -> task<> { return std::invoke(main, arguments...); });
    scheduler.run_to_completion();
    if (scheduler.error()) std::rethrow_exception(scheduler.error());
  } else {
    std::optional<value_type> result;
    scheduler.start([&]() -> task<> { result.emplace(co_await std::invoke(main, arguments...)); });
    scheduler.run_to_completion();
    if (scheduler.error()) std::rethrow_exception(scheduler.error());
    return value_type(std::move(*result));
  }
}
template <class Main, class... Arguments>
  requires(!std::is_same_v<std::decay_t<Main>, run_options>)
auto run(Main&& main, Arguments&&... arguments) {
  return run(run_options{}, std::forward<Main>(main), std::forward<Arguments>(arguments)...);
}

// The await chain that `error` crossed on its way out, innermost first, as "  in function at file:line" lines; functions of tractor's own
// are left out. Empty when it is none of the last few exceptions that passed through the current run, or, outside of one, through the last
// run of this thread if that failed.
[[nodiscard]] TRACTOR_API std::string await_trace(const std::exception_ptr& error);

// The stack on which `error` was thrown: return addresses for symbolise() (base/stack_trace.hpp), innermost first, down to the coroutine
// that was running; how that one was awaited, await_trace says. At most 32 frames. Empty where await_trace would be; for an
// exception_group, whose members have theirs; for an error that was not thrown but made (std::make_exception_ptr); and where another one
// was thrown, or the coroutine waited for something, before the error left it. To keep it costs a few microseconds a throw, in a task;
// elsewhere nothing is kept.
[[nodiscard]] TRACTOR_API std::vector<void*> throw_stack(const std::exception_ptr& error);

// All that is known of an error: "type: message", its await chain, and the same of each member of a group, in several lines.
[[nodiscard]] TRACTOR_API std::string error_report(const std::exception_ptr& error);

// The task that is running, for the length of its step; usage_error outside one.
[[nodiscard]] TRACTOR_API task_note current_task();

}  // namespace tractor::sc
