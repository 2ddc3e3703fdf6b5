// SPDX-License-Identifier: Apache-2.0
//
// What one receiver gets, for several tasks: each subscription has its own copy of every value that comes after it was made.
//
//     sc::fan_out<int> numbers([&] { return channel.next(); }, 16);   // nullopt is the end
//     auto mine = numbers.subscribe();
//     while (auto number = co_await mine.next()) use(*number);
//
// There is no task behind it: of those that have had everything, the first to ask receives, and the others wait for what it gets. A
// cancel of that one wakes the others, of which one goes on; so the source must lose nothing when it is cancelled. The fastest subscriber
// misses nothing; the newest `window` values are kept for the rest. One that has fallen behind further is told by `lagged`, once, and
// goes on at the oldest that is kept; with raise_on_lag = false it goes on at once, and missed() counts.
//
// The end, and an error, of the source reach every subscription that has had all before it: each asks the source itself, which gives them
// again. One task at a time receives through a subscription (busy_resource_error); while it does, the subscription must be neither
// moved nor destroyed. It unsubscribes when it is closed or destroyed; using a closed one, or closing it while a task waits through it,
// is closed_resource_error. The fan_out must outlive its subscriptions.
//
// receive and next are checkpoints; cancelled, they have taken nothing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "tractor/sc/broadcast.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

struct subscribe_options {
  bool raise_on_lag = true;
};

template <class T>
class fan_out;

template <class T>
class subscription {
 public:
  explicit subscription(fan_out<T>& from, subscribe_options options = {})
      : from_(&from), options_(options), values_(from.values_.subscribe()) {}
  subscription(subscription&& other) noexcept
      : from_(other.from_), options_(other.options_), missed_(other.missed_), values_(std::move(other.values_)) {
    TRACTOR_ASSERT(!other.busy_, "a subscription is moved while a task receives through it");
  }
  subscription& operator=(subscription&&) = delete;
  ~subscription() {
    TRACTOR_ASSERT(!busy_, "a subscription is destroyed while a task receives through it");
    close();
  }

  // The next value, or nullopt at the end. Throws what the source throws, and `lagged`.
  [[nodiscard]] task<std::optional<T>> next();
  // The same, but throws end_of_channel at the end.
  [[nodiscard]] task<T> receive();
  // Throws would_block when no value is kept for this subscription. Does not ask the source.
  [[nodiscard]] T receive_nowait();

  // A value is there for it, without asking the source.
  [[nodiscard]] bool ready() const noexcept { return values_.ready(); }
  // How many values it has missed.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
  [[nodiscard]] bool closed() const noexcept { return values_.closed(); }
  // Wakes who waits through it. Idempotent.
  void close() noexcept {
    if (values_.closed()) return;
    values_.close();
    from_->changed_.unpark_all();
  }

 private:
  [[nodiscard]] std::optional<T> take();

  fan_out<T>* from_;
  subscribe_options options_;
  std::uint64_t missed_ = 0;
  bool busy_ = false;  // a task receives through it
  broadcast_receiver<T> values_;
};

template <class T>
class fan_out {
 public:
  using source_type = std::function<task<std::optional<T>>()>;

  // Throws usage_error for a window of 0.
  fan_out(source_type source, std::size_t window) : source_(std::move(source)), values_(window) {}
  fan_out(const fan_out&) = delete;
  fan_out& operator=(const fan_out&) = delete;
  ~fan_out() { TRACTOR_ASSERT(values_.statistics().open_receivers == 0, "a fan_out is destroyed while somebody is subscribed to it"); }

  // Gets what comes from now on.
  [[nodiscard]] subscription<T> subscribe(subscribe_options options = {}) { return subscription<T>(*this, options); }
  [[nodiscard]] std::size_t subscribers() const noexcept { return values_.statistics().open_receivers; }
  // A value that came in another way than through the source, for every subscription.
  void push(T value) {
    values_.send(std::move(value));
    changed_.unpark_all();
  }

 private:
  friend class subscription<T>;

  source_type source_;
  broadcast<T> values_;
  parking_lot changed_;  // those that wait for a value, or for their turn to receive
  bool receiving_ = false;
};

// --------------------------------------------------------------------------------------------------------------------

template <class T>
std::optional<T> subscription<T>::take() {
  for (;;) {
    if (values_.closed()) throw closed_resource_error("this subscription is closed");
    try {
      if (!values_.ready()) return std::nullopt;
      return values_.receive_nowait();
    } catch (const lagged& behind) {
      missed_ += behind.missed();
      if (options_.raise_on_lag) throw;
    }
  }
}

template <class T>
T subscription<T>::receive_nowait() {
  std::optional<T> value = take();
  if (!value) throw would_block("subscription.receive_nowait(): no value is there");
  return std::move(*value);
}

template <class T>
task<std::optional<T>> subscription<T>::next() {
  if (busy_) throw busy_resource_error("subscription.next(): another task receives through this subscription");
  struct use {
    bool& busy;
    explicit use(bool& flag) noexcept : busy(flag) { busy = true; }
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() { busy = false; }
  } const in_use(busy_);
  co_await checkpoint();
  for (;;) {
    if (std::optional<T> value = take()) co_return value;
    fan_out<T>& from = *from_;
    if (from.receiving_) {
      co_await from.changed_.park("subscription.next");
      continue;
    }
    std::optional<T> value;
    {
      // Whatever comes of it, the others look again: at the value, or for who receives next.
      struct turn {
        fan_out<T>& from;
        explicit turn(fan_out<T>& of) noexcept : from(of) { from.receiving_ = true; }
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;
        ~turn() {
          from.receiving_ = false;
          from.changed_.unpark_all();
        }
      } const mine(from);
      value = co_await from.source_();
      if (value) from.values_.send(std::move(*value));
    }
    if (!value) co_return std::nullopt;
  }
}

template <class T>
task<T> subscription<T>::receive() {
  std::optional<T> value = co_await next();
  if (!value) throw end_of_channel("subscription.receive(): the source has ended");
  co_return std::move(*value);
}

}  // namespace tractor::sc
