// SPDX-License-Identifier: Apache-2.0
//
// The sentence of a MsgTypeError for a payload that does not fit its dialog's type (S-COD-9).

#pragma once

#include <string>
#include <string_view>

#include "tractor/base/config.hpp"
#include "tractor/msg/bytes.hpp"
#include "tractor/msg/protocol.hpp"

namespace tractor::msg {

// `value` is the undecoded payload, `spec` the text of type_name<T>(), `reason` what the decoder said ("" for nothing).
// The text contains "invalid", the message's type name, "msg payload", the value and its type, "does not match type-spec"
// and "<Type>.pld: <spec>".
[[nodiscard]] TRACTOR_API std::string payload_mismatch(message_kind kind, bytes_view value, std::string_view spec, std::string_view reason);

}  // namespace tractor::msg
