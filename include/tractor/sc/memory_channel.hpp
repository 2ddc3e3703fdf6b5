// SPDX-License-Identifier: Apache-2.0
//
// Values from task to task within one run: trio's memory channel.
//
//     auto [send, receive] = sc::open_memory_channel<int>(16);   // capacity 0: each send waits for its receiver
//     co_await send.send(7);
//     while (auto value = co_await receive.next()) use(*value);   // nullopt: every sending end is closed and nothing is left
//
// Each end can be cloned; the channel ends in good order when the last sending end is closed: receivers take what is left and
// then get end_of_channel (receive) or nullopt (next). When the last receiving end is closed what is buffered is dropped and
// senders get broken_resource_error. Using a closed end, or closing it while a task waits through it, is
// closed_resource_error. Destroying an end closes it.
//
// Tasks are served in the order they came. send, receive and next are checkpoints; cancelled, they have moved nothing: the value of
// a cancelled send was not delivered and is destroyed, a cancelled receive has taken none. Ends are not shared between
// threads. An element is moved only, and must not throw then.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "tractor/sc/detail/ring_buffer.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

inline constexpr std::size_t unbounded_capacity = std::numeric_limits<std::size_t>::max();

struct memory_channel_statistics {
  std::size_t buffered = 0;
  std::size_t capacity = 0;
  std::size_t open_senders = 0;
  std::size_t open_receivers = 0;
  std::size_t waiting_senders = 0;  // tasks
  std::size_t waiting_receivers = 0;
};

namespace detail {

enum class channel_status : std::uint8_t { waiting, done, closed, broken, ended };

[[noreturn]] TRACTOR_API void throw_channel_error(channel_status why, const char* doing);

// A task in a channel's queue. `end` tells through which end it waits, so that closing that end finds it; ends have numbers because
// they move.
struct channel_waiter : parking_lot::node {
  std::uint32_t end = 0;
  channel_status status = channel_status::waiting;

  void complete(channel_status how) {
    status = how;
    wake();
  }

 protected:
  using parking_lot::node::leave;
  ~channel_waiter() = default;
};

// What does not depend on the element type.
struct TRACTOR_API channel_core {
  parking_lot senders;
  parking_lot receivers;
  std::size_t capacity = 0;
  std::size_t open_senders = 0;
  std::size_t open_receivers = 0;
  std::size_t references = 0;  // ends that exist, closed or not
  std::uint32_t ends_made = 0;

  // Closes one end. close_receiver gives true when it was the last one.
  void close_sender(std::uint32_t end) noexcept;
  bool close_receiver(std::uint32_t end) noexcept;
  [[nodiscard]] memory_channel_statistics statistics(std::size_t buffered) const noexcept;
};

template <class T>
struct channel_sender : channel_waiter {
  explicit channel_sender(T&& sent) : value(std::move(sent)) {}
  T value;

 protected:
  ~channel_sender() = default;
};
template <class T>
struct channel_receiver : channel_waiter {
  std::optional<T> value;

 protected:
  ~channel_receiver() = default;
};

template <class T>
struct channel_state : channel_core {
  ring_buffer<T> buffer;

  // `waiting`: nothing was moved, the caller must wait.
  channel_status try_send(T& value) {
    if (open_receivers == 0) [[unlikely]]
      return channel_status::broken;
    if (parking_lot::node* taker = receivers.pop_front()) {
      auto& receiver = static_cast<channel_receiver<T>&>(*taker);
      receiver.value.emplace(std::move(value));
      receiver.complete(channel_status::done);
      return channel_status::done;
    }
    if (buffer.size() >= capacity) return channel_status::waiting;
    buffer.push(std::move(value));
    return channel_status::done;
  }

  channel_status try_receive(std::optional<T>& into) {
    if (!buffer.empty()) {
      into.emplace(std::move(buffer.front()));
      buffer.drop_front();
      if (parking_lot::node* giver = senders.pop_front()) {
        auto& sender = static_cast<channel_sender<T>&>(*giver);
        buffer.push(std::move(sender.value));
        sender.complete(channel_status::done);
      }
      return channel_status::done;
    }
    if (parking_lot::node* giver = senders.pop_front()) {
      auto& sender = static_cast<channel_sender<T>&>(*giver);
      into.emplace(std::move(sender.value));
      sender.complete(channel_status::done);
      return channel_status::done;
    }
    return open_senders == 0 ? channel_status::ended : channel_status::waiting;
  }
};

// The part that both kinds of end share: a counted reference to the channel.
template <class T>
class channel_end {
 public:
  channel_end(channel_end&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), number_(other.number_), closed_(std::exchange(other.closed_, true)) {}
  channel_end& operator=(channel_end&&) = delete;

  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // Also of a closed end; all zero once it was moved away.
  [[nodiscard]] memory_channel_statistics statistics() const noexcept {
    return state_ != nullptr ? state_->statistics(state_->buffer.size()) : memory_channel_statistics{};
  }

 protected:
  explicit channel_end(channel_state<T>& state) noexcept : state_(&state), number_(++state.ends_made) { ++state.references; }
  ~channel_end() { drop(); }

  void swap(channel_end& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(number_, other.number_);
    std::swap(closed_, other.closed_);
  }
  void drop() noexcept {
    if (state_ != nullptr && --state_->references == 0) delete state_;
    state_ = nullptr;
  }

  channel_state<T>* state_;
  std::uint32_t number_;
  bool closed_ = false;
};

template <class T>
class channel_send_awaiter final : public channel_sender<T> {
 public:
  channel_send_awaiter(channel_state<T>* state, std::uint32_t end, T&& value) : channel_sender<T>(std::move(value)), state_(state) {
    this->end = end;
  }
  bool await_ready() {
    if (this->refuse_if_cancelled()) return true;
    this->status = state_ == nullptr ? channel_status::closed : state_->try_send(this->value);
    if (this->status == channel_status::done) [[likely]]
      return this_runner().may_continue_ready();
    return this->status != channel_status::waiting;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (this->status == channel_status::done)
      this_runner().yield(here.promise());
    else
      this->enqueue(here, state_->senders, waits);  // NOLINT(clang-analyzer-core.NonNullParamChecker): it waits, so there is a state
  }
  void await_resume() {
    this->throw_if_cancelled();
    if (this->status != channel_status::done) [[unlikely]]
      throw_channel_error(this->status, "send");
  }

 private:
  static constexpr wait_kind waits{"memory_channel.send", &channel_waiter::leave};

  channel_state<T>* state_;  // null: the end is closed; not touched after the wait
};

// Next: the end of the channel is a result, not an error.
template <class T, bool Next>
class channel_receive_awaiter final : public channel_receiver<T> {
 public:
  channel_receive_awaiter(channel_state<T>* state, std::uint32_t end) noexcept : state_(state) { this->end = end; }
  bool await_ready() {
    if (this->refuse_if_cancelled()) return true;
    this->status = state_ == nullptr ? channel_status::closed : state_->try_receive(this->value);
    if (this->status == channel_status::done || (Next && this->status == channel_status::ended)) [[likely]]
      return this_runner().may_continue_ready();
    return this->status != channel_status::waiting;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (this->status == channel_status::waiting)
      this->enqueue(here, state_->receivers, waits);  // NOLINT(clang-analyzer-core.NonNullParamChecker): as above
    else
      this_runner().yield(here.promise());
  }
  std::conditional_t<Next, std::optional<T>, T> await_resume() {
    this->throw_if_cancelled();
    if (this->status != channel_status::done && !(Next && this->status == channel_status::ended)) [[unlikely]]
      throw_channel_error(this->status, "receive");
    if constexpr (Next)
      return std::move(this->value);
    else
      return std::move(*this->value);
  }

 private:
  static constexpr wait_kind waits{Next ? "memory_channel.next" : "memory_channel.receive", &channel_waiter::leave};

  channel_state<T>* state_;
};

}  // namespace detail

template <class T>
class memory_receive_channel;
template <class T>
struct memory_channel_ends;

template <class T>
class memory_send_channel : public detail::channel_end<T> {
 public:
  memory_send_channel(memory_send_channel&& other) noexcept = default;
  memory_send_channel& operator=(memory_send_channel&& other) noexcept {
    memory_send_channel taken(std::move(other));  // what this end was is closed when `taken` goes
    this->swap(taken);
    return *this;
  }
  ~memory_send_channel() { close(); }

  // Returns when a receiver or the buffer has the value.
  [[nodiscard]] detail::channel_send_awaiter<T> send(T value) {
    return {this->closed_ ? nullptr : this->state_, this->number_, std::move(value)};
  }
  // Throws would_block when it would have to wait; `value` is then untouched.
  void send_nowait(T&& value) {
    const auto status = this->closed_ ? detail::channel_status::closed : this->state_->try_send(value);
    if (status != detail::channel_status::done) detail::throw_channel_error(status, "send_nowait");
  }
  void send_nowait(const T& value) { send_nowait(T(value)); }

  // Another sending end of the same channel.
  [[nodiscard]] memory_send_channel clone() const {
    if (this->closed_) detail::throw_channel_error(detail::channel_status::closed, "clone");
    return memory_send_channel(*this->state_);
  }
  // Idempotent.
  void close() noexcept {
    if (!std::exchange(this->closed_, true)) this->state_->close_sender(this->number_);
  }

 private:
  template <class U>
  friend memory_channel_ends<U> open_memory_channel(std::size_t capacity);
  explicit memory_send_channel(detail::channel_state<T>& state) noexcept : detail::channel_end<T>(state) { ++state.open_senders; }
};

template <class T>
class memory_receive_channel : public detail::channel_end<T> {
 public:
  memory_receive_channel(memory_receive_channel&& other) noexcept = default;
  memory_receive_channel& operator=(memory_receive_channel&& other) noexcept {
    memory_receive_channel taken(std::move(other));
    this->swap(taken);
    return *this;
  }
  ~memory_receive_channel() { close(); }

  // Throws end_of_channel when every sending end is closed and nothing is left.
  [[nodiscard]] detail::channel_receive_awaiter<T, false> receive() { return {this->closed_ ? nullptr : this->state_, this->number_}; }
  // The same with nullopt for the end of the channel.
  [[nodiscard]] detail::channel_receive_awaiter<T, true> next() { return {this->closed_ ? nullptr : this->state_, this->number_}; }
  // Throws would_block when it would have to wait.
  [[nodiscard]] T receive_nowait() {
    std::optional<T> value;
    const auto status = this->closed_ ? detail::channel_status::closed : this->state_->try_receive(value);
    if (status != detail::channel_status::done) detail::throw_channel_error(status, "receive_nowait");
    return std::move(*value);
  }

  // Another receiving end of the same channel: each value goes to one of them.
  [[nodiscard]] memory_receive_channel clone() const {
    if (this->closed_) detail::throw_channel_error(detail::channel_status::closed, "clone");
    return memory_receive_channel(*this->state_);
  }
  // Idempotent.
  void close() noexcept {
    if (std::exchange(this->closed_, true) || !this->state_->close_receiver(this->number_)) return;
    // Last, and from a copy: an element may hold an end of this very channel.
    const detail::ring_buffer<T> dropped(std::move(this->state_->buffer));
  }

 private:
  template <class U>
  friend memory_channel_ends<U> open_memory_channel(std::size_t capacity);
  explicit memory_receive_channel(detail::channel_state<T>& state) noexcept : detail::channel_end<T>(state) { ++state.open_receivers; }
};

template <class T>
struct memory_channel_ends {
  memory_send_channel<T> send;
  memory_receive_channel<T> receive;
};

// Up to `capacity` values wait in the channel.
template <class T>
[[nodiscard]] memory_channel_ends<T> open_memory_channel(std::size_t capacity) {
  auto* state = new detail::channel_state<T>;
  state->capacity = capacity;
  return {memory_send_channel<T>(*state), memory_receive_channel<T>(*state)};
}

}  // namespace tractor::sc
