// SPDX-License-Identifier: Apache-2.0
//
// Operating-system signals as something a task waits for.
//
//     co_await sc::open_signal_receiver({SIGINT, SIGTERM}, [&](sc::signal_receiver& signals) -> sc::task<> {
//       const int number = co_await signals.receive();   // a checkpoint
//     });
//
// While the block is open these signals go to the receiver and do nothing else; then the dispositions are what they were, and a signal
// that came and was not received is raised again under them. Signals come in the order they arrived; one that comes again
// before it was received is the same one, as with the operating system.
//
// Dispositions belong to the process, so a signal has one receiver at a time, in whichever run: a second one is a usage_error. So is a
// signal that cannot be caught (SIGKILL, SIGSTOP) or reports a fault of the thread itself (SIGSEGV and its like). A virtual
// clock does not wait for signals. A forked child must reset its dispositions before it runs other code, as after any fork.

#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/sc/detail/leaf.hpp"
#include "tractor/sc/detail/reactor.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// "SIGINT"; "signal 40" for one without a name.
[[nodiscard]] TRACTOR_API std::string signal_name(int number);

class TRACTOR_API signal_receiver {
 public:
  class receive_awaiter;

  explicit signal_receiver(std::vector<int> numbers);
  signal_receiver(const signal_receiver&) = delete;
  signal_receiver& operator=(const signal_receiver&) = delete;
  ~signal_receiver();

  // The number of the next signal. One task at a time may wait (busy_resource_error).
  [[nodiscard]] receive_awaiter receive() noexcept;
  // The next signal if one has come, else nullopt. No checkpoint: for a last look before the block is left.
  [[nodiscard]] std::optional<int> receive_if_arrived() noexcept;

 private:
  struct claim;
  void claim_one(int number, int process);
  void release_all() noexcept;
  // The next signal that has arrived; 0 when there is none.
  [[nodiscard]] int take() noexcept;
  [[nodiscard]] int read_one() noexcept;

  std::vector<claim> claims_;
  unique_fd arrivals_;  // the handler writes a byte a signal to the other end
  unique_fd handler_end_;
  detail::io_source source_;
  bool receiving_ = false;  // a task waits; false when it was told: it may go on after the receiver is gone
};

class TRACTOR_API signal_receiver::receive_awaiter final : public detail::leaf_wait {
 public:
  explicit receive_awaiter(signal_receiver& from) noexcept : from_(from) {}
  receive_awaiter(const receive_awaiter&) = delete;
  receive_awaiter& operator=(const receive_awaiter&) = delete;
  ~receive_awaiter() = default;

  bool await_ready();
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (number_ != 0) {
      detail::this_runner().yield(here.promise());
      return;
    }
    park(here, waits);
  }
  int await_resume() {
    throw_if_cancelled();
    return number_;
  }

 private:
  struct waiter : detail::io_source::waiter {
    receive_awaiter* self = nullptr;
  };
  static bool abort_wait(detail::suspension& self) noexcept;
  static constexpr detail::wait_kind waits{"signal_receiver.receive", &abort_wait};

  signal_receiver& from_;
  waiter waiter_;
  int number_ = 0;
};

inline signal_receiver::receive_awaiter signal_receiver::receive() noexcept { return receive_awaiter(*this); }

namespace detail {
// The list is copied before the coroutine starts: an initializer_list does not outlive its expression.
template <class Body>
auto receive_signals(std::vector<int> numbers, Body body) -> std::invoke_result_t<Body&, signal_receiver&> {
  signal_receiver receiver(std::move(numbers));
  co_return co_await body(receiver);
}
}  // namespace detail

// Runs `body(signal_receiver&)`, which returns a task, and gives what it gives.
template <class Body>
[[nodiscard]] auto open_signal_receiver(std::initializer_list<int> numbers, Body body) -> std::invoke_result_t<Body&, signal_receiver&> {
  return detail::receive_signals(std::vector<int>(numbers), std::move(body));
}

}  // namespace tractor::sc
