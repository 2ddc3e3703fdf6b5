// SPDX-License-Identifier: Apache-2.0
//
// While a thread is made: signals are for the program's own threads.

#pragma once

#include <pthread.h>
#include <signal.h>

namespace tractor::sc::detail {

// A new thread inherits the mask. Faults are left alone: a blocked SIGSEGV could not even reach a crash handler.
class blocked_signals {
 public:
  blocked_signals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;
  ~blocked_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace tractor::sc::detail
