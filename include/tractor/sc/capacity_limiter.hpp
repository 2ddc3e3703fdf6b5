// SPDX-License-Identifier: Apache-2.0
//
// A number of tokens that tasks borrow: a semaphore that knows who holds what, and whose size can be changed while in use.
//
//     sc::capacity_limiter at_once(8);
//     auto token = co_await at_once.hold();
//
// Each borrower holds one token at most (usage_error), and only a borrower gives one back (usage_error). The borrower is the current
// task, or whatever address an …_on_behalf_of names. Fair. acquire and hold are checkpoints; cancelled, they have borrowed
// nothing. Making the limiter smaller than what is lent takes nothing away: no token is lent until enough came back.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>

#include "tractor/sc/errors.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::sc {

class TRACTOR_API capacity_limiter {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  class acquire_awaiter;
  class hold_awaiter;

  // Who holds a token: a task by its number, anything else by its address.
  struct borrower {
    bool is_task = false;
    std::uint64_t identity = 0;
    friend auto operator<=>(const borrower&, const borrower&) = default;
  };

  // The borrower's token, given back when this is destroyed or release() is called on it.
  class guard {
   public:
    guard(guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)), by_(other.by_) {}
    guard& operator=(guard&&) = delete;
    ~guard() { release(); }
    void release() noexcept {
      if (held_ != nullptr) std::exchange(held_, nullptr)->give_back(by_);
    }

   private:
    friend class hold_awaiter;
    guard(capacity_limiter& held, borrower by) noexcept : held_(&held), by_(by) {}
    capacity_limiter* held_;
    borrower by_;
  };

  explicit capacity_limiter(std::size_t total_tokens) noexcept : total_(total_tokens) {}
  capacity_limiter(const capacity_limiter&) = delete;
  capacity_limiter& operator=(const capacity_limiter&) = delete;
  ~capacity_limiter();

  [[nodiscard]] acquire_awaiter acquire();
  [[nodiscard]] hold_awaiter hold();
  [[nodiscard]] acquire_awaiter acquire_on_behalf_of(const void* identity) noexcept;
  [[nodiscard]] hold_awaiter hold_on_behalf_of(const void* identity) noexcept;
  // Throw would_block when no token is free.
  void acquire_nowait();
  void acquire_on_behalf_of_nowait(const void* identity);
  // Throw usage_error when the borrower holds no token.
  void release();
  void release_on_behalf_of(const void* identity);

  [[nodiscard]] std::size_t total_tokens() const noexcept { return total_; }
  // More tokens wake who waits.
  void set_total_tokens(std::size_t total) noexcept;
  [[nodiscard]] std::size_t borrowed_tokens() const noexcept { return borrowers_.size(); }
  [[nodiscard]] std::size_t available_tokens() const noexcept { return total_ > borrowers_.size() ? total_ - borrowers_.size() : 0; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  [[nodiscard]] static borrower current_task();
  [[nodiscard]] static borrower by_address(const void* identity) noexcept {
    return {.is_task = false, .identity = reinterpret_cast<std::uintptr_t>(identity)};
  }
  bool try_acquire(borrower by);
  void give_back(borrower by) noexcept;
  void release_checked(borrower by);
  void lend_to_waiting() noexcept;

  parking_lot waiting_;
  std::size_t total_;
  // A node is taken out of one and put into the other, so that lending to a waiting task cannot fail.
  std::set<borrower> borrowers_;
};

class TRACTOR_API capacity_limiter::acquire_awaiter : public parking_lot::node {
 public:
  acquire_awaiter(capacity_limiter& wanted, borrower by) noexcept : limiter_(wanted), by_(by) {}
  bool await_ready() {
    if (refuse_if_cancelled()) return true;
    acquired_ = limiter_.try_acquire(by_);
    return acquired_ && detail::this_runner().may_continue_ready();
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> here) {
    if (acquired_) {
      detail::this_runner().yield(here.promise());
      return;
    }
    prepare_place();
    enqueue(here, limiter_.waiting_, waits);
  }
  void await_resume() { throw_if_cancelled(); }

 protected:
  friend class capacity_limiter;
  static constexpr detail::wait_kind waits{"capacity_limiter.acquire", &leave};
  void prepare_place();

  capacity_limiter& limiter_;
  borrower by_;
  std::set<borrower>::node_type place_;  // for the set of borrowers, made before waiting
  bool acquired_ = false;
};

class TRACTOR_API capacity_limiter::hold_awaiter final : public capacity_limiter::acquire_awaiter {
 public:
  using acquire_awaiter::acquire_awaiter;
  guard await_resume() {
    throw_if_cancelled();
    return guard(limiter_, by_);
  }
};

inline capacity_limiter::acquire_awaiter capacity_limiter::acquire() { return {*this, current_task()}; }
inline capacity_limiter::hold_awaiter capacity_limiter::hold() { return {*this, current_task()}; }
inline capacity_limiter::acquire_awaiter capacity_limiter::acquire_on_behalf_of(const void* identity) noexcept {
  return {*this, by_address(identity)};
}
inline capacity_limiter::hold_awaiter capacity_limiter::hold_on_behalf_of(const void* identity) noexcept {
  return {*this, by_address(identity)};
}

}  // namespace tractor::sc
