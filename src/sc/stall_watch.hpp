// SPDX-License-Identifier: Apache-2.0
//
// Having another thread take its own stack: that thread's side is a signal handler.

#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <atomic>

#include "stall_sighting.hpp"

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
  enum class turn : unsigned char { idle, asked, answering, answered };

  static void handle(int number, siginfo_t* info, void* context);

  std::atomic<turn> turn_ = turn::idle;
  sem_t answered_;
  stall_sighting seen_;
};

}  // namespace tractor::sc::detail
