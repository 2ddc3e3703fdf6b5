// SPDX-License-Identifier: Apache-2.0

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <cstdio>

#include "external_queue.hpp"
#include "stall_alarm.hpp"
#include "task_local_list.hpp"
#include "token.hpp"
#include "tractor/sc/detail/idle_wait.hpp"
#include "tractor/sc/detail/io_host.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/task_tree.hpp"

namespace tractor::sc {

namespace {

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

std::uint64_t detail::cycle_counter_by_clock() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

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
  for (instrument* const each : options_.instruments) add_instrument(*each);
  options_.instruments = {};
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
  enqueue_new(record);
  if (instrumented_) {
    tell(&instrument::task_spawned, record);
    tell(&instrument::task_scheduled, record);
  }
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
    run.main_error_ = std::make_exception_ptr(swallowed_cancel_error(detail::dropped_cancel_text(record)));
  // Its arguments, and then what the task left behind, while it is the current one still: as with any task (nursery::child_done).
  run.main_->coroutine.reset();
  run.main_->body = nullptr;
  detail::drop_locals(std::exchange(record.locals, nullptr));
  record.break_locks();
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

void runner::enqueue_slowly(detail::task_record& task) noexcept {
  ready_.push(&task);
  notice_from_outside();
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
  continues_left_ = continues_a_step_;
  task.leaf->handle().resume();
}

// The first of those that are ready: in a batch all that were when it began; those they wake come in the next one. (No task is left when
// the main task has ended: each lives in a nursery, and each nursery in the main task.)
inline void runner::run_tasks(std::size_t count) {
  if (options_.seed) [[unlikely]] {
    run_shuffled(count);
    return;
  }
  for (std::size_t left = count; left > 0; --left) {
    resume(*ready_.pop());
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

void runner::run_shuffled(std::size_t count) {
  for (std::size_t left = count; left > 0; --left) {
    if (left > 1) ready_.bring_forward(random() % left);
    resume(*ready_.pop());
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

void runner::run_to_completion() {
  const current_run_guard guard(*this);
  const resting_guard working(resting_);
  main_->began = true;
  stack_floor_ = __builtin_frame_address(0);
  last_poll_cycles_ = last_look_cycles_ = detail::cycle_counter();
  while (!main_done_) {
    // Deferred work not after every batch, where steps are short: what a chain of tasks sends in answer to one event leaves together.
    continues_left_ = continues_max;
    int batches = continues_a_step_ == continues_max ? batches_before_deferred : 1;
    for (; batches > 0 && continues_left_ > 0 && !ready_.empty(); --batches) run_tasks(ready_.size());
    current_ = nullptr;
    if (main_done_) break;
    run_deferred();
    if (ready_.empty())
      wait_for_events(true);
    else if ((continues_left_ <= 0 && options_.clock == nullptr) || steps_.load(std::memory_order_relaxed) >= look_at_step_)
      look();
  }
  run_deferred();
  clean_up();
}

// When the main task has ended.
void runner::clean_up() noexcept {
  keep_traces();
  if (external_) external_->refuse_posts();
}

bool runner::has_time_to_continue() noexcept {
  if (--continues_left_ > 0 && (options_.clock != nullptr || detail::cycle_counter() - last_poll_cycles_ < cycles_per_poll)) return true;
  continues_left_ = 0;  // ends the round
  return false;
}

// Work is plenty: I/O and timers are looked at only every so often, because a poll costs as much as many resumptions.
void runner::look() {
  if (options_.clock == nullptr) {
    measure_steps();
    if (last_look_cycles_ - last_poll_cycles_ < cycles_per_poll) return;
  }
  // (What a run on a virtual clock does must not depend on how fast it is.)
  wait_for_events(false);
}

void runner::measure_steps() noexcept {
  const std::uint64_t cycles = detail::cycle_counter(), step = steps_.load(std::memory_order_relaxed);
  const std::uint64_t spent = cycles - last_look_cycles_, taken = std::max<std::uint64_t>(1, step - last_look_step_);
  last_look_cycles_ = cycles;
  last_look_step_ = step;
  resumes_per_look_ =
      spent <= cycles_per_poll ? resumes_per_look_max : std::clamp<std::uint64_t>(taken * cycles_per_poll / spent, 1, resumes_per_look_max);
  continues_a_step_ = std::max(1, static_cast<int>(continues_max * resumes_per_look_ / resumes_per_look_max));
  look_at_step_ = step + resumes_per_look_;
}

void runner::step() {
  const current_run_guard guard(*this);
  const resting_guard working(resting_);
  if (alarm_ != nullptr) alarm_->wake();
  main_->began = true;
  stack_floor_ = __builtin_frame_address(0);
  last_look_cycles_ = detail::cycle_counter();
  last_look_step_ = steps_.load(std::memory_order_relaxed);
  run_tasks(std::min(ready_.size(), tasks_per_step_max));
  current_ = nullptr;
  run_deferred();
  if (main_done_) {
    clean_up();
    return;
  }
  if (options_.clock == nullptr) measure_steps();
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
    const time_point earliest = timers_.earliest().at;
    timeout = earliest <= loop_time_ ? duration::zero() : earliest - loop_time_;  // (one at time_point::min() would overflow)
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
  last_poll_cycles_ = last_look_cycles_ = detail::cycle_counter();
  last_look_step_ = steps_.load(std::memory_order_relaxed);
  // After a rest nobody knows how long the next steps will be.
  look_at_step_ = last_look_step_ + (may_block ? 1 : resumes_per_look_);
  // (A signal ends a poll early.)
  if (cushioned && events == 0 && ready_.empty() && monotonic_now() - before >= cushion) wake_idle(cushion);
  if (jump && events == 0 && ready_.empty() && external_waits_ == 0 && !jump_or_deadlock()) return;
  loop_time_ = now();
  // What has arrived counts, though the deadline for it has passed: after a task that held the loop for long, both are found at once. So
  // who has got I/O runs first, and those whom they wake are no longer waiting when the timers fire. Once, so that I/O without end does
  // not hold them up.
  timers_held_ = events > 0 && !ready_.empty() && !timers_held_;
  if (!timers_held_) fire_timers(loop_time_);
  // Not where nobody runs: the tick that found the run at rest ended the poll.
  if (alarm_ != nullptr && !ready_.empty()) alarm_->wake();
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
  if (root_scope_.cancel_called()) [[unlikely]] {
    // Every task that is left waits out of reach of cancels: nobody can ever end this run.
    if (main_error_) std::fprintf(stderr, "tractor: %s\n", describe(main_error_).c_str());
    std::fprintf(stderr, "tractor: still waiting after the run was cancelled:\n%s\n", to_text(task_tree_of(*this)).c_str());
    TRACTOR_ASSERT(false, "a deadlocked run was cancelled, and still every task waits");
  }
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

}  // namespace tractor::sc
