// SPDX-License-Identifier: Apache-2.0

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <cstdio>

#include "external_queue.hpp"
#include "task_local_list.hpp"
#include "tractor/sc/detail/idle_wait.hpp"
#include "tractor/sc/detail/io_host.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task_tree.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace tractor::sc {

namespace {

// A counter that runs at about a fixed rate and costs a few nanoseconds to read: only for how often to look at I/O.
std::uint64_t cycle_counter() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count * 32;  // the generic timer runs at tens of MHz
#else
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

std::uint64_t splitmix(std::uint64_t& state) noexcept {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Makes `run` the current one of this thread while it drives tasks.
class current_run_guard {
 public:
  explicit current_run_guard(runner& run) {
    if (detail::current_runner != nullptr)
      throw usage_error("a tractor::sc run is active in this thread already: runs do not nest; await the task instead");
    detail::current_runner = &run;
  }
  current_run_guard(const current_run_guard&) = delete;
  current_run_guard& operator=(const current_run_guard&) = delete;
  ~current_run_guard() { detail::current_runner = nullptr; }
};

// The run is at work, and at rest again when the block ends.
class resting_guard {
 public:
  explicit resting_guard(std::atomic<bool>& resting) : resting_(resting) { resting_.store(false, std::memory_order_relaxed); }
  resting_guard(const resting_guard&) = delete;
  resting_guard& operator=(const resting_guard&) = delete;
  ~resting_guard() { resting_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<bool>& resting_;
};

}  // namespace

constexpr detail::task_kind main_kind{.name = "main", .destroy = nullptr, .bytes = 0};  // the run itself owns it

struct runner::main_record : detail::task_record {
  bool began = false;  // until then the run may be given up: one refused because another is active
  std::function<task<>()> body;
  std::optional<task<>> coroutine;
};

detail::task_record* runner::main_task() noexcept { return main_.get(); }

runner::runner(run_options options) : options_(options), root_scope_({.where = {}}) {
  if (options_.seed) {
    std::uint64_t state = *options_.seed;
    for (auto& word : random_state_) word = splitmix(state);
    random_ready_ = true;
  }
}

runner::~runner() {
  TRACTOR_ASSERT(main_ == nullptr || main_done_ || !main_->began, "a run is destroyed while its main task has not ended");
  if (main_ != nullptr && !main_done_) root_scope_.exit(detail::outcome_kind::value);
  main_.reset();
  detail::frame_pool::release_if_unused();
}

void runner::start(std::function<task<>()> main) {
  TRACTOR_ASSERT(main_ == nullptr, "a run is started once");
  main_ = std::make_unique<main_record>();
  detail::task_record& record = *main_;
  record.done = &main_ended;
  record.owner = this;
  record.kind = &main_kind;
  record.id = next_task_id();
  loop_time_ = now();
  record.waiting_since = loop_time_;
  root_scope_.enter(record);
  main_->body = std::move(main);
  main_->coroutine.emplace(main_->body());
  auto handle = main_->coroutine->kernel_handle();
  handle.promise().hook = &record;
  record.leaf = &handle.promise();
  enqueue(record);
}

std::coroutine_handle<> runner::main_ended(detail::completion_hook& self, detail::promise_base& ended) noexcept {
  auto& record = static_cast<detail::task_record&>(self);
  runner& run = *record.owner;
  if (run.instrumented_) [[unlikely]]
    run.tell(&instrument::task_exited, record);
  if (ended.outcome == detail::outcome_kind::error && !run.main_error_) run.main_error_ = ended.error;  // not what came of fail()
  const bool absorbed = run.root_scope_.exit(ended.outcome) != cancel_scope::exit_result::keep;
  if (absorbed && !run.main_error_)
    run.main_error_ = std::make_exception_ptr(
        scope_cancelled_error("the run was cancelled: " + (run.root_scope_.reason() != nullptr ? to_string(*run.root_scope_.reason())
                                                                                               : std::string("reason unknown"))));
  if (record.swallowed && run.options_.swallow == swallow_policy::fail && !run.main_error_)
    run.main_error_ = std::make_exception_ptr(swallowed_cancel_error("the main task caught sc::cancelled and dropped it"));
  detail::drop_locals(std::exchange(record.locals, nullptr));
  run.main_done_ = true;
  return std::noop_coroutine();
}

void runner::cancel(std::string_view why, std::source_location where) noexcept {
  root_scope_.cancel(cancel_reason{.source = cancel_source::run_shutdown, .text = std::string(why), .task = {}, .where = where});
}

void runner::set_io_host(std::unique_ptr<detail::io_host> host) noexcept {
  TRACTOR_ASSERT(io_host_ == nullptr, "one host waits for a run");
  io_host_ = std::move(host);
}

void runner::enqueue_slowly(detail::task_record& task) {
  enqueue(task);
  if (instrumented_) tell(&instrument::task_scheduled, task);
}

void runner::nudge_host() noexcept {
  if (io_host_ != nullptr) io_host_->nudge();
}

void runner::fail(std::exception_ptr error, std::string_view why) noexcept {
  if (!main_error_) main_error_ = std::move(error);
  cancel(why);
}

void runner::resume_instrumented(detail::task_record& task) {
  const std::uint64_t id = task.id;
  current_ = &task;
  tell(&instrument::before_task_step, task);
  continues_left_ = 0;  // so that one step is of one task
  task.leaf->handle().resume();
  current_ = nullptr;
  for (std::size_t i = 0; i < instruments_.size(); ++i) instruments_[i]->after_task_step(id);
}

void runner::resume(detail::task_record& task) {
  if (instrumented_) [[unlikely]] {
    resume_instrumented(task);
    return;
  }
  current_ = &task;
  continues_left_ = continues_max;
  task.leaf->handle().resume();
}

// The first of those that are ready: in a batch all that were when it began; those they wake come in the next one.
inline void runner::run_tasks(std::size_t count) {
  const bool shuffled = options_.seed.has_value();
  for (std::size_t left = count; left > 0 && !main_done_; --left) {
    if (shuffled && left > 1) [[unlikely]]
      ready_.bring_forward(random() % left);
    resume(*ready_.pop());
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  current_ = nullptr;
}

void runner::run_to_completion() {
  const current_run_guard guard(*this);
  const resting_guard working(resting_);
  main_->began = true;
  last_poll_cycles_ = cycle_counter();
  while (!main_done_) {
    // Deferred work not after every batch: what a chain of tasks sends in answer to one event leaves together.
    for (int batches = 0; batches < batches_before_deferred && !ready_.empty() && !main_done_; ++batches) run_tasks(ready_.size());
    if (main_done_) break;
    run_deferred();
    if (ready_.empty()) {
      wait_for_events(true);
    } else if (const std::uint64_t steps = steps_.load(std::memory_order_relaxed); steps - looked_at_step_ >= resumes_per_look) {
      // Work is plenty: look at I/O and timers only every so often, because a poll costs as much as many resumptions.
      looked_at_step_ = steps;
      if (options_.clock != nullptr || cycle_counter() - last_poll_cycles_ >= cycles_per_poll) wait_for_events(false);
    }
  }
  run_deferred();
}

void runner::step() {
  const current_run_guard guard(*this);
  const resting_guard working(resting_);
  main_->began = true;
  run_tasks(std::min(ready_.size(), tasks_per_step_max));
  run_deferred();
  if (main_done_) return;
  wait_for_events(false);
  if (idle_waits_ != nullptr && !has_ready_tasks()) wake_idle(least_cushion());  // the host waits, not we
}

void runner::run_deferred() {
  // One at a time off the list itself: a piece of work may do away with another one, or queue itself again.
  while (detail::deferred* const work = deferred_) {
    deferred_ = work->next;
    work->queued = false;
    work->run(*work);
  }
}

void runner::cancel_deferred(detail::deferred& work) noexcept {
  if (!work.queued) return;
  work.queued = false;
  for (detail::deferred** link = &deferred_; *link != nullptr; link = &(*link)->next) {
    if (*link != &work) continue;
    *link = work.next;
    return;
  }
}

void runner::fire_timers(time_point now) noexcept {
  while (!timers_.empty() && timers_.earliest().at <= now) {
    detail::timer& due = timers_.earliest();
    timers_.disarm(due);
    due.fire(due);
  }
}

void runner::wait_for_events(bool may_block) {
  steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // progress, also where no task takes a step
  const bool virtual_time = options_.clock != nullptr;
  duration timeout = may_block ? duration(-1) : duration::zero();
  if (timeout != duration::zero() && !timers_.empty()) {
    loop_time_ = now();
    timeout = std::max(duration::zero(), timers_.earliest().at - loop_time_);
  }
  const bool idle = may_block && idle_waits_ != nullptr;  // somebody wants to know
  const bool jump = virtual_time && options_.clock->autojump() && timeout != duration::zero() && !idle;
  // Virtual time passes by waiting only where the clock has a rate: else an armed timer must not let the poll return early.
  if (virtual_time && timeout > duration::zero()) timeout = options_.clock->real_time(timeout);
  if (jump && external_waits_ == 0) timeout = duration::zero();
  const duration cushion = idle ? least_cushion() : duration::zero();
  const bool cushioned = idle && (timeout < duration::zero() || cushion < timeout);
  if (cushioned) timeout = cushion;
  for (std::size_t i = 0; i < instruments_.size(); ++i) instruments_[i]->before_io_wait(timeout);
  const time_point before = cushioned ? monotonic_now() : time_point{};
  resting_.store(true, std::memory_order_relaxed);
  const int events = io_host_ == nullptr ? reactor_.poll(timeout) : io_host_->wait(timeout);
  resting_.store(false, std::memory_order_relaxed);
  for (std::size_t i = 0; i < instruments_.size(); ++i) instruments_[i]->after_io_wait(timeout, events);
  last_poll_cycles_ = cycle_counter();
  // (A signal ends a poll early.)
  if (cushioned && events == 0 && ready_.empty() && monotonic_now() - before >= cushion) wake_idle(cushion);
  if (jump && events == 0 && ready_.empty() && external_waits_ == 0 && !jump_or_deadlock()) return;
  loop_time_ = now();
  // What has arrived counts, though the deadline for it has passed: after a task that held the loop for long, both are found at once. So
  // who has got I/O runs first, and those whom they wake are no longer waiting when the timers fire. Once, so that I/O without end does
  // not hold them up.
  timers_held_ = events > 0 && !ready_.empty() && !timers_held_;
  if (!timers_held_) fire_timers(loop_time_);
}

void runner::add_idle_wait(detail::idle_wait& waiting) noexcept { waiting.next_ = std::exchange(idle_waits_, &waiting); }

void runner::remove_idle_wait(detail::idle_wait& waiting) noexcept {
  detail::idle_wait** link = &idle_waits_;
  while (*link != &waiting) link = &(*link)->next_;
  *link = waiting.next_;
}

duration runner::least_cushion() const noexcept {
  duration least = duration::max();
  for (const detail::idle_wait* each = idle_waits_; each != nullptr; each = each->next_) least = std::min(least, each->cushion_);
  return least;
}

void runner::wake_idle(duration cushion) {
  for (detail::idle_wait** link = &idle_waits_; *link != nullptr;) {
    detail::idle_wait& each = **link;
    if (each.cushion_ > cushion) {
      link = &each.next_;
      continue;
    }
    *link = each.next_;
    each.wake();
  }
}

bool detail::idle_wait::abort_wait(suspension& self) noexcept {
  auto& gone = static_cast<idle_wait&>(self);
  gone.task->owner->remove_idle_wait(gone);
  return true;
}

// Under an autojump clock with nothing left to run. False: nobody can ever be woken, the main task is cancelled.
bool runner::jump_or_deadlock() {
  if (!timers_.empty()) {
    options_.clock->advance_to(timers_.earliest().at);
    return true;
  }
  TRACTOR_ASSERT(!root_scope_.cancel_called(), "a deadlocked run was cancelled, and still every task waits");
  main_error_ =
      std::make_exception_ptr(deadlock_error("deadlock: every task waits and nothing can wake one\n" + to_text(task_tree_of(*this))));
  cancel("every task waits and nothing can wake one");
  return false;
}

std::uint64_t random_seed() noexcept {
  std::uint32_t seed = 0;
  static_cast<void>(::getrandom(&seed, sizeof seed, 0));  // cannot fail for so few once the kernel's pool is ready
  return seed;
}

std::uint64_t runner::random() noexcept {
  if (!random_ready_) {
    // Cannot fail for 32 bytes once the kernel's pool is ready; a partial read leaves address bits, good enough for an order.
    for (auto& word : random_state_) word = reinterpret_cast<std::uintptr_t>(&word) * 0x9e3779b97f4a7c15;
    static_cast<void>(::getrandom(random_state_, sizeof random_state_, 0));
    random_ready_ = true;
  }
  // xoshiro256**
  const auto rotl = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const std::uint64_t result = rotl(random_state_[1] * 5, 7) * 9;
  const std::uint64_t t = random_state_[1] << 17;
  random_state_[2] ^= random_state_[0];
  random_state_[3] ^= random_state_[1];
  random_state_[1] ^= random_state_[2];
  random_state_[0] ^= random_state_[3];
  random_state_[2] ^= t;
  random_state_[3] = rotl(random_state_[3], 45);
  return result;
}

detail::external_queue& runner::external() {
  if (!external_) external_ = std::make_unique<detail::external_queue>(*this);
  return *external_;
}

void runner::record_trace(detail::promise_base& from, const std::exception_ptr& error) noexcept {
  const bool continues = trace_.exception == error && (trace_.resumable || trace_.next == &from);
  if (!continues) {
    trace_.sites.clear();
    trace_.exception = error;
  }
  trace_.resumable = false;
  trace_.next = from.parent;
  if (from.site.line() != 0) trace_.sites.push_back(from.site);
}

void runner::continue_trace(const std::exception_ptr& error) noexcept {
  if (trace_.exception == error) trace_.resumable = true;
}

std::string await_trace(const std::exception_ptr& error) {
  const runner* run = runner::current();
  std::string text;
  if (run == nullptr || run->last_trace().exception != error) return text;
  for (const auto& site : run->last_trace().sites) {
    text += "  in ";
    text += site.function_name();
    text += " at ";
    text += site.file_name();
    text += ':';
    text += std::to_string(site.line());
    text += '\n';
  }
  return text;
}

}  // namespace tractor::sc
