// SPDX-License-Identifier: Apache-2.0
//
// What a flipped bit has made of the messages in a stream. There is no checksum: some of it nobody can see.

#pragma once

#include <cstddef>
#include <span>

namespace faults {

enum class damage : unsigned char {
  refused,     // what is received is no message: that ends the connection
  unfinished,  // a length is too large, and the receiver waits for bytes that nobody has sent
  to_nobody,   // a message, whole, for a dialog that is not there: it is dropped, as any that comes late; or a cancel of nobody
  less_room,   // a message that grants less than was granted: the sender waits for the rest
  changed,     // any other message than was sent
};

// `moved` is the stream as it was sent, to its end; of byte `flipped` a bit was another.
[[nodiscard]] damage damage_of(std::span<const std::byte> moved, std::size_t flipped);

}  // namespace faults
