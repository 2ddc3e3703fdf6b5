// SPDX-License-Identifier: Apache-2.0
//
// Any frame body: a message or a protocol_error. A message encodes to a frame that decodes to a message which encodes to
// the same bytes.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tractor/msg/errors.hpp"
#include "tractor/msg/payload.hpp"
#include "tractor/msg/protocol.hpp"

namespace {

namespace msg = tractor::msg;

void require(bool condition) {
  if (!condition) std::abort();
}

// Payloads and arguments were left undecoded: look at them, too.
void decode_payload(msg::message_kind kind, msg::bytes_view payload) {
  try {
    static_cast<void>(msg::decode<msg::value>(payload, {}, "pld"));
  } catch (const msg::decode_error& error) {
    require(!msg::payload_mismatch(kind, payload, "any", error.message()).empty());
  }
}

void look_into(const msg::envelope& message) {
  std::visit(
      [&](const auto& held) {
        if constexpr (requires { held.pld.data; }) decode_payload(msg::kind_of(message), held.pld);
        if constexpr (requires { held.kwargs; }) decode_payload(msg::kind_of(message), held.kwargs);
      },
      message);
  static_cast<void>(msg::cid_of(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = msg::as_bytes({reinterpret_cast<const char*>(data), size});
  msg::buffer first, second;
  try {
    const msg::envelope message = msg::decode_envelope(body);
    look_into(message);
    msg::encode_envelope(first, message);
  } catch (const msg::protocol_error&) {
    return 0;
  }
  msg::encode_envelope(second, msg::decode_envelope(first.view().subspan(msg::frame_header_bytes)));
  require(first.size() == second.size() && std::memcmp(first.data(), second.data(), first.size()) == 0);
  return 0;
}
