// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/lockstep_stream.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tractor/sc/errors.hpp"

namespace tractor::testing {

namespace detail {

using waiter = sc::detail::io_source::waiter;

// One direction. What is offered belongs to the sender until it is received.
struct lockstep_pipe {
  std::vector<std::byte> offered;
  std::size_t taken = 0;  // of it
  bool ended = false;     // the sender said so, or closed
  waiter* reader = nullptr;
  waiter* writer = nullptr;

  [[nodiscard]] std::span<const std::byte> left() const noexcept { return std::span(offered).subspan(taken); }
  void withdraw() noexcept {
    offered.clear();
    taken = 0;
  }
  static void tell(waiter*& slot) noexcept {
    if (waiter* const told = std::exchange(slot, nullptr)) told->ready(*told);
  }
};

struct lockstep_link {
  lockstep_pipe from[2];  // by the side that sends
  bool closed[2] = {false, false};
};

}  // namespace detail

using detail::lockstep_pipe;

lockstep_stream::lockstep_stream(std::shared_ptr<detail::lockstep_link> link, std::size_t side) noexcept
    : link_(std::move(link)), side_(side) {}

lockstep_stream::~lockstep_stream() {
  TRACTOR_ASSERT(link_->from[side_].writer == nullptr && link_->from[1 - side_].reader == nullptr,
                 "a lockstep stream is destroyed while a task waits in it");
  close();
}

bool lockstep_stream::closed() const noexcept { return link_->closed[side_]; }

void lockstep_stream::send_eof() {
  if (closed()) throw sc::closed_resource_error("send_eof(): the stream was closed on this side");
  lockstep_pipe& out = link_->from[side_];
  if (out.ended) return;
  if (out.writer != nullptr) throw sc::busy_resource_error("send_eof(): a task is sending on this stream");
  out.ended = true;
  lockstep_pipe::tell(out.reader);
}

void lockstep_stream::close() noexcept {
  if (std::exchange(link_->closed[side_], true)) return;
  lockstep_pipe& out = link_->from[side_];
  lockstep_pipe& in = link_->from[1 - side_];
  out.ended = true;
  out.withdraw();
  lockstep_pipe::tell(out.writer);
  lockstep_pipe::tell(in.reader);
  lockstep_pipe::tell(out.reader);
  lockstep_pipe::tell(in.writer);
}

sc::io_result lockstep_stream::try_receive(std::span<std::byte> into) noexcept {
  TRACTOR_ASSERT(!into.empty(), "a receive into nothing cannot be told from the end of the stream");
  if (closed()) return {.errno_value = EBADF};
  lockstep_pipe& in = link_->from[1 - side_];
  const auto left = in.left();
  if (left.empty()) return {.errno_value = in.ended ? 0 : EAGAIN};
  const std::size_t bytes = std::min(into.size(), left.size());
  std::memcpy(into.data(), left.data(), bytes);
  in.taken += bytes;
  if (in.left().empty()) lockstep_pipe::tell(in.writer);
  return {.bytes = bytes};
}

sc::io_result lockstep_stream::try_send(std::span<const std::byte> from) noexcept {
  lockstep_pipe& out = link_->from[side_];
  if (out.ended) return {.errno_value = EBADF};
  if (link_->closed[1 - side_]) return {.errno_value = EPIPE};
  if (from.empty()) return {};
  if (out.offered.empty()) {
    out.offered.assign(from.begin(), from.end());
    lockstep_pipe::tell(out.reader);  // takes what it has room for
  }
  if (!out.left().empty()) return {.errno_value = EAGAIN};
  const std::size_t bytes = out.taken;
  out.withdraw();
  return {.bytes = bytes};
}

void lockstep_stream::set_reader(sc::detail::io_source::waiter* waiter) noexcept { link_->from[1 - side_].reader = waiter; }

void lockstep_stream::set_writer(sc::detail::io_source::waiter* waiter) {
  lockstep_pipe& out = link_->from[side_];
  out.writer = waiter;
  if (waiter == nullptr) out.withdraw();  // the send was cancelled
}

std::pair<std::unique_ptr<lockstep_stream>, std::unique_ptr<lockstep_stream>> open_lockstep_streams() {
  auto link = std::make_shared<detail::lockstep_link>();
  auto near = std::make_unique<lockstep_stream>(link, 0);
  return {std::move(near), std::make_unique<lockstep_stream>(std::move(link), 1)};
}

}  // namespace tractor::testing
