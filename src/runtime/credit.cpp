// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/detail/credit.hpp"

#include "tractor/msg/codec.hpp"
#include "tractor/msg/protocol.hpp"

namespace tractor::detail {

credit_note credit_note_of(msg::bytes_view message_body) {
  const auto said = msg::find_key(message_body, msg::credit_key);
  if (!said) return std::nullopt;
  return msg::decode<std::optional<std::uint64_t>>(*said, {}, msg::credit_key);
}

}  // namespace tractor::detail
