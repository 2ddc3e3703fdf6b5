// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/oneshot.hpp"

#include <string>

namespace tractor::sc::detail {

void throw_oneshot_error(oneshot_status why, const char* doing) {
  const std::string what = std::string("oneshot.") + doing + "(): ";
  switch (why) {
    case oneshot_status::closed: throw closed_resource_error(what + "this end of the channel is closed");
    case oneshot_status::ended: throw end_of_channel(what + "the sender was closed without having sent a value");
    case oneshot_status::taken: throw usage_error(what + "the one value was taken already");
    case oneshot_status::busy: throw busy_resource_error(what + "another task waits for the value");
    case oneshot_status::waiting: throw would_block(what + "it would have to wait");
    case oneshot_status::done: break;
  }
  TRACTOR_ASSERT(false, "a oneshot operation that worked has no error");
}

void oneshot_core::check_send() const {
  if (sent) throw usage_error("oneshot.send(): a value was sent already, and there is only one");
  if (!receiver_open) throw broken_resource_error("oneshot.send(): the receiver is closed, nobody will take the value");
}

void oneshot_core::complete(oneshot_status how) noexcept {
  parking_lot::node* const waiting = receiver.pop_front();
  if (waiting == nullptr) return;
  static_cast<oneshot_waiter&>(*waiting).status = how;
  waiting->wake();
}

}  // namespace tractor::sc::detail
