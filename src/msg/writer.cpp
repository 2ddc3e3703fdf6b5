// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/writer.hpp"

#include <bit>
#include <string>
#include <utility>

#include "literal.hpp"
#include "tractor/msg/errors.hpp"

namespace tractor::msg {

void writer::ext(std::int8_t type, bytes_view data) {
  check_count(data.size());
  std::byte* to = out_.room(1 + header_bytes_max + data.size());
  const std::size_t count = data.size();
  if (count == 1 || count == 2 || count == 4 || count == 8 || count == 16)
    to = detail::put_u8(to, 0xd4U + static_cast<unsigned>(std::countr_zero(count)));
  else if (count <= 0xff)
    to = detail::put_tagged(to, 0xc7, static_cast<std::uint8_t>(count));
  else if (count <= 0xffff)
    to = detail::put_tagged(to, 0xc8, static_cast<std::uint16_t>(count));
  else
    to = detail::put_tagged(to, 0xc9, static_cast<std::uint32_t>(count));
  to = detail::put_u8(to, static_cast<std::uint8_t>(type));
  out_.advance_to(detail::put_copy(to, data.data(), count));
}

void writer::fail(std::string reason) { throw encode_error({}, std::move(reason)); }

void writer::fail_utf8(std::string_view text) {
  std::string reason = "text that is not UTF-8 has no msgpack form (send it as bytes): ";
  detail::append_str_literal(reason, text, detail::text_shown_bytes_max);
  fail(std::move(reason));
}

void writer::fail_count(std::size_t count) {
  fail("a size of " + std::to_string(count) + " is above msgpack's " + std::to_string(count_max));
}

void writer::fail_depth() { fail("the value nests deeper than " + std::to_string(encode_depth_max) + " levels (encode_depth_max)"); }

}  // namespace tractor::msg
