// SPDX-License-Identifier: Apache-2.0

#include "literal.hpp"

#include <charconv>
#include <cmath>

#include "tractor/msg/utf8.hpp"

namespace tractor::msg::detail {

namespace {

void append_hex_escape(std::string& out, unsigned byte) {
  static constexpr char digits[] = "0123456789abcdef";
  out += "\\x";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\\': out += "\\\\"; return;
    case '\'': out += "\\'"; return;
    default: break;
  }
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
    append_hex_escape(out, static_cast<unsigned char>(c));
  else
    out += c;
}

}  // namespace

void append_str_literal(std::string& out, std::string_view text, std::size_t bytes_max) {
  const bool cut = text.size() > bytes_max;
  std::size_t end = cut ? bytes_max : text.size();
  // Not in the middle of a character.
  while (cut && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  const std::string_view shown = text.substr(0, end);
  const bool readable = is_utf8(shown);
  out += '\'';
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto c = static_cast<unsigned char>(shown[i]);
    const bool control = c == 0xc2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (c < 0x80) {
      append_escaped(out, shown[i]);
    } else if (!readable) {
      append_hex_escape(out, c);
    } else if (control) {
      append_hex_escape(out, c);
      append_hex_escape(out, static_cast<unsigned char>(shown[++i]));
    } else {
      out += shown[i];
    }
  }
  if (cut) out += ellipsis;
  out += '\'';
}

void append_bytes_literal(std::string& out, bytes_view data, std::size_t bytes_max) {
  const bool cut = data.size() > bytes_max;
  out += "b'";
  for (const std::byte b : data.first(cut ? bytes_max : data.size())) {
    if (static_cast<unsigned>(b) >= 0x80)
      append_hex_escape(out, static_cast<unsigned>(b));
    else
      append_escaped(out, static_cast<char>(b));
  }
  if (cut) out += ellipsis;
  out += '\'';
}

void append_int_literal(std::string& out, std::uint64_t bits, bool negative) {
  char text[24];
  const auto end = negative ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(bits)).ptr
                            : std::to_chars(text, text + sizeof text, bits).ptr;
  out.append(text, end);
}

void append_double_literal(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-inf" : "inf";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  const std::string_view shown(text, static_cast<std::size_t>(end - text));
  out += shown;
  if (shown.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_ext_literal(std::string& out, std::int8_t type, bytes_view data, std::size_t bytes_max) {
  out += "ext(" + std::to_string(type) + ", ";
  append_bytes_literal(out, data, bytes_max);
  out += ')';
}

}  // namespace tractor::msg::detail
