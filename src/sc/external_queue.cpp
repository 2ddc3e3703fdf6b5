// SPDX-License-Identifier: Apache-2.0

#include "external_queue.hpp"

#include <sys/eventfd.h>

#include <string>
#include <utility>

#include "tractor/sc/run_handle.hpp"
#include "worker_threads.hpp"

namespace tractor::sc::detail {

external_queue::external_queue(runner& run) : run_(run), event_(check_syscall(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd()")) {
  source_.attach(event_.get());
  waiter_.self = this;
  waiter_.ready = [](io_source::waiter& self) noexcept { static_cast<drain_waiter&>(self).self->drain(); };
  source_.reader = &waiter_;
}

external_queue::~external_queue() {
  threads_.reset();  // the last ones to post, but for run handles
  refuse_posts();
  run_.cancel_deferred(call_posted_);
  source_.reader = nullptr;
  source_.detach();
}

void external_queue::refuse_posts() noexcept {
  if (!mailbox_) return;
  std::vector<std::move_only_function<void()>> unwanted;  // destroyed when no lock is held
  const std::lock_guard<std::mutex> closing(mailbox_->mutex);
  mailbox_->queue = nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  unwanted.swap(posted_);
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
  wake();
}

// By reference: where it is refused, it is its owner who destroys it, when no lock is held.
void external_queue::post(std::move_only_function<void()>&& function) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (posted_.size() >= run_handle::posted_max)
    throw error("run_handle::post: " + std::to_string(run_handle::posted_max) + " functions wait for the run to call them",
                error_category::overloaded);
  posted_.push_back(std::move(function));
  wake();
}

// Under the lock: once the run has taken the last job it may end and destroy this queue.
void external_queue::wake() noexcept {
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
    if (!posted_.empty()) run_.defer(call_posted_);
  }
  source_.reader = &waiter_;  // waiters are asked once
  while (job != nullptr) {
    external_job* const next = job->next;
    job->run(*job);
    job = next;
  }
}

std::shared_ptr<run_mailbox> external_queue::mailbox() {
  if (!mailbox_) {
    mailbox_ = std::make_shared<run_mailbox>(*this);
    call_posted_.self = this;
    call_posted_.run = [](deferred& self) noexcept { static_cast<call_posted&>(self).self->call_those_posted(); };
  }
  return mailbox_;
}

// Those that have come so far: what they post in turn is called next time, so that others have their turn.
void external_queue::call_those_posted() noexcept {
  std::vector<std::move_only_function<void()>> calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls.swap(posted_);
  }
  if (run_.done()) return;  // what they refer to may be gone with the main task
  for (auto& each : calls) {
    try {
      each();
    } catch (...) {
      run_.fail(std::current_exception(), "a function posted to the run failed");
    }
    each = nullptr;
  }
}

}  // namespace tractor::sc::detail

namespace tractor::sc {

run_handle::run_handle() : mailbox_(detail::this_runner().external().mailbox()) {}

bool run_handle::post(std::move_only_function<void()> function) const {
  const std::lock_guard<std::mutex> lock(mailbox_->mutex);
  if (mailbox_->queue == nullptr) return false;
  mailbox_->queue->post(std::move(function));
  return true;
}

}  // namespace tractor::sc
