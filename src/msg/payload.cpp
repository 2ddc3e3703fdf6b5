// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/payload.hpp"

#include "tractor/msg/value.hpp"

namespace tractor::msg {

std::string payload_mismatch(message_kind kind, bytes_view value, std::string_view spec, std::string_view reason) {
  const std::string name(wire_name(kind));
  const std::string found(value.empty() ? "nothing" : kind_name(kind_of(value.front())));
  std::string text = "invalid `" + name + "` msg payload\n\nvalue: `" + (value.empty() ? std::string("None") : item_text(value)) +
                     "` of type `" + found + "` does not match type-spec\n\n`" + name + ".pld: " + std::string(spec) + "`";
  if (!reason.empty()) text.append("\n\n").append(reason);
  return text;
}

}  // namespace tractor::msg
