// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/memory_channel.hpp"

#include <string>

namespace tractor::sc::detail {

namespace {

void complete_those_of(parking_lot& queue, std::uint32_t end) noexcept {
  for (parking_lot::node* at = queue.front(); at != nullptr;) {
    auto& waiting = static_cast<channel_waiter&>(*at);
    at = at->next;
    if (waiting.end != end) continue;
    queue.take(waiting);
    waiting.complete(channel_status::closed);
  }
}

void complete_all(parking_lot& queue, channel_status how) noexcept {
  while (parking_lot::node* const waiting = queue.pop_front()) static_cast<channel_waiter&>(*waiting).complete(how);
}

}  // namespace

void throw_channel_error(channel_status why, const char* doing) {
  const std::string what = std::string("memory_channel.") + doing + "(): ";
  switch (why) {
    case channel_status::closed: throw closed_resource_error(what + "this end of the channel is closed");
    case channel_status::broken: throw broken_resource_error(what + "every receiving end of the channel is closed");
    case channel_status::ended: throw end_of_channel(what + "every sending end of the channel is closed and nothing is left");
    case channel_status::waiting: throw would_block(what + "it would have to wait");
    case channel_status::done: break;
  }
  TRACTOR_ASSERT(false, "a channel operation that worked has no error");
}

void channel_core::close_sender(std::uint32_t end) noexcept {
  complete_those_of(senders, end);
  // Nobody can be waiting to receive while something is buffered, so the end is all that is left for them.
  if (--open_senders == 0) complete_all(receivers, channel_status::ended);
}

bool channel_core::close_receiver(std::uint32_t end) noexcept {
  complete_those_of(receivers, end);
  if (--open_receivers != 0) return false;
  complete_all(senders, channel_status::broken);
  return true;
}

memory_channel_statistics channel_core::statistics(std::size_t buffered) const noexcept {
  return {.buffered = buffered,
          .capacity = capacity,
          .open_senders = open_senders,
          .open_receivers = open_receivers,
          .waiting_senders = senders.size(),
          .waiting_receivers = receivers.size()};
}

}  // namespace tractor::sc::detail
