// SPDX-License-Identifier: Apache-2.0
//
// The inside of a broadcast: the ring of values, and who has yet to take each of them.
//
// Values are numbered as they are sent, from 0, and a receiver is a position in that numbering. Nothing is handed to a task before it
// runs: one that is cancelled, or whose receiver is closed, after it was woken has taken nothing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {
struct broadcast_statistics;
}  // namespace tractor::sc

namespace tractor::sc::detail {

class broadcast_cursor;

// A task that waits through a receiver. They know each other, because the receiver can move, and can be closed, while the task waits
// and also when it was woken but has not run yet.
struct TRACTOR_API broadcast_waiter : parking_lot::node {
  broadcast_cursor* receiver = nullptr;  // null: it was closed
  bool queued = false;

  // Ends the wait; gives the receiver. Throws closed_resource_error.
  broadcast_cursor& detach();

 protected:
  ~broadcast_waiter();
  static bool leave_queue(suspension& self) noexcept;
};

// What does not depend on the type of the values.
struct TRACTOR_API broadcast_core {
  explicit broadcast_core(std::size_t values_max);  // throws usage_error for 0

  [[nodiscard]] std::uint64_t oldest() const noexcept { return sent > capacity ? sent - capacity : 0; }
  void close() noexcept;
  void wake_all() noexcept;
  [[nodiscard]] broadcast_statistics statistics() const noexcept;

  parking_lot waiting;
  std::size_t capacity;
  std::uint64_t sent = 0;  // with a receiver there; others have no number
  std::size_t buffered = 0;
  std::size_t open_receivers = 0;
  std::size_t references = 1;  // the broadcast and its open receivers
  bool closed = false;
};

[[noreturn]] TRACTOR_API void throw_broadcast_closed(const char* doing);
// Logs that a receiver which is not told has missed so many values.
TRACTOR_API void say_lagged(std::uint64_t missed) noexcept;

// A receiver without its type.
class TRACTOR_API broadcast_cursor {
 public:
  [[nodiscard]] bool closed() const noexcept { return core_ == nullptr; }
  // All zero when this receiver is closed.
  [[nodiscard]] broadcast_statistics statistics() const noexcept;

 protected:
  broadcast_cursor(broadcast_core& core, std::uint64_t position) noexcept : core_(&core), position_(position) {
    ++core.open_receivers;
    ++core.references;
  }
  broadcast_cursor(broadcast_cursor&& other) noexcept;
  broadcast_cursor& operator=(broadcast_cursor&&) = delete;
  ~broadcast_cursor() = default;
  void swap(broadcast_cursor& other) noexcept;

  // Throws unless the receiver is open and no task waits through it.
  void check_usable(const char* doing) const;
  void attach(broadcast_waiter& waiting, const char* doing);
  // A receive has not to wait: for a value, or because none will come.
  [[nodiscard]] bool has_something() const noexcept { return position_ != core_->sent || core_->closed; }
  // Throws `lagged` when values were lost to this receiver, which then stands at the oldest that is kept.
  void catch_up();
  [[noreturn]] void throw_nothing(const char* doing) const;  // the end, or would_block
  void tell_task() noexcept;                                 // that the receiver is being closed

  broadcast_core* core_;  // null: closed
  std::uint64_t position_;
  broadcast_waiter* task_ = nullptr;

 private:
  friend struct broadcast_waiter;
};

template <class T>
struct broadcast_state final : broadcast_core {
  static_assert(std::is_copy_constructible_v<T>, "each receiver gets a copy: send a std::shared_ptr to what cannot be copied");
  static_assert(std::is_nothrow_move_constructible_v<T>, "values must not throw when moved: send a std::shared_ptr to them");

  using broadcast_core::broadcast_core;

  // Gives the value that had to go. Who gets a value out of here destroys it last: its destructor may come back.
  std::optional<T> put(T&& value) {
    if (slots_.size() < capacity) slots_.emplace_back();
    slot& into = slot_of(sent);
    std::optional<T> replaced = take_out(into);
    into.value.emplace(std::move(value));
    into.unread = open_receivers;
    ++buffered;
    ++sent;
    return replaced;
  }

  T take(std::uint64_t number) {
    slot& from = slot_of(number);
    if (from.unread == 1) return *take_out(from);
    T copy(*from.value);
    --from.unread;
    return copy;
  }

  void add_receiver_at(std::uint64_t position) noexcept {
    for (position = std::max(position, oldest()); position < sent; ++position) ++slot_of(position).unread;
  }

  void remove_receiver_at(std::uint64_t position) noexcept {
    --open_receivers;
    const std::uint64_t until = sent;
    for (; (position = std::max(position, oldest())) < until; ++position) {
      slot& unwanted = slot_of(position);
      if (unwanted.unread == 1)
        static_cast<void>(take_out(unwanted));
      else
        --unwanted.unread;
    }
  }

  void drop_reference() noexcept {
    if (--references == 0) delete this;
  }

 private:
  struct slot {
    std::optional<T> value;
    std::size_t unread = 0;  // receivers that have yet to take it; 0: there is no value
  };

  slot& slot_of(std::uint64_t number) noexcept { return slots_[static_cast<std::size_t>(number % capacity)]; }
  std::optional<T> take_out(slot& full) noexcept {
    std::optional<T> value(std::move(full.value));
    full.value.reset();
    if (std::exchange(full.unread, 0) != 0) --buffered;
    return value;
  }

  std::vector<slot> slots_;  // as many as were needed so far, at most `capacity`
};

}  // namespace tractor::sc::detail
