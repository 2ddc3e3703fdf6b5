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
  if (corrupts(operation::receive)) return receive_for_corruption(into);
  const bool planned = is_planned(operation::receive) && !made_.hit;
  // Whether there is something to move is known when it has been moved.
  std::byte first{};
  const sc::io_result got = inner_->try_receive(planned ? std::span(&first, 1) : into);
  if (got.would_block() || got.errno_value != 0) return got;
  ++count_of(operation::receive);
  if (!planned) return got;
  made_.hit = true;
  if (plan_.fault == kind::cut) {
    cut_ = true;
    inner_->close();
    return {.errno_value = ECONNRESET};
  }
  if (got.bytes != 0) into[0] = first;
  if (plan_.fault != kind::shorten) block(operation::receive);  // from the next on
  return got;
}

sc::io_result fault_stream::receive_for_corruption(std::span<std::byte> into) {
  const sc::io_result got = inner_->try_receive(into);
  if (got.would_block() || got.errno_value != 0) return got;
  const std::size_t begin = made_.moved.size();
  made_.moved.insert(made_.moved.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(got.bytes));
  // (The end of the stream has no bit.)
  if (is_planned(operation::receive) && got.bytes != 0) {
    const std::size_t which = got.bytes * plan_.part / parts;
    into[which] ^= flipped_bit;
    made_.flipped = begin + which;
    made_.hit = true;
  }
  ++count_of(operation::receive);
  return got;
}

sc::io_result fault_stream::try_send(std::span<const std::byte> from) noexcept {
  direction& out = direction_of(operation::send);
  if (closed_) return {.errno_value = EBADF};
  if (cut_) return {.errno_value = EPIPE};
  if (out.blocked) return {.errno_value = EAGAIN};
  if (from.empty()) return inner_->try_send(from);
  if (corrupts(operation::send)) return send_for_corruption(from);
  const bool planned = is_planned(operation::send) && !made_.hit;
  if (planned && plan_.fault == kind::cut) {
    made_.hit = true;
    ++count_of(operation::send);
    cut_ = true;
    inner_->close();
    return {.errno_value = EPIPE};
  }
  const sc::io_result sent = inner_->try_send(planned ? from.first(1) : from);
  if (sent.would_block() || sent.errno_value != 0) return sent;
  ++count_of(operation::send);
  if (!planned) return sent;
  made_.hit = true;
  if (plan_.fault != kind::shorten) block(operation::send);
  return sent;
}

// How much is taken is known afterwards: the byte may be among those that are sent again.
sc::io_result fault_stream::send_for_corruption(std::span<const std::byte> from) {
  const std::size_t begin = made_.moved.size();
  if (is_planned(operation::send) && !flip_at_) flip_at_ = begin + from.size() * plan_.part / parts;
  std::vector<std::byte> other;
  if (flip_at_ && !made_.hit && *flip_at_ - begin < from.size()) {
    other.assign(from.begin(), from.end());
    other[*flip_at_ - begin] ^= flipped_bit;
  }
  const sc::io_result sent = inner_->try_send(other.empty() ? from : other);
  if (sent.would_block() || sent.errno_value != 0) return sent;
  ++count_of(operation::send);
  made_.moved.insert(made_.moved.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(sent.bytes));
  if (!other.empty() && *flip_at_ < made_.moved.size()) {
    made_.flipped = flip_at_;
    made_.hit = true;
  }
  return sent;
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
