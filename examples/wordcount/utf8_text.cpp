// SPDX-License-Identifier: Apache-2.0

#include "utf8_text.hpp"

#include <wchar.h>
#include <wctype.h>

#include <cerrno>
#include <cstdio>
#include <tractor/base/error.hpp>

namespace wordcount {

utf8_text::utf8_text() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
  if (locale_ == nullptr) throw tractor::os_error("newlocale(C.UTF-8)", errno);
  before_ = ::uselocale(locale_);
}

utf8_text::~utf8_text() {
  ::uselocale(before_);
  ::freelocale(locale_);
}

decoded utf8_text::first_multibyte(std::string_view text) const {
  constexpr auto invalid = static_cast<std::size_t>(-1);
  constexpr auto incomplete = static_cast<std::size_t>(-2);
  wchar_t wide = 0;
  ::mbstate_t state{};
  const std::size_t bytes = ::mbrtowc(&wide, text.data(), text.size(), &state);
  if (bytes == incomplete) return {char_class::incomplete, text.size()};
  if (bytes == invalid) return {char_class::other, 1};
  const auto code = static_cast<wint_t>(wide);
  if (::iswprint_l(code, locale_) == 0) return {char_class::other, bytes};
  const bool no_break = code == 0x00A0 || code == 0x2007 || code == 0x202F || code == 0x2060;
  return {no_break || ::iswspace_l(code, locale_) != 0 ? char_class::separator : char_class::printing, bytes};
}

std::string printable(std::string_view text) {
  const utf8_text utf8;
  std::string result;
  while (!text.empty()) {
    const decoded next = utf8.first(text);
    const std::string_view bytes = text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
    if (bytes == "\\") {
      result += "\\\\";
    } else if (next.kind == char_class::printing || bytes == " ") {
      result += bytes;
    } else {
      for (const char byte : bytes) {
        char escape[5];
        std::snprintf(escape, sizeof(escape), "\\x%02x", static_cast<unsigned char>(byte));
        result += escape;
      }
    }
  }
  return result;
}

}  // namespace wordcount
