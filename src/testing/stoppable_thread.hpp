// SPDX-License-Identifier: Apache-2.0
//
// A thread beside a run, which waits for most of its life and ends with its object.

#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tractor::testing::detail {

class stoppable_thread {
 public:
  // Throws os_error when there is no thread. Signals are not for it.
  explicit stoppable_thread(std::function<void(stoppable_thread&)> body);
  stoppable_thread(const stoppable_thread&) = delete;
  stoppable_thread& operator=(const stoppable_thread&) = delete;
  // Tells the body that it is over, and waits for its end.
  ~stoppable_thread();

  // In the body: waits so long, in real time. False: it is over.
  [[nodiscard]] bool sleep(std::chrono::milliseconds how_long);
  // Waits until `done()`, for `bound` at most, looking again each `pause`. False: it is not, or it is over.
  template <class Done>
  [[nodiscard]] bool sleep_until(Done done, std::chrono::milliseconds bound, std::chrono::milliseconds pause) {
    for (auto waited = std::chrono::milliseconds::zero(); !done(); waited += pause)
      if (waited >= bound || !sleep(pause)) return done();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace tractor::testing::detail
