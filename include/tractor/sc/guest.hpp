// SPDX-License-Identifier: Apache-2.0
//
// A run as the guest of a loop that is there already: Asio's, libuv's, Qt's, one of your own.
//
//     sc::guest_run guest([]() -> sc::task<> { … }, [](std::exception_ptr error) { … });
//     // in the host: whenever guest.fd() can be read, call guest.step(), until that gives false
//
// That is all a host has to do: the descriptor can be read when I/O, a deadline or a ready task of the guest's waits to be looked after,
// and right from the start. It stays so until a step has seen to it (level-triggered), so one call for each report is enough.
// tractor/interop has this ready-made for Asio and libuv.
//
// A step goes on while there are tasks to run, but not much longer than the slice: then the descriptor is readable again and the host's
// own handlers have their turn. A task that does not wait holds the host up, as it holds up other tasks.
//
// `on_done` is called by the step that ended the main task, with its error or null; an end by cancel() is a scope_cancelled_error. It is
// the last thing a step does and may destroy the guest; what it throws leaves step(). A guest belongs to the thread that steps it. Several
// may live in one thread and take turns; a step inside a step, or inside a sc::run, is a usage_error.
//
// A guest that has taken a step must not be destroyed before its end (the program is aborted): tasks cannot be dropped where they stand.
// To get rid of it, cancel() and let the host go on until on_done. A guest that never took a step is given up silently.

#pragma once

#include <any>
#include <exception>
#include <functional>
#include <source_location>
#include <string_view>

#include "tractor/sc/run.hpp"

namespace tractor::sc {

struct guest_options {
  run_options run = {};  // with a virtual clock: it does not jump, and who moves it calls step()
  // How long a step goes on by the system's clock while there are tasks to run; zero: one round of them.
  duration slice = std::chrono::microseconds(500);
  // A pointer to the host's loop, for adapters that find their own type in it (interop/asio).
  std::any loop = {};
};

class TRACTOR_API guest_run {
 public:
  using done_function = std::function<void(std::exception_ptr)>;

  // Calls `main` now, and its task begins in the first step. Throws os_error when the process has no descriptor left.
  guest_run(std::function<task<>()> main, done_function on_done, guest_options options = {});
  guest_run(const guest_run&) = delete;
  guest_run& operator=(const guest_run&) = delete;
  ~guest_run();  // see above

  // For poll, epoll or the like, to be watched for reading. It belongs to the guest and ends with it.
  [[nodiscard]] int fd() const noexcept { return run_.fd(); }
  // Does what there is to do, without waiting. False: the guest is over, and may be destroyed already.
  bool step();
  // The main task has ended.
  [[nodiscard]] bool done() const noexcept { return run_.done(); }
  // Cancels the main task and everything below it, in the steps that follow. Only in the guest's thread.
  void cancel(std::string_view why, std::source_location where = std::source_location::current()) noexcept;

 private:
  class host;
  void set_alarm() noexcept;

  done_function on_done_;
  duration slice_;
  runner run_;
  host* host_;  // owned by the run
};

}  // namespace tractor::sc
