// SPDX-License-Identifier: Apache-2.0
//
// Text as `LC_ALL=C.UTF-8 wc` of GNU coreutils 9.1 sees it: the C library decodes and classifies, so both always agree.

#pragma once

#include <locale.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace wordcount {

enum class char_class : unsigned char {
  separator,   // white space, no-break spaces included
  printing,    // makes the run of bytes it is in a word
  other,       // control characters, unassigned code points, bytes that are no UTF-8: neither
  incomplete,  // the text ends inside a character
};

struct decoded {
  char_class kind;
  std::size_t bytes;
};

// The separators that are one byte. No longer character contains such a byte, valid or not: text may be cut behind one.
[[nodiscard]] constexpr bool is_ascii_space(char byte) noexcept { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Puts the locale C.UTF-8 in force for this thread while it lives. Throws tractor::os_error where there is no such locale.
class utf8_text {
 public:
  utf8_text();
  utf8_text(const utf8_text&) = delete;
  utf8_text& operator=(const utf8_text&) = delete;
  ~utf8_text();

  // The first character of `text`, which is not empty.
  [[nodiscard]] decoded first(std::string_view text) const {
    const char byte = text.front();
    if (is_ascii_space(byte)) return {char_class::separator, 1};
    if (static_cast<signed char>(byte) < 0) return first_multibyte(text);
    return {byte > ' ' && byte < '\x7f' ? char_class::printing : char_class::other, 1};
  }

 private:
  [[nodiscard]] decoded first_multibyte(std::string_view text) const;

  locale_t locale_;
  locale_t before_;
};

// `text` with every byte that is not part of a printing character, and the backslash, as an escape.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace wordcount
