// SPDX-License-Identifier: Apache-2.0
//
// One sender's values to every receiver.
//
//     sc::broadcast<std::string> news(16);
//     auto reader = news.subscribe();                            // sees what is sent from now on
//     news.send("hello");                                        // never waits
//     while (auto line = co_await reader.next()) print(*line);   // nullopt: the broadcast was closed, and all was taken
//
// A value is kept until every receiver has had it, but never more than `capacity` of them: one more replaces the oldest, had or not. A
// receiver that lost values that way is told once, by the error `lagged` from its next receive, and goes on at the oldest value still
// kept. What is sent while there is no receiver is dropped. Each receiver gets a copy, the last one the value itself. A copy
// that throws has taken nothing; moving a value must not throw.
//
// Closing or destroying the broadcast ends it in good order: receivers take what is kept, and then get end_of_channel (receive) or nullopt
// (next); they may outlive it. A receiver moves, and can be cloned at its position. One task at a time receives through it
// (busy_resource_error). Using a closed one, or closing it while a task waits through it, is closed_resource_error; destroying one
// closes it. A value that holds a receiver of the same broadcast which has yet to see it keeps both alive, as any such knot does. Neither
// side is shared between threads.
//
// receive and next are checkpoints; cancelled, they have taken nothing. Waiting tasks are woken in the order they came.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/detail/broadcast_core.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

// A receiver did not keep up: the broadcast has replaced values that it had not had.
class TRACTOR_API lagged : public error {
 public:
  explicit lagged(std::uint64_t missed);
  ~lagged() override;
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }  // how many values

 private:
  std::uint64_t missed_;
};

struct broadcast_statistics {
  std::size_t buffered = 0;  // values that some receiver has yet to take
  std::size_t capacity = 0;
  std::size_t open_receivers = 0;
  std::size_t waiting_receivers = 0;
};

namespace detail {
// Next: the end is a result, not an error.
template <class T, bool Next>
class broadcast_receive_awaiter;
}  // namespace detail

template <class T>
class broadcast_receiver : public detail::broadcast_cursor {
 public:
  broadcast_receiver(broadcast_receiver&& other) noexcept = default;
  broadcast_receiver& operator=(broadcast_receiver&& other) noexcept {
    broadcast_receiver taken(std::move(other));  // what this one was is closed when `taken` goes
    this->swap(taken);
    return *this;
  }
  ~broadcast_receiver() { close(); }

  // The next value. Throws `lagged` when some were lost before it, end_of_channel when none will come.
  [[nodiscard]] detail::broadcast_receive_awaiter<T, false> receive() noexcept {
    return detail::broadcast_receive_awaiter<T, false>(*this);
  }
  // The same with nullopt for the end.
  [[nodiscard]] detail::broadcast_receive_awaiter<T, true> next() noexcept { return detail::broadcast_receive_awaiter<T, true>(*this); }
  // A receive would not wait: a value is there, or the end.
  [[nodiscard]] bool ready() const noexcept { return !this->closed() && this->has_something(); }
  // Throws would_block when it would have to wait.
  [[nodiscard]] T receive_nowait() {
    this->check_usable("receive_nowait");
    std::optional<T> value = take();
    if (!value) this->throw_nothing("receive_nowait");
    return std::move(*value);
  }

  // Another receiver, which has yet to see what this one has yet to see.
  [[nodiscard]] broadcast_receiver clone() const {
    if (this->closed()) detail::throw_broadcast_closed("clone");
    state().add_receiver_at(this->position_);
    return broadcast_receiver(state(), this->position_);
  }
  // Idempotent.
  void close() noexcept {
    if (this->closed()) return;
    this->tell_task();
    detail::broadcast_state<T>& left = state();
    this->core_ = nullptr;
    left.remove_receiver_at(this->position_);
    left.drop_reference();
  }

 private:
  template <class U>
  friend class broadcast;
  template <class U, bool Next>
  friend class detail::broadcast_receive_awaiter;

  broadcast_receiver(detail::broadcast_state<T>& state, std::uint64_t position) noexcept : detail::broadcast_cursor(state, position) {}
  [[nodiscard]] detail::broadcast_state<T>& state() const noexcept { return static_cast<detail::broadcast_state<T>&>(*this->core_); }

  // Nullopt: nothing is there.
  std::optional<T> take() {
    this->catch_up();
    if (this->position_ == this->core_->sent) return std::nullopt;
    std::optional<T> value(state().take(this->position_));
    ++this->position_;
    return value;
  }
};

// The sending side. It does not move: receivers are what is passed around.
template <class T>
class broadcast {
 public:
  // Keeps up to `capacity` values for those that have not had them. Throws usage_error for 0.
  explicit broadcast(std::size_t capacity) : state_(new detail::broadcast_state<T>(capacity)) {}
  broadcast(const broadcast&) = delete;
  broadcast& operator=(const broadcast&) = delete;
  ~broadcast() {
    close();
    state_->drop_reference();
  }

  // Gives how many receivers the value is for: with 0 it was dropped. Throws closed_resource_error after close().
  std::size_t send(T value) {
    if (state_->closed) detail::throw_broadcast_closed("send");
    const std::size_t receivers = state_->open_receivers;
    if (receivers == 0) return 0;
    [[maybe_unused]] const std::optional<T> replaced = state_->put(std::move(value));
    state_->wake_all();
    return receivers;
  }
  // A receiver of what is sent from now on. Throws closed_resource_error after close().
  [[nodiscard]] broadcast_receiver<T> subscribe() {
    if (state_->closed) detail::throw_broadcast_closed("subscribe");
    return broadcast_receiver<T>(*state_, state_->sent);
  }
  // Idempotent.
  void close() noexcept { state_->close(); }
  [[nodiscard]] bool closed() const noexcept { return state_->closed; }
  [[nodiscard]] broadcast_statistics statistics() const noexcept { return state_->statistics(); }

 private:
  detail::broadcast_state<T>* state_;  // shared with the receivers
};

namespace detail {

template <class T, bool Next>
class broadcast_receive_awaiter final : public broadcast_waiter {
 public:
  explicit broadcast_receive_awaiter(broadcast_receiver<T>& from) noexcept : from_(from) {}

  bool await_ready() {
    if (refuse_if_cancelled()) return true;
    from_.attach(*this, doing);
    return from_.has_something() && this_runner().may_continue_ready();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (from_.has_something()) {
      this_runner().yield(here.promise());
    } else {
      enqueue(here, from_.core_->waiting, waits);
      queued = true;
    }
  }
  std::conditional_t<Next, std::optional<T>, T> await_resume() {
    throw_if_cancelled();
    auto& from = static_cast<broadcast_receiver<T>&>(detach());
    std::optional<T> value = from.take();
    if constexpr (Next) {
      return value;
    } else {
      if (!value) from.throw_nothing(doing);
      return std::move(*value);
    }
  }

 private:
  static constexpr const char* doing = Next ? "next" : "receive";
  static constexpr wait_kind waits{Next ? "broadcast.next" : "broadcast.receive", &leave_queue};

  broadcast_receiver<T>& from_;  // until the task waits; `receiver` from then on
};

}  // namespace detail

}  // namespace tractor::sc
