// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/worker_pool.hpp"

#include <stdexcept>

#include "tractor/base/cpus.hpp"
#include "tractor/base/error.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::trionics {

namespace detail {

pool_job::~pool_job() = default;

sc::task<> pool_job::run(const portal& worker) {
  std::exception_ptr cut;
  bool complete = false;
  try {
    complete = co_await scope_.run([&] { return call(worker); });
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
  } catch (...) {
    error_ = std::current_exception();
  }
  if (complete || error_)
    done_.set();
  else
    abandon();
  if (cut) std::rethrow_exception(std::exchange(cut, nullptr));
}

void pool_job::abandon() {
  error_ = std::make_exception_ptr(
      sc::scope_cancelled_error("the job " + std::string(function_) + " had not ended when its worker pool was cancelled"));
  done_.set();
}

void pool_job::withdraw() noexcept {
  withdrawn_ = true;
  scope_.cancel("nobody waits for the job any more");
}

void pool_job::rethrow_error() const {
  if (error_) std::rethrow_exception(error_);
}

}  // namespace detail

worker_pool::worker_pool(actor_nursery& an, const worker_pool_options& options)
    : worker_pool(an, options, sc::open_memory_channel<job_pointer>(options.queued_jobs_max)) {
  if (workers_ == 0) throw std::invalid_argument("open_worker_pool: a pool has one worker at least");
}

worker_pool::worker_pool(actor_nursery& an, const worker_pool_options& options, sc::memory_channel_ends<job_pointer> queue)
    : an_(an),
      options_(options),
      workers_(options.workers.value_or(usable_cpus())),
      send_(std::move(queue.send)),
      receive_(std::move(queue.receive)) {
  unrun_.reserve(workers_);  // at most one each
}

worker_pool::~worker_pool() {
  // Of a pool that was cancelled.
  send_.close();
  for (const auto& job : unrun_) job->abandon();
  try {
    for (;;) receive_.receive_nowait()->abandon();
  } catch (const error&) {
    // That was the last one.
  }
}

sc::task<> worker_pool::start(sc::nursery& n) {
  const std::string prefix = current_actor().name() + "." + options_.name + "_";
  co_await sc::open_nursery([&](sc::nursery& starting) {
    for (std::size_t i = 0; i < workers_; ++i)
      starting.start_soon([this, &n, name = prefix + std::to_string(i)]() -> sc::task<> {
        co_await n.start({.name = name}, [this, name](sc::task_status<> status) { return work(std::move(status), name); });
      });
  });
}

sc::task<> worker_pool::put(job_pointer made) {
  bool closed = false;
  try {
    co_await send_.send(std::move(made));
  } catch (const sc::closed_resource_error&) {
    closed = true;
  }
  if (closed) throw usage_error("this worker pool is closed: its block has ended, no job can be submitted");
}

sc::task<> worker_pool::work(sc::task_status<> status, std::string name) {
  actor_options how = options_.actor;
  how.enable_modules.insert(how.enable_modules.end(), options_.modules.begin(), options_.modules.end());
  how.on_death = death_policy::ignore;  // it is its job's error, and here it is replaced
  portal worker = co_await an_.start_actor(name, how);
  status.started();
  while (auto next = co_await receive_.next()) {
    const job_pointer running = std::move(*next);
    if (running->withdrawn()) continue;
    const auto& link = worker.kernel_peer();
    try {
      if (link->lost() || link->channel().closed()) worker = co_await an_.start_actor(name, how);
    } catch (...) {
      // It is in the queue no more. Who waits for it is cancelled with the pool, and its error is the only one.
      unrun_.push_back(running);
      throw;
    }
    co_await running->run(worker);
  }
}

}  // namespace tractor::trionics
