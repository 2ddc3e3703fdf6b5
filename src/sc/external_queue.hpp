// SPDX-License-Identifier: Apache-2.0
//
// Work that other threads hand to a run.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

class worker_threads;
class external_queue;

// One completed job; runs in the run's thread, inside the poll. It must not run user code, only wake a task.
struct external_job {
  void (*run)(external_job& self) noexcept = nullptr;
  external_job* next = nullptr;
};

// What run handles have in common: the queue of their run, while there is one.
class run_mailbox {
 public:
  std::mutex mutex;
  external_queue* queue;  // null: the run has ended
  explicit run_mailbox(external_queue& of) noexcept : queue(&of) {}
};

// Jobs come in from any thread through post(); the run takes them when its reactor sees the eventfd. Bounded by the number of
// jobs in flight, each of which lives in its waiter.
class external_queue {
 public:
  explicit external_queue(runner& run);
  external_queue(const external_queue&) = delete;
  external_queue& operator=(const external_queue&) = delete;
  ~external_queue();

  void post(external_job& job) noexcept;

  // The run's worker threads, which report here; made on first use.
  [[nodiscard]] worker_threads& threads();

  [[nodiscard]] std::shared_ptr<run_mailbox> mailbox();
  void post(std::move_only_function<void()>&& function);  // under the mailbox's mutex
  // The main task has ended: nothing that is posted will be called.
  void refuse_posts() noexcept;

 private:
  struct drain_waiter : io_source::waiter {
    external_queue* self = nullptr;
  };
  void wake() noexcept;
  void drain() noexcept;
  // Not in the poll, where nothing but the waking of tasks is allowed: what is posted may close what the poll has yet to tell of.
  struct call_posted : deferred {
    external_queue* self = nullptr;
  };
  void call_those_posted() noexcept;

  runner& run_;
  unique_fd event_;
  io_source source_;
  drain_waiter waiter_;
  std::mutex mutex_;
  external_job* first_ = nullptr;
  external_job** last_ = &first_;
  std::vector<std::move_only_function<void()>> posted_;
  std::unique_ptr<worker_threads> threads_;
  std::shared_ptr<run_mailbox> mailbox_;
  call_posted call_posted_;
};

}  // namespace tractor::sc::detail
