// SPDX-License-Identifier: Apache-2.0
//
// Having another thread take its own stack: that thread's side is a signal handler.

#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#include "tractor/sc/stall_detector.hpp"

namespace tractor::sc {
class runner;
}  // namespace tractor::sc

namespace tractor::sc::detail {

// What the handler fills in. It belongs to the handler from the moment on at which that turned `asked` into `answering` until it is
// `answered`, else to who asks.
class stall_watch {
 public:
  stall_watch();
  stall_watch(const stall_watch&) = delete;
  stall_watch& operator=(const stall_watch&) = delete;
  ~stall_watch();

  // Has `thread` take its stack and say what task it runs. False: it did not within answer_max (it is stopped, or has no processor).
  [[nodiscard]] bool ask(pthread_t thread, stall& into);

 private:
  static constexpr long answer_max_ms = 200;
  static constexpr std::size_t name_bytes_max = 128;
  enum class turn : unsigned char { idle, asked, answering, answered };

  static void handle(int number, siginfo_t* info, void* context);
  void answer(const runner& run, void* interrupted_at) noexcept;

  std::atomic<turn> turn_ = turn::idle;
  sem_t answered_;
  void* frames_[stall_detector::frames_max];
  std::size_t frame_count_ = 0;
  std::size_t first_frame_ = 0;  // those before it are the handler's
  bool in_task_ = false;
  std::uint64_t task_id_ = 0;
  std::source_location spawned_at_;
  char name_[name_bytes_max];
  std::size_t name_bytes_ = 0;
};

}  // namespace tractor::sc::detail
