// SPDX-License-Identifier: Apache-2.0

#include "worker_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <system_error>

#include "blocked_signals.hpp"

namespace tractor::sc::detail {

struct worker_threads::worker : external_job {
  std::thread thread;
  worker_threads* threads = nullptr;
  std::condition_variable wake;
  thread_call* call = nullptr;  // under the mutex, like all below
  bool stop = false;
};

struct worker_threads::shared_state {
  std::mutex mutex;
  external_queue* queue = nullptr;  // null: the run is over
  std::vector<worker*> idle;        // the last to become idle is used first
  std::chrono::milliseconds idle_max = idle_max_default;
};

namespace {
// Of a worker thread, while it has a call.
struct thread_place {
  std::mutex* mutex = nullptr;
  external_queue* const* queue = nullptr;
  thread_call* call = nullptr;
};
constinit thread_local thread_place this_thread;

thread_place& place_of_this_thread() {
  if (this_thread.call == nullptr)
    throw usage_error("from_thread is for threads that to_thread started: this one has no task that waits for it");
  return this_thread;
}
}  // namespace

worker_threads::worker_threads(runner& run) : run_(run), shared_(std::make_shared<shared_state>()) {
  shared_->queue = &run.external();
  free_later_.self = this;
  free_later_.run = [](deferred& self) noexcept { static_cast<free_later&>(self).self->free_abandoned(); };
}

worker_threads::~worker_threads() {
  run_.cancel_deferred(free_later_);
  free_abandoned();
  std::vector<thread_call*> left = std::move(calls_);
  std::vector<worker*> busy;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue = nullptr;
    for (const auto& each : workers_) {
      if (each->call != nullptr) {
        each->call->cancelled = true;
        if (each->call->request != nullptr) {
          each->call->answered = thread_call::answer::refused;
          each->call->answer_came.notify_one();
        }
        busy.push_back(each.get());
        std::erase(left, each->call);  // freed by the thread
      }
      each->stop = true;
      each->wake.notify_one();
    }
  }
  for (const auto& each : workers_) {
    if (std::ranges::find(busy, each.get()) != busy.end())
      each->thread.detach();
    else
      each->thread.join();
  }
  for (thread_call* const call : left) {
    TRACTOR_ASSERT(call->waiting == nullptr, "a run ends while a task waits for a thread");
    delete call;
  }
}

void worker_threads::set_idle_max(std::chrono::milliseconds idle_max) {
  const std::lock_guard lock(shared_->mutex);
  shared_->idle_max = idle_max;
}

worker_threads::worker& worker_threads::add_worker() {
  workers_.reserve(workers_.size() + 1);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->idle.reserve(workers_.size() + 1);  // so that becoming idle cannot fail
  }
  auto fresh = std::make_shared<worker>();
  fresh->threads = this;
  // Runs when the thread was idle for too long and has left.
  fresh->run = [](external_job& self) noexcept {
    auto& ended = static_cast<worker&>(self);
    ended.threads->reap(ended);
  };
  const blocked_signals masked;
  try {
    fresh->thread = std::thread(&serve, shared_, fresh);
  } catch (const std::system_error& failed) {
    throw_os_error("to_thread(): pthread_create()", failed.code().value());
  }
  workers_.push_back(std::move(fresh));
  return *workers_.back();
}

void worker_threads::start(thread_call& call) {
  call.threads = this;
  call.run = [](external_job& self) noexcept {
    auto& done = static_cast<thread_call&>(self);
    done.threads->came(done);
  };
  calls_.reserve(calls_.size() + 1);
  worker* chosen = nullptr;
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->idle.empty()) {
      chosen = shared_->idle.back();
      shared_->idle.pop_back();
      chosen->call = &call;
    }
  }
  if (chosen == nullptr) {
    chosen = &add_worker();
    const std::lock_guard lock(shared_->mutex);
    chosen->call = &call;
  }
  chosen->wake.notify_one();
  calls_.push_back(&call);
  run_.add_external_wait();
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the thread's own share, which keeps both alive
void worker_threads::serve(std::shared_ptr<shared_state> shared, std::shared_ptr<worker> self) noexcept {
  ::pthread_setname_np(::pthread_self(), "tractor-worker");
  std::unique_lock lock(shared->mutex);
  for (;;) {
    // A thread just started is not in the idle list: its first call is on the way.
    if (!self->wake.wait_for(lock, shared->idle_max, [&] { return self->call != nullptr || self->stop; })) {
      if (std::erase(shared->idle, self.get()) == 0) continue;
      shared->queue->post(*self);
      return;
    }
    if (self->call == nullptr) return;
    thread_call* const call = self->call;
    lock.unlock();
    this_thread = {.mutex = &shared->mutex, .queue = &shared->queue, .call = call};
    call->job->work();
    this_thread = {};
    lock.lock();
    if (shared->queue == nullptr) {
      lock.unlock();
      delete call;
      return;
    }
    self->call = nullptr;
    shared->idle.push_back(self.get());
    shared->queue->post(*call);
  }
}

void worker_threads::reap(worker& ended) noexcept {
  ended.thread.join();
  std::erase_if(workers_, [&](const auto& each) { return each.get() == &ended; });
}

void worker_threads::forget(thread_call& call) noexcept {
  std::erase(calls_, &call);
  call.limiter->release_on_behalf_of(call.job->borrower());
}

void worker_threads::came(thread_call& call) noexcept {
  if (call.request == nullptr) return finished(call);  // the thread that would change it waits, or is through
  if (call.waiting == nullptr) return answer(call, false);
  run_.remove_external_wait();  // the thread waits for us: a virtual clock may jump meanwhile
  call.waiting->asked(*call.request);
}

void worker_threads::answer(thread_call& call, bool served) noexcept {
  if (call.waiting != nullptr) run_.add_external_wait();
  const std::lock_guard lock(shared_->mutex);
  call.answered = served ? thread_call::answer::served : thread_call::answer::refused;
  call.answer_came.notify_one();
}

void worker_threads::ask(thread_request& request) {
  const thread_place& here = place_of_this_thread();
  thread_call& call = *here.call;
  std::unique_lock lock(*here.mutex);
  if (*here.queue == nullptr) throw thread_cancelled();
  call.request = &request;
  call.answered = thread_call::answer::none;
  (*here.queue)->post(call);
  call.answer_came.wait(lock, [&] { return call.answered != thread_call::answer::none; });
  call.request = nullptr;
  if (call.answered == thread_call::answer::refused) throw thread_cancelled();
}

bool worker_threads::asks_whether_cancelled() { return place_of_this_thread().call->cancelled; }

void worker_threads::finished(thread_call& call) noexcept {
  forget(call);
  std::unique_ptr<thread_call> owned(&call);
  if (thread_awaiter* const waiting = call.waiting) {
    run_.remove_external_wait();
    waiting->finished(std::move(call.job));
    return;
  }
  // Freeing it runs destructors of the user's, which has no place inside the reactor.
  call.next_abandoned = std::exchange(abandoned_, owned.release());
  run_.defer(free_later_);
}

void worker_threads::abandon(thread_call& call) noexcept {
  call.waiting = nullptr;
  // Nobody waits for it any more; a thread that hangs must not hold a virtual clock for ever.
  run_.remove_external_wait();
}

void worker_threads::free_abandoned() noexcept {
  for (thread_call* gone = std::exchange(abandoned_, nullptr); gone != nullptr;) {
    const std::unique_ptr<thread_call> owned(gone);
    gone = gone->next_abandoned;
  }
}

// --- the awaiting side ---

namespace {
// Not its address, which another call may have while the token of an abandoned one is out. Odd, so that it is nobody's.
const void* next_borrower() noexcept {
  static constinit std::atomic<std::uintptr_t> last = 1;
  return reinterpret_cast<const void*>(last += 2);  // NOLINT(performance-no-int-to-ptr): never followed
}
}  // namespace

thread_job::thread_job() noexcept : borrower_(next_borrower()) {}
thread_job::~thread_job() = default;
thread_request::~thread_request() = default;

void ask_run(thread_request& request) { worker_threads::ask(request); }
bool ask_whether_cancelled() { return worker_threads::asks_whether_cancelled(); }

thread_awaiter::thread_awaiter(std::unique_ptr<thread_job> job, capacity_limiter& limiter, bool abandon_on_cancel) noexcept
    : job_(std::move(job)), limiter_(limiter), abandon_on_cancel_(abandon_on_cancel) {}
thread_awaiter::~thread_awaiter() = default;

void thread_awaiter::start() {
  std::unique_ptr<thread_call> call;
  const void* const borrower = job_->borrower();
  try {
    call = std::make_unique<thread_call>();
    call->limiter = &limiter_;
    call->waiting = this;
    call->job = std::move(job_);
    this_runner().external().threads().start(*call);
  } catch (...) {
    limiter_.release_on_behalf_of(borrower);
    throw;
  }
  call_ = call.release();
}

void thread_awaiter::asked(thread_request& request) noexcept {
  request_ = &request;
  wake();
}

void thread_awaiter::answer(bool served) noexcept {
  request_ = nullptr;
  call_->threads->answer(*call_, served);
}

void thread_awaiter::finished(std::unique_ptr<thread_job> job) noexcept {
  job_ = std::move(job);
  call_ = nullptr;
  wake();
}

bool thread_awaiter::refuse_while_it_runs() noexcept {
  if (!scope_cancelled(this_runner())) return false;
  was_cancelled = abort_wait(*this);
  return was_cancelled;
}

bool thread_awaiter::abort_wait(suspension& self) noexcept {
  auto& gone = static_cast<thread_awaiter&>(self);
  gone.call_->cancelled = true;
  if (!gone.abandon_on_cancel_) return false;
  thread_call& call = *std::exchange(gone.call_, nullptr);
  call.threads->abandon(call);
  return true;
}

}  // namespace tractor::sc::detail

namespace tractor::sc {

capacity_limiter& default_thread_limiter() { return detail::this_runner().external().threads().limiter(); }

}  // namespace tractor::sc
