// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/memory_listener.hpp"

#include <cerrno>
#include <utility>

#include "tractor/sc/errors.hpp"

namespace tractor::sc {

memory_listener::memory_listener(memory_listener_options options)
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): the two ends of the channel count who holds its state
    : buffer_bytes_(options.buffer_bytes), backlog_(open_memory_channel<std::unique_ptr<memory_stream>>(options.backlog)) {
  if (buffer_bytes_ == 0) throw usage_error("memory_listener: its streams need a buffer of at least one byte");
}

memory_listener::~memory_listener() {
  TRACTOR_ASSERT(backlog_.receive.statistics().waiting_receivers == 0, "a listener is destroyed while a task accepts on it");
  close();
}

task<std::unique_ptr<memory_stream>> memory_listener::accept() {
  if (backlog_.receive.statistics().waiting_receivers > 0)
    throw busy_resource_error("accept(): another task is accepting on this listener");
  try {
    co_return co_await backlog_.receive.receive();
  } catch (const closed_resource_error&) {
    throw closed_resource_error("accept(): the listener was closed on this side");
  }
}

task<std::unique_ptr<byte_stream>> memory_listener::accept_stream() { co_return co_await accept(); }

task<std::unique_ptr<memory_stream>> memory_listener::connect() {
  auto [ours, theirs] = open_memory_streams(buffer_bytes_);
  try {
    co_await backlog_.send.send(std::move(theirs));
  } catch (const broken_resource_error&) {
    throw_os_error("memory_listener::connect()", ECONNREFUSED);
  }
  co_return std::move(ours);
}

void memory_listener::close() noexcept { backlog_.receive.close(); }

bool memory_listener::closed() const noexcept { return backlog_.receive.closed(); }

}  // namespace tractor::sc
