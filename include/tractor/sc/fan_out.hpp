// SPDX-License-Identifier: Apache-2.0
//
// What one receiver gets, for several tasks: each subscription has its own copy of every value that comes after it was made.
//
//     sc::fan_out<int> numbers([&]() -> sc::task<std::optional<int>> { co_return co_await channel.next(); }, 16);   // nullopt is the end
//     auto mine = numbers.subscribe();
//     while (auto number = co_await mine.next()) use(*number);
//
// There is no task behind it: of those that have had everything, the first to ask receives, and the others wait for what it gets. When it
// is cancelled one of the others goes on; so the source must lose nothing when it is cancelled. The fastest subscriber misses nothing; the
// newest `window` values are kept for the rest. One that has fallen behind further is told by `lagged`, once, and goes on at the oldest
// that is kept; with raise_on_lag = false it goes on at once, missed() counts, and a warning is logged.
//
// The end, and an error, of the source reach every subscription that has had all before it: each asks the source itself, which gives them
// again. Any number of tasks may receive through one subscription, each value goes to one of them; while any does, the subscription must be
// neither moved nor destroyed. It unsubscribes when it is closed or destroyed; using a closed one, or closing it while a task waits
// through it, is closed_resource_error. A value that arrives when nobody is subscribed any more is dropped. The fan_out must outlive its
// subscriptions.
//
// receive and next are checkpoints; cancelled, they have taken nothing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "tractor/sc/broadcast.hpp"
#include "tractor/sc/cancel_scope.hpp"
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
    TRACTOR_ASSERT(other.users_ == 0, "a subscription is moved while a task receives through it");
  }
  subscription& operator=(subscription&&) = delete;
  ~subscription() {
    TRACTOR_ASSERT(users_ == 0, "a subscription is destroyed while a task receives through it");
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
    if (from_->turn_of_ == this) from_->turn_scope_->cancel("the subscription was closed");
  }

 private:
  [[nodiscard]] std::optional<T> take();

  fan_out<T>* from_;
  subscribe_options options_;
  std::uint64_t missed_ = 0;
  std::size_t users_ = 0;  // tasks that receive through it
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
  ~fan_out() {
    TRACTOR_ASSERT(values_.statistics().open_receivers == 0 && turn_of_ == nullptr,
                   "a fan_out is destroyed while somebody is subscribed to it");
  }

  // Gets what comes from now on.
  [[nodiscard]] subscription<T> subscribe(subscribe_options options = {}) { return subscription<T>(*this, options); }
  [[nodiscard]] std::size_t subscribers() const noexcept { return values_.statistics().open_receivers; }
  // A value that came in another way than through the source, for every subscription.
  void push(T value) {
    values_.send(std::move(value));
    changed_.unpark_all();
    if (turn_scope_ != nullptr) turn_scope_->cancel("a value came in another way");
  }

 private:
  friend class subscription<T>;

  source_type source_;
  broadcast<T> values_;
  parking_lot changed_;                 // those that wait for a value, or for their turn to receive
  subscription<T>* turn_of_ = nullptr;  // a task that receives through it is inside the source
  cancel_scope* turn_scope_ = nullptr;
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
      detail::say_lagged(behind.missed());
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
  struct use {
    std::size_t& users;
    explicit use(std::size_t& count) noexcept : users(count) { ++users; }
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() { --users; }
  } const in_use(users_);
  co_await checkpoint();
  for (;;) {
    if (std::optional<T> value = take()) co_return value;
    fan_out<T>& from = *from_;
    if (from.turn_of_ != nullptr) {
      co_await from.changed_.park("subscription.next");
      continue;
    }
    cancel_scope waiting;  // for what comes in another way meanwhile, and for the end of this subscription
    // Whatever comes of it, the others look again: at the value, or for who receives next.
    struct turn {
      fan_out<T>& from;
      turn(fan_out<T>& of, subscription& by, cancel_scope& scope) noexcept : from(of) {
        from.turn_of_ = &by;
        from.turn_scope_ = &scope;
      }
      turn(const turn&) = delete;
      turn& operator=(const turn&) = delete;
      ~turn() {
        from.turn_of_ = nullptr;
        from.turn_scope_ = nullptr;
        from.changed_.unpark_all();
      }
    } const mine(from, *this, waiting);
    std::optional<std::optional<T>> came = co_await waiting.run([&from] { return from.source_(); });
    if (!came) continue;
    if (!*came) co_return std::nullopt;
    from.values_.send(std::move(**came));
  }
}

template <class T>
task<T> subscription<T>::receive() {
  std::optional<T> value = co_await next();
  if (!value) throw end_of_channel("subscription.receive(): the source has ended");
  co_return std::move(*value);
}

}  // namespace tractor::sc
