// SPDX-License-Identifier: Apache-2.0

#include "external_queue.hpp"

#include <sys/eventfd.h>

#include "worker_threads.hpp"

namespace tractor::sc::detail {

external_queue::external_queue(runner& run) : run_(run), event_(check_syscall(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd()")) {
  source_.attach(event_.get());
  waiter_.self = this;
  waiter_.ready = [](io_source::waiter& self) noexcept { static_cast<drain_waiter&>(self).self->drain(); };
  source_.reader = &waiter_;
}

external_queue::~external_queue() {
  threads_.reset();  // the last ones to post
  source_.reader = nullptr;
  source_.detach();
}

worker_threads& external_queue::threads() {
  if (!threads_) threads_ = std::make_unique<worker_threads>(run_);
  return *threads_;
}

void external_queue::post(external_job& job) noexcept {
  job.next = nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  *last_ = &job;
  last_ = &job.next;
  // Under the lock: once the run has taken the last job it may end and destroy this queue.
  const std::uint64_t one = 1;
  static_cast<void>(!::write(event_.get(), &one, sizeof one));  // EAGAIN means a wake-up is pending already
}

void external_queue::drain() noexcept {
  std::uint64_t count = 0;
  static_cast<void>(!::read(event_.get(), &count, sizeof count));
  external_job* job = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job = first_;
    first_ = nullptr;
    last_ = &first_;
  }
  source_.reader = &waiter_;  // waiters are asked once
  while (job != nullptr) {
    external_job* const next = job->next;
    job->run(*job);
    job = next;
  }
}

}  // namespace tractor::sc::detail
