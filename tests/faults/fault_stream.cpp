// SPDX-License-Identifier: Apache-2.0

#include "fault_stream.hpp"

#include <cerrno>
#include <utility>
#include <vector>

namespace faults {

std::string to_string(kind fault) {
  switch (fault) {
    case kind::cut: return "cut";
    case kind::stall: return "stall";
    case kind::shorten: return "shorten";
    case kind::corrupt: return "corrupt";
    case kind::delay: return "delay";
  }
  return "?";
}

std::string to_string(operation where) { return where == operation::receive ? "receive" : "send"; }

fault_stream::fault_stream(std::unique_ptr<sc::byte_stream> inner, plan planned, progress& made, defer later)
    : inner_(std::move(inner)), plan_(planned), made_(made), later_(std::move(later)) {}

fault_stream::~fault_stream() { *self_ = nullptr; }

bool fault_stream::is_planned(operation of) const noexcept { return plan_.where == of && count_of(of) + 1 == plan_.at; }

void fault_stream::block(operation of) {
  direction_of(of).blocked = true;
  if (plan_.fault != kind::delay) return;
  later_([self = self_, of] {
    if (*self != nullptr) (*self)->release(of);
  });
}

void fault_stream::release(operation of) noexcept {
  direction& at = direction_of(of);
  at.blocked = false;
  // Whoever waited for the block to end now waits for what any stream waits for.
  wake(at);
}

void fault_stream::wake(direction& of) noexcept {
  if (waiter* const told = std::exchange(of.waiting, nullptr)) told->ready(*told);
}

void fault_stream::send_eof() {
  if (!cut_) inner_->send_eof();
}

void fault_stream::close() noexcept {
  closed_ = true;
  inner_->close();
  for (direction& each : directions_) {
    each.blocked = false;
    wake(each);
  }
}

sc::io_result fault_stream::try_receive(std::span<std::byte> into) noexcept {
  direction& in = direction_of(operation::receive);
  if (closed_) return {.errno_value = EBADF};
  if (cut_) return {.errno_value = ECONNRESET};
  if (in.blocked) return {.errno_value = EAGAIN};
  const bool planned = is_planned(operation::receive);
  // Whether there is something to move is known when it has been moved.
  std::byte first{};
  const bool one = planned && !made_.hit && plan_.fault != kind::corrupt;
  const sc::io_result got = inner_->try_receive(one ? std::span(&first, 1) : into);
  if (got.would_block() || got.errno_value != 0) return got;
  if (!planned || made_.hit) {
    ++count_of(operation::receive);
    return got;
  }
  made_.hit = true;
  ++count_of(operation::receive);
  switch (plan_.fault) {
    case kind::cut:
      cut_ = true;
      inner_->close();
      return {.errno_value = ECONNRESET};
    case kind::corrupt:
      if (got.bytes != 0) into[got.bytes / 2] ^= std::byte{0x10};
      return got;
    case kind::shorten:
    case kind::stall:
    case kind::delay:
      if (got.bytes != 0) into[0] = first;
      if (plan_.fault != kind::shorten) block(operation::receive);  // from the next on
      return got;
  }
  return got;
}

sc::io_result fault_stream::try_send(std::span<const std::byte> from) noexcept {
  direction& out = direction_of(operation::send);
  if (closed_) return {.errno_value = EBADF};
  if (cut_) return {.errno_value = EPIPE};
  if (out.blocked) return {.errno_value = EAGAIN};
  if (from.empty() || made_.hit || !is_planned(operation::send)) {
    const sc::io_result sent = inner_->try_send(from);
    if (!from.empty() && sent.errno_value == 0) ++count_of(operation::send);
    return sent;
  }
  made_.hit = true;
  ++count_of(operation::send);
  switch (plan_.fault) {
    case kind::cut:
      cut_ = true;
      inner_->close();
      return {.errno_value = EPIPE};
    case kind::corrupt: {
      std::vector<std::byte> other(from.begin(), from.end());
      other[other.size() / 2] ^= std::byte{0x10};
      return inner_->try_send(other);
    }
    case kind::shorten: return inner_->try_send(from.first(1));
    case kind::stall:
    case kind::delay: {
      const sc::io_result sent = inner_->try_send(from.first(1));
      block(operation::send);
      return sent;
    }
  }
  return {};
}

void fault_stream::set_reader(waiter* waiting) noexcept {
  direction& in = direction_of(operation::receive);
  if (in.blocked || in.waiting != nullptr) in.waiting = waiting;
  if (!in.blocked) inner_->set_reader(waiting);
}

void fault_stream::set_writer(waiter* waiting) {
  direction& out = direction_of(operation::send);
  if (out.blocked || out.waiting != nullptr) out.waiting = waiting;
  if (!out.blocked) inner_->set_writer(waiting);
}

}  // namespace faults
