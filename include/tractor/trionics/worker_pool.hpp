// SPDX-License-Identifier: Apache-2.0
//
// Functions that run in other processes, as many at once as there are workers.
//
//     co_await trionics::open_worker_pool({.modules = {"primes"}}, [](trionics::worker_pool& pool) -> sc::task<> {
//       std::vector<bool> prime = co_await pool.map<&is_prime>(numbers);                 // results in the order of the arguments
//       auto one = co_await pool.submit<&is_prime>(112272535095293);                     // a job
//       co_await pool.as_completed<&is_prime>(numbers, [&](std::size_t index, bool yes) -> sc::task<> { … });
//       use(co_await one.result());
//     });
//
// The workers are actors (actor_nursery.hpp); all are up when the body begins. Each runs one job at a time, in the order in which jobs were
// submitted. At most `queued_jobs_max` wait for a worker: one more waits until there is room, and whoever submits it with it.
//
// A job belongs to its handle. An error of its function comes out of result() as remote_actor_error. When its worker dies under it that
// is actor_died, which names the actor; nobody runs the job again, for it may have had its effect, and the pool starts another
// worker. One that died while it had nothing to do is replaced before its next job. A replacement that does not start is an error of
// the pool. A handle that is destroyed withdraws its job: it is not begun any more, or cancelled where it runs. Its end is waited for, but
// not for longer than context_cancel_timeout: the cleanup of a function may go on after that, beside the next job of its worker.
//
// Leaving the block waits for the jobs whose handles live, then cancels the workers. When the body fails or is cancelled, or a worker
// cannot be replaced, so are they; a result() that is asked for after that throws sc::scope_cancelled_error.

#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/sc/memory_channel.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/semaphore.hpp"
#include "tractor/trionics/detail/pool_job.hpp"

namespace tractor::trionics {

inline constexpr std::size_t pool_queued_jobs_max_default = 64;

struct worker_pool_options {
  std::vector<std::string> modules = {};                       // of the functions, beside actor.enable_modules
  std::optional<std::size_t> workers = {};                     // nullopt: one for each usable cpu
  std::size_t queued_jobs_max = pool_queued_jobs_max_default;  // that wait for a worker; 0: submitting waits for a free one
  std::string name = "worker";                                 // of the actors: "<this actor's name>.worker_0" and so on
  bool hard_kill = false;                                      // when the body has ended
  actor_options actor = {};                                    // of each; on_death is the pool's
  std::optional<root_options> root = {};                       // for the first nursery of a program, as in open_nursery
};

// The handle of a job.
template <class Result>
class job {
 public:
  explicit job(std::shared_ptr<detail::typed_job<Result>> of) noexcept : of_(std::move(of)) {}
  job(job&& other) noexcept = default;
  job& operator=(job&& other) noexcept {
    job taken(std::move(other));  // what this one was is withdrawn when `taken` goes
    std::swap(of_, taken.of_);
    return *this;
  }
  // No task may be waiting for its result.
  ~job() {
    if (of_) of_->withdraw();
  }

  // Waits for the job and gives its result, once, or throws its error. Cancelling this wait leaves the job alone.
  [[nodiscard]] sc::task<Result> result() {
    co_await of_->done().wait();
    of_->rethrow_error();
    if constexpr (!std::is_void_v<Result>) co_return std::move(*of_->value);
  }
  [[nodiscard]] bool done() const noexcept { return of_->done().is_set(); }

 private:
  std::shared_ptr<detail::typed_job<Result>> of_;  // null: moved from
};

class TRACTOR_API worker_pool {
 public:
  // --- for open_worker_pool ---
  worker_pool(actor_nursery& an, const worker_pool_options& options);
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;
  ~worker_pool();
  [[nodiscard]] sc::task<> start(sc::nursery& n);
  void close() noexcept { send_.close(); }

  [[nodiscard]] std::size_t workers() const noexcept { return workers_; }

  template <auto Function>
  using result_of = typename tractor::detail::endpoint_traits<Function>::result_type;

  // Submits `Function(arguments…)`; waits until there is room for it. Cancelled, nothing was submitted. Throws usage_error when the block
  // has ended.
  template <auto Function, class... Arguments>
  [[nodiscard]] sc::task<job<result_of<Function>>> submit(Arguments&&... arguments) {
    using tuple = typename tractor::detail::endpoint_traits<Function>::arguments;
    return enqueue<result_of<Function>>(std::make_shared<detail::call_job<Function>>(tuple(std::forward<Arguments>(arguments)...)));
  }

  // Calls `Function` with each element of `range` (a tuple of arguments where it takes several) and gives the results in that order. The
  // first error cancels the rest.
  template <auto Function, class Range>
  [[nodiscard]] auto map(Range range)
      -> sc::task<std::conditional_t<std::is_void_v<result_of<Function>>, void,
                                     std::vector<std::conditional_t<std::is_void_v<result_of<Function>>, char, result_of<Function>>>>>;

  // The same, with each result given to `each(index, result)` (`each(index)` where there is none), a task<>, as soon as it is there, one at
  // a time. No more than queued_jobs_max + workers jobs are under way or wait for `each`.
  template <auto Function, class Range, class Each>
  [[nodiscard]] sc::task<> as_completed(Range range, Each each);

 private:
  using job_pointer = std::shared_ptr<detail::pool_job>;

  worker_pool(actor_nursery& an, const worker_pool_options& options, sc::memory_channel_ends<job_pointer> queue);

  template <class Result>
  sc::task<job<Result>> enqueue(std::shared_ptr<detail::typed_job<Result>> made) {
    job<Result> handle(made);
    co_await put(std::move(made));
    co_return handle;
  }
  [[nodiscard]] sc::task<> put(job_pointer made);
  [[nodiscard]] sc::task<> work(sc::task_status<> status, std::string name);

  actor_nursery& an_;
  const worker_pool_options& options_;
  std::size_t workers_;
  sc::memory_send_channel<job_pointer> send_;
  sc::memory_receive_channel<job_pointer> receive_;
  std::vector<job_pointer> unrun_;  // whose worker could not be replaced
};

// Opens a pool around `body(worker_pool&)`, which returns task<R>, and gives what the body gives. See the top of this file. Throws
// std::invalid_argument for a pool without workers.
template <class Body>
[[nodiscard]] auto open_worker_pool(worker_pool_options options, Body body) -> std::invoke_result_t<Body&, worker_pool&>;

// --------------------------------------------------------------------------------------------------------------------

template <auto Function, class Range>
auto worker_pool::map(Range range)
    -> sc::task<std::conditional_t<std::is_void_v<result_of<Function>>, void,
                                   std::vector<std::conditional_t<std::is_void_v<result_of<Function>>, char, result_of<Function>>>>> {
  using result = result_of<Function>;
  std::deque<std::optional<std::conditional_t<std::is_void_v<result>, char, result>>> slots;
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    for (auto&& arguments : range) {
      auto& slot = slots.emplace_back();
      n.start_soon([into = &slot, running = co_await submit<Function>(arguments)]() mutable -> sc::task<> {
        if constexpr (std::is_void_v<result>) {
          co_await running.result();
          into->emplace();
        } else {
          into->emplace(co_await running.result());
        }
      });
    }
  });
  if constexpr (!std::is_void_v<result>) {
    std::vector<result> results;
    results.reserve(slots.size());
    for (auto& slot : slots) results.push_back(std::move(*slot));
    co_return results;
  }
}

template <auto Function, class Range, class Each>
sc::task<> worker_pool::as_completed(Range range, Each each) {
  using result = result_of<Function>;
  struct outcome {
    std::size_t index;
    std::conditional_t<std::is_void_v<result>, char, result> value;
  };
  auto [send, receive] = sc::open_memory_channel<outcome>(0);
  sc::semaphore under_way(options_.queued_jobs_max + workers_);
  const auto collect = [](std::size_t index, job<result> running, sc::memory_send_channel<outcome> to) -> sc::task<> {
    if constexpr (std::is_void_v<result>) {
      co_await running.result();
      co_await to.send({index, 0});
    } else {
      co_await to.send({index, co_await running.result()});
    }
  };
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      const auto last = std::move(send);  // closed when all have been submitted: the channel ends with the last job
      std::size_t index = 0;
      for (auto&& arguments : range) {
        co_await under_way.acquire();
        n.start_soon(collect, index++, co_await submit<Function>(arguments), last.clone());
      }
    });
    while (auto next = co_await receive.next()) {
      under_way.release();
      if constexpr (std::is_void_v<result>)
        co_await each(next->index);
      else
        co_await each(next->index, std::move(next->value));
    }
  });
}

template <class Body>
auto open_worker_pool(worker_pool_options options, Body body) -> std::invoke_result_t<Body&, worker_pool&> {
  using result = std::invoke_result_t<Body&, worker_pool&>;
  const auto block = [&](actor_nursery& an) -> result {
    worker_pool pool(an, options);
    const auto run = [&](sc::nursery& n) -> result {
      co_await pool.start(n);
      if constexpr (std::is_void_v<typename result::value_type>) {
        co_await body(pool);
        pool.close();
      } else {
        auto value = co_await body(pool);
        pool.close();
        co_return value;
      }
    };
    if constexpr (std::is_void_v<typename result::value_type>) {
      co_await sc::open_nursery(run);
      co_await an.cancel(options.hard_kill);
    } else {
      auto value = co_await sc::open_nursery(run);
      co_await an.cancel(options.hard_kill);
      co_return value;
    }
  };
  co_return co_await open_nursery(block, options.root);
}

}  // namespace tractor::trionics
