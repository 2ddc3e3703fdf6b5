// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/memory_stream.hpp"

#include <algorithm>
#include <cstring>

#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace detail {

// One direction: a ring of bytes between the end that sends and the end that receives.
struct memory_pipe {
  std::unique_ptr<std::byte[]> ring;
  std::size_t capacity = 0;
  std::size_t head = 0;
  std::size_t used = 0;
  bool ended = false;  // the sender said so, or closed
  io_source::waiter* reader = nullptr;
  io_source::waiter* writer = nullptr;

  void put(std::span<const std::byte> bytes) noexcept {
    const std::size_t tail = (head + used) % capacity;
    const std::size_t first = std::min(bytes.size(), capacity - tail);
    std::memcpy(ring.get() + tail, bytes.data(), first);
    std::memcpy(ring.get(), bytes.data() + first, bytes.size() - first);
    used += bytes.size();
  }
  void get(std::span<std::byte> bytes) noexcept {
    const std::size_t first = std::min(bytes.size(), capacity - head);
    std::memcpy(bytes.data(), ring.get() + head, first);
    std::memcpy(bytes.data() + first, ring.get(), bytes.size() - first);
    head = (head + bytes.size()) % capacity;
    used -= bytes.size();
  }
  static void tell(io_source::waiter*& slot) noexcept {
    if (io_source::waiter* const told = std::exchange(slot, nullptr)) told->ready(*told);
  }
};

struct memory_link {
  memory_pipe from[2];  // by the side that sends
  bool closed[2] = {false, false};
};

}  // namespace detail

memory_stream::memory_stream(std::shared_ptr<detail::memory_link> link, std::size_t side) noexcept : link_(std::move(link)), side_(side) {}

memory_stream::~memory_stream() {
  TRACTOR_ASSERT(link_->from[side_].writer == nullptr && link_->from[1 - side_].reader == nullptr,
                 "a memory stream is destroyed while a task waits in it");
  close();
}

bool memory_stream::closed() const noexcept { return link_->closed[side_]; }

void memory_stream::send_eof() {
  if (closed()) throw closed_resource_error("send_eof(): the stream was closed on this side");
  detail::memory_pipe& out = link_->from[side_];
  if (out.ended) return;
  if (out.writer != nullptr) throw busy_resource_error("send_eof(): a task is sending on this stream");
  out.ended = true;
  detail::memory_pipe::tell(out.reader);
}

void memory_stream::close() noexcept {
  if (std::exchange(link_->closed[side_], true)) return;
  detail::memory_pipe& out = link_->from[side_];
  detail::memory_pipe& in = link_->from[1 - side_];
  out.ended = true;
  in.used = 0;  // nobody will read it
  // Ours find the stream closed, theirs the end of it or a broken one.
  detail::memory_pipe::tell(out.writer);
  detail::memory_pipe::tell(in.reader);
  detail::memory_pipe::tell(out.reader);
  detail::memory_pipe::tell(in.writer);
}

io_result memory_stream::try_receive(std::span<std::byte> into) noexcept {
  TRACTOR_ASSERT(!into.empty(), "a receive into nothing cannot be told from the end of the stream");
  if (closed()) return {.errno_value = EBADF};
  detail::memory_pipe& in = link_->from[1 - side_];
  if (in.used == 0) return {.errno_value = in.ended ? 0 : EAGAIN};
  const std::size_t bytes = std::min(into.size(), in.used);
  in.get(into.first(bytes));
  detail::memory_pipe::tell(in.writer);
  return {.bytes = bytes};
}

io_result memory_stream::try_send(std::span<const std::byte> from) noexcept {
  detail::memory_pipe& out = link_->from[side_];
  if (out.ended) return {.errno_value = EBADF};
  if (link_->closed[1 - side_]) return {.errno_value = EPIPE};
  const std::size_t bytes = std::min(from.size(), out.capacity - out.used);
  if (bytes == 0 && !from.empty()) return {.errno_value = EAGAIN};
  out.put(from.first(bytes));
  detail::memory_pipe::tell(out.reader);
  return {.bytes = bytes};
}

void memory_stream::set_reader(detail::io_source::waiter* waiter) noexcept { link_->from[1 - side_].reader = waiter; }
void memory_stream::set_writer(detail::io_source::waiter* waiter) { link_->from[side_].writer = waiter; }

std::pair<std::unique_ptr<memory_stream>, std::unique_ptr<memory_stream>> open_memory_streams(std::size_t buffer_bytes) {
  if (buffer_bytes == 0) throw usage_error("open_memory_streams(): a stream needs a buffer of at least one byte");
  auto link = std::make_shared<detail::memory_link>();
  for (auto& each : link->from) {
    each.ring = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes);
    each.capacity = buffer_bytes;
  }
  auto near = std::make_unique<memory_stream>(link, 0);
  return {std::move(near), std::make_unique<memory_stream>(std::move(link), 1)};
}

}  // namespace tractor::sc
