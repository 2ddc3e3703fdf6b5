// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/broadcast.hpp"

#include <string>

#include "tractor/base/log.hpp"

namespace tractor::sc {

namespace {
constinit logger log_of_broadcast("tractor.sc.broadcast");
}

lagged::lagged(std::uint64_t missed)
    : error("broadcast: this receiver did not keep up and has missed " + std::to_string(missed) + (missed == 1 ? " value" : " values"),
            error_category::overloaded),
      missed_(missed) {}
lagged::~lagged() = default;

namespace detail {

void throw_broadcast_closed(const char* doing) {
  throw closed_resource_error(std::string("broadcast.") + doing + "(): this side of the broadcast is closed");
}

broadcast_core::broadcast_core(std::size_t values_max) : capacity(values_max) {
  if (capacity == 0) throw usage_error("broadcast: the capacity must be at least 1");
}

void say_lagged(std::uint64_t missed) noexcept { log_of_broadcast.warning("a subscription did not keep up, values missed: ", missed); }

void broadcast_core::close() noexcept {
  if (std::exchange(closed, true)) return;
  wake_all();
}

void broadcast_core::wake_all() noexcept {
  while (parking_lot::node* const next = waiting.pop_front()) {
    static_cast<broadcast_waiter&>(*next).queued = false;
    next->wake();
  }
}

broadcast_statistics broadcast_core::statistics() const noexcept {
  return {.buffered = buffered, .capacity = capacity, .open_receivers = open_receivers, .waiting_receivers = waiting.size()};
}

broadcast_waiter::~broadcast_waiter() {
  if (receiver != nullptr) receiver->task_ = nullptr;
}

broadcast_cursor& broadcast_waiter::detach() {
  if (receiver == nullptr) throw closed_resource_error("broadcast: the receiver was closed while this task waited through it");
  receiver->task_ = nullptr;
  return *std::exchange(receiver, nullptr);
}

bool broadcast_waiter::leave_queue(suspension& self) noexcept {
  static_cast<broadcast_waiter&>(self).queued = false;
  return leave(self);
}

broadcast_cursor::broadcast_cursor(broadcast_cursor&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), position_(other.position_), task_(std::exchange(other.task_, nullptr)) {
  if (task_ != nullptr) task_->receiver = this;
}

void broadcast_cursor::swap(broadcast_cursor& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(position_, other.position_);
  std::swap(task_, other.task_);
  if (task_ != nullptr) task_->receiver = this;
  if (other.task_ != nullptr) other.task_->receiver = &other;
}

broadcast_statistics broadcast_cursor::statistics() const noexcept {
  return core_ != nullptr ? core_->statistics() : broadcast_statistics{};
}

void broadcast_cursor::check_usable(const char* doing) const {
  if (core_ == nullptr) throw_broadcast_closed(doing);
  if (task_ != nullptr) throw busy_resource_error(std::string("broadcast.") + doing + "(): another task receives through this receiver");
}

void broadcast_cursor::attach(broadcast_waiter& waiting, const char* doing) {
  check_usable(doing);
  task_ = &waiting;
  waiting.receiver = this;
}

void broadcast_cursor::catch_up() {
  const std::uint64_t oldest = core_->oldest();
  if (position_ >= oldest) return;
  const std::uint64_t missed = oldest - std::exchange(position_, oldest);
  throw lagged(missed);
}

void broadcast_cursor::throw_nothing(const char* doing) const {
  const std::string what = std::string("broadcast.") + doing + "(): ";
  if (core_->closed) throw end_of_channel(what + "the broadcast is closed and nothing is left");
  throw would_block(what + "it would have to wait");
}

void broadcast_cursor::tell_task() noexcept {
  if (task_ == nullptr) return;
  broadcast_waiter& waiting = *std::exchange(task_, nullptr);
  waiting.receiver = nullptr;
  if (!std::exchange(waiting.queued, false)) return;
  core_->waiting.take(waiting);
  waiting.wake();
}

}  // namespace detail

}  // namespace tractor::sc
