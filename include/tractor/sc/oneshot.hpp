// SPDX-License-Identifier: Apache-2.0
//
// Exactly one value from one task to another: an answer.
//
//     auto [send, receive] = sc::open_oneshot<int>();
//     send.send(7);                              // never waits
//     int answer = co_await receive.receive();
//
// When the sender goes without having sent, the receiver gets end_of_channel. When the receiver goes, a value that it has not taken is
// dropped, and sending is broken_resource_error; a sender can ask before it goes to any trouble (receiver_gone). Sending twice and
// receiving again after the value was taken are usage_errors, two tasks that wait for it busy_resource_error. Ends move; destroying
// one closes it. Using a closed one, or closing it while a task waits through it, is closed_resource_error. Ends are not shared
// between threads. The value is moved only, and must not throw then.
//
// receive is a checkpoint; cancelled, it has not taken the value, and can be called again.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

namespace detail {

enum class oneshot_status : std::uint8_t { waiting, done, taken, busy, closed, ended };

[[noreturn]] TRACTOR_API void throw_oneshot_error(oneshot_status why, const char* doing);

struct oneshot_waiter : parking_lot::node {
  oneshot_status status = oneshot_status::waiting;

 protected:
  using parking_lot::node::leave;
  ~oneshot_waiter() = default;
};

template <class T>
struct oneshot_receiver_task : oneshot_waiter {
  std::optional<T> value;

 protected:
  ~oneshot_receiver_task() = default;
};

// What does not depend on the type of the value.
struct TRACTOR_API oneshot_core {
  // Throws what is wrong with sending now.
  void check_send() const;
  // Tells the receiver's task, if there is one, how its wait ended.
  void complete(oneshot_status how) noexcept;

  parking_lot receiver;  // its task
  bool sent = false;
  bool taken = false;
  bool sender_open = true;
  bool receiver_open = true;
};

template <class T>
struct oneshot_state final : oneshot_core {
  static_assert(std::is_nothrow_move_constructible_v<T>, "the value must not throw when moved: hold it by std::unique_ptr");

  std::optional<T> value;

  void put(T&& given) {
    sent = true;
    if (receiver.empty()) {
      value.emplace(std::move(given));
      return;
    }
    static_cast<oneshot_receiver_task<T>&>(*receiver.front()).value.emplace(std::move(given));
    taken = true;
    complete(oneshot_status::done);
  }
  oneshot_status try_take(std::optional<T>& into) {
    if (value) {
      into.emplace(std::move(*value));
      value.reset();
      taken = true;
      return oneshot_status::done;
    }
    if (taken) return oneshot_status::taken;
    if (!receiver.empty()) return oneshot_status::busy;
    return sender_open ? oneshot_status::waiting : oneshot_status::ended;
  }

  void close_sender() noexcept {
    sender_open = false;
    if (!sent) complete(oneshot_status::ended);
    if (!receiver_open) delete this;
  }
  void close_receiver() noexcept {
    receiver_open = false;
    complete(oneshot_status::closed);
    // Destroyed last: it may hold the sender.
    [[maybe_unused]] const std::optional<T> dropped(std::move(value));
    value.reset();
    if (!sender_open) delete this;
  }
};

template <class T>
class oneshot_awaiter final : public oneshot_receiver_task<T> {
 public:
  explicit oneshot_awaiter(oneshot_state<T>* state) noexcept : state_(state) {}
  bool await_ready() {
    if (this->refuse_if_cancelled()) return true;
    this->status = state_ == nullptr ? oneshot_status::closed : state_->try_take(this->value);
    if (this->status == oneshot_status::done) [[likely]]
      return this_runner().may_continue_ready();
    return this->status != oneshot_status::waiting;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (this->status == oneshot_status::done)
      this_runner().yield(here.promise());
    else
      this->enqueue(here, state_->receiver, waits);
  }
  T await_resume() {
    this->throw_if_cancelled();
    if (this->status != oneshot_status::done) [[unlikely]]
      throw_oneshot_error(this->status, "receive");
    return std::move(*this->value);
  }

 private:
  static constexpr wait_kind waits{"oneshot.receive", &oneshot_waiter::leave};

  oneshot_state<T>* state_;  // null: the end is closed; not touched after the wait
};

}  // namespace detail

template <class T>
struct oneshot;

template <class T>
class oneshot_sender {
 public:
  oneshot_sender(oneshot_sender&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  oneshot_sender& operator=(oneshot_sender&& other) noexcept {
    oneshot_sender taken(std::move(other));  // what this end was is closed when `taken` goes
    std::swap(state_, taken.state_);
    return *this;
  }
  ~oneshot_sender() { close(); }

  // `value` is untouched when it throws.
  void send(T&& value) {
    if (state_ == nullptr) detail::throw_oneshot_error(detail::oneshot_status::closed, "send");
    state_->check_send();
    state_->put(std::move(value));
  }
  void send(const T& value) { send(T(value)); }

  // Nobody will take a value: the receiver is closed, or this end is.
  [[nodiscard]] bool receiver_gone() const noexcept { return state_ == nullptr || !state_->receiver_open; }
  [[nodiscard]] bool closed() const noexcept { return state_ == nullptr; }
  // Idempotent. A value that was sent stays.
  void close() noexcept {
    if (state_ != nullptr) std::exchange(state_, nullptr)->close_sender();
  }

 private:
  template <class U>
  friend oneshot<U> open_oneshot();
  explicit oneshot_sender(detail::oneshot_state<T>& state) noexcept : state_(&state) {}

  detail::oneshot_state<T>* state_;  // null: closed
};

template <class T>
class oneshot_receiver {
 public:
  oneshot_receiver(oneshot_receiver&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  oneshot_receiver& operator=(oneshot_receiver&& other) noexcept {
    oneshot_receiver taken(std::move(other));
    std::swap(state_, taken.state_);
    return *this;
  }
  ~oneshot_receiver() { close(); }

  // Throws end_of_channel when the sender went without sending.
  [[nodiscard]] detail::oneshot_awaiter<T> receive() noexcept { return detail::oneshot_awaiter<T>(state_); }
  // Throws would_block when it would have to wait.
  [[nodiscard]] T receive_nowait() {
    std::optional<T> value;
    const auto status = state_ == nullptr ? detail::oneshot_status::closed : state_->try_take(value);
    if (status != detail::oneshot_status::done) detail::throw_oneshot_error(status, "receive_nowait");
    return std::move(*value);
  }

  [[nodiscard]] bool closed() const noexcept { return state_ == nullptr; }
  // Idempotent.
  void close() noexcept {
    if (state_ != nullptr) std::exchange(state_, nullptr)->close_receiver();
  }

 private:
  template <class U>
  friend oneshot<U> open_oneshot();
  explicit oneshot_receiver(detail::oneshot_state<T>& state) noexcept : state_(&state) {}

  detail::oneshot_state<T>* state_;  // null: closed
};

template <class T>
struct oneshot {
  oneshot_sender<T> send;
  oneshot_receiver<T> receive;
};

template <class T>
[[nodiscard]] oneshot<T> open_oneshot() {
  auto* state = new detail::oneshot_state<T>;
  return {oneshot_sender<T>(*state), oneshot_receiver<T>(*state)};
}

}  // namespace tractor::sc
