// SPDX-License-Identifier: Apache-2.0
//
// Blocking calls, in a thread of their own, awaited by a task.
//
//     auto text = co_await sc::to_thread([path] { return read_whole_file(path); });
//
// The callable is moved to a worker thread; its result, or what it throws, comes out here. Threads are started when needed, used again,
// and end when idle for ten seconds; all have ended when the run has. They block every signal but those of a fault. A
// limiter bounds how many calls run at once: 40 in a run, or the caller's own, which must outlive the calls.
//
// Up to the start of the call it can be cancelled. Once the call runs a cancel does not reach it: the wait goes on and the result is
// given; the next checkpoint is cancelled. With abandon_on_cancel the wait ends at once instead and the thread is left to
// itself: its result is dropped, its token comes back when it ends, and it may outlive the run, so the callable must own what
// it touches. (When it does outlive the run its token is lost to a limiter that further runs use.) Nothing of the kernel may be used in the
// callable, except a run of its own, and from_thread (from_thread.hpp), by which it has something done in the task that waits for it, or
// asks whether that is cancelled.

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// Thrown in a thread by from_thread when the task that waits for it is cancelled, or does not wait any more. Where it leaves the callable,
// to_thread throws `cancelled`. Like that it does not derive from std::exception.
class thread_cancelled {};

struct to_thread_options {
  capacity_limiter* limiter = nullptr;  // null: the run's default_thread_limiter()
  bool abandon_on_cancel = false;
};

// The limiter of the calls of the current run that name none; 40 tokens at first.
[[nodiscard]] TRACTOR_API capacity_limiter& default_thread_limiter();

namespace detail {

struct thread_call;
class worker_threads;

// What a thread asks its task to do; see from_thread.hpp.
class TRACTOR_API thread_request {
 public:
  thread_request() noexcept = default;
  thread_request(const thread_request&) = delete;
  thread_request& operator=(const thread_request&) = delete;
  virtual ~thread_request();
  // In the task. Keeps what it throws for the thread, except `cancelled`.
  virtual task<> serve() = 0;
};

// What a worker thread is to do, and what came of it. It also stands for the call as a borrower of the limiter.
class TRACTOR_API thread_job {
 public:
  thread_job() noexcept;
  thread_job(const thread_job&) = delete;
  thread_job& operator=(const thread_job&) = delete;
  virtual ~thread_job();
  virtual void work() noexcept = 0;  // in the worker thread
  [[nodiscard]] const void* borrower() const noexcept { return borrower_; }

 private:
  const void* borrower_;
};

template <class Function>
class typed_thread_job final : public thread_job {
 public:
  using value_type = std::invoke_result_t<Function&>;
  static_assert(!std::is_reference_v<value_type>, "the result of a to_thread call is a value: return a pointer");

  explicit typed_thread_job(Function&& function) : function_(std::move(function)) {}
  void work() noexcept override {
    try {
      if constexpr (std::is_void_v<value_type>)
        function_();
      else
        value_.emplace(function_());
    } catch (const thread_cancelled&) {
      gave_up_ = true;
      error_ = std::current_exception();
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  // It threw thread_cancelled.
  [[nodiscard]] bool gave_up() const noexcept { return gave_up_; }
  value_type take() {
    if (error_) std::rethrow_exception(std::move(error_));
    if constexpr (!std::is_void_v<value_type>) return std::move(*value_);
  }

 private:
  Function function_;
  std::optional<std::conditional_t<std::is_void_v<value_type>, char, value_type>> value_;
  std::exception_ptr error_;
  bool gave_up_ = false;
};

// Has the job, which holds a token of the limiter, done by a worker thread. The token is given back when the thread is done, whoever
// waits then, or when the thread cannot be started or need not be.
class TRACTOR_API thread_awaiter final : public leaf_wait {
 public:
  thread_awaiter(std::unique_ptr<thread_job> job, capacity_limiter& limiter, bool abandon_on_cancel) noexcept;
  thread_awaiter(const thread_awaiter&) = delete;
  thread_awaiter& operator=(const thread_awaiter&) = delete;
  ~thread_awaiter();

  // Until the thread is done or asks for something; awaited again after each answer. A cancel that came after the token was lent is seen
  // here: from the moment on at which the thread runs it is too late.
  bool await_ready() {
    if (call_ != nullptr) return refuse_while_it_runs();
    if (!refuse_if_cancelled()) return false;
    limiter_.release_on_behalf_of(job_->borrower());
    return true;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (call_ == nullptr) start();
    park(here, waits);
  }
  void await_resume() { throw_if_cancelled(); }

  // Null: it is done.
  [[nodiscard]] thread_request* request() const noexcept { return request_; }
  // Lets the thread go on, with thread_cancelled unless it was `served`.
  void answer(bool served) noexcept;
  [[nodiscard]] thread_job& job() noexcept { return *job_; }

 private:
  friend class worker_threads;
  void start();
  // True: it is cancelled, and nobody waits for the thread any more.
  bool refuse_while_it_runs() noexcept;
  void asked(thread_request& request) noexcept;
  void finished(std::unique_ptr<thread_job> job) noexcept;
  static bool abort_wait(suspension& self) noexcept;
  static constexpr wait_kind waits{"to_thread", &abort_wait};

  std::unique_ptr<thread_job> job_;  // while the thread has it: null
  capacity_limiter& limiter_;
  thread_call* call_ = nullptr;  // while the thread runs
  thread_request* request_ = nullptr;
  bool abandon_on_cancel_;
};

}  // namespace detail

// `function` is called with no arguments. See the top of this file.
template <class Function>
[[nodiscard]] auto to_thread(Function function, to_thread_options options = {}) -> task<std::invoke_result_t<Function&>> {
  using job_type = detail::typed_thread_job<Function>;
  capacity_limiter& limiter = options.limiter != nullptr ? *options.limiter : default_thread_limiter();
  auto job = std::make_unique<job_type>(std::move(function));
  co_await limiter.acquire_on_behalf_of(job->borrower());
  detail::thread_awaiter done(std::move(job), limiter, options.abandon_on_cancel);
  co_await done;
  std::exception_ptr failed;  // goes on when the thread has ended
  while (detail::thread_request* const request = done.request()) {
    bool served = false;
    if (!failed) {
      try {
        co_await checkpoint_if_cancelled();
        co_await request->serve();
        served = true;
      } catch (...) {  // a cancel, or want of memory; what the thread asked for answers for its own errors
        failed = std::current_exception();
      }
    }
    done.answer(served);
    co_await done;
  }
  if (failed) std::rethrow_exception(failed);
  auto& done_job = static_cast<job_type&>(done.job());
  if (done_job.gave_up()) co_await checkpoint_if_cancelled();
  co_return done_job.take();
}

}  // namespace tractor::sc
