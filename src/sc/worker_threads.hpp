// SPDX-License-Identifier: Apache-2.0
//
// The worker threads of one run.
//
// A call belongs to the run's thread until start() gives it to a worker, and again from the moment on at which the worker posted
// it. A worker that finds the run gone owns its call, whose waiter has abandoned it, and frees it.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "external_queue.hpp"
#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/to_thread.hpp"

namespace tractor::sc::detail {

class worker_threads;

// A call on its way through a worker thread. It is posted when the thread asks for something, and then waits, and when it is done.
struct thread_call final : external_job {
  enum class answer : unsigned char { none, served, refused };

  std::unique_ptr<thread_job> job;
  worker_threads* threads = nullptr;
  capacity_limiter* limiter = nullptr;
  thread_awaiter* waiting = nullptr;  // null: abandoned
  thread_call* next_abandoned = nullptr;
  std::atomic<bool> cancelled = false;  // the task is, or does not wait any more
  thread_request* request = nullptr;    // these three under the mutex of the threads
  answer answered = answer::none;
  std::condition_variable answer_came;
};

class worker_threads {
 public:
  static constexpr std::size_t calls_at_once_default = 40;
  static constexpr std::chrono::milliseconds idle_max_default{10'000};

  explicit worker_threads(runner& run);
  worker_threads(const worker_threads&) = delete;
  worker_threads& operator=(const worker_threads&) = delete;
  // Joins every thread but those whose call was abandoned.
  ~worker_threads();

  // Throws os_error when no thread can be had; the call is then still the caller's.
  void start(thread_call& call);
  void abandon(thread_call& call) noexcept;
  void answer(thread_call& call, bool served) noexcept;

  // In a worker thread.
  static void ask(thread_request& request);
  [[nodiscard]] static bool asks_whether_cancelled();

  [[nodiscard]] capacity_limiter& limiter() noexcept { return limiter_; }
  [[nodiscard]] std::size_t thread_count() const noexcept { return workers_.size(); }
  // For threads that become idle from now on.
  void set_idle_max(std::chrono::milliseconds idle_max);

 private:
  struct worker;
  struct shared_state;

  static void serve(std::shared_ptr<shared_state> shared, std::shared_ptr<worker> self) noexcept;
  worker& add_worker();
  void came(thread_call& call) noexcept;
  void finished(thread_call& call) noexcept;
  void forget(thread_call& call) noexcept;
  void reap(worker& ended) noexcept;
  void free_abandoned() noexcept;

  struct free_later : deferred {
    worker_threads* self = nullptr;
  };

  runner& run_;
  capacity_limiter limiter_{calls_at_once_default};
  std::shared_ptr<shared_state> shared_;
  std::vector<std::shared_ptr<worker>> workers_;
  std::vector<thread_call*> calls_;   // given to a worker and not finished here
  thread_call* abandoned_ = nullptr;  // done, to be freed; linked by next_abandoned
  free_later free_later_;
};

}  // namespace tractor::sc::detail
