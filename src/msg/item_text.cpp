// SPDX-License-Identifier: Apache-2.0
//
// Encoded items and values as text of bounded length.

#include <string>
#include <string_view>

#include "literal.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg {

namespace {

constexpr unsigned depth_shown_max = 16;
constexpr std::size_t description_bytes_max = 60;

// Appends literals until the text is long enough; what follows is replaced by one ellipsis.
class literal_printer {
 public:
  literal_printer(std::string& out, std::size_t bytes_max) : out_(out), bytes_max_(bytes_max) {}

  void print(reader& in) {
    switch (in.peek()) {
      case item_kind::nil:
        in.nil();
        out_ += "None";
        break;
      case item_kind::boolean: out_ += in.boolean() ? "True" : "False"; break;
      case item_kind::integer: {
        const integer_item item = in.any_integer();
        detail::append_int_literal(out_, item.bits, item.negative);
        break;
      }
      case item_kind::real: detail::append_double_literal(out_, in.real()); break;
      case item_kind::str: detail::append_str_literal(out_, in.str(), room()); break;
      case item_kind::bin: detail::append_bytes_literal(out_, in.bin(), room()); break;
      case item_kind::array: {
        const std::size_t count = in.array_header();
        print_list('[', ']', count, [&](std::size_t) { print(in); });
        break;
      }
      case item_kind::map: {
        const std::size_t count = in.map_header();
        print_list('{', '}', count, [&](std::size_t) {
          print(in);
          if (full_) return;  // the key was cut: what comes next in the input is not its value
          out_ += ": ";
          print(in);
        });
        break;
      }
      case item_kind::ext: {
        const ext_item item = in.ext();
        detail::append_ext_literal(out_, item.type, item.data, room());
        break;
      }
      case item_kind::invalid: in.fail_expected("an item");
    }
  }

  void print(const value& item) {
    switch (item.kind()) {
      case item_kind::boolean: out_ += item.as_bool() ? "True" : "False"; break;
      case item_kind::integer:
        if (const auto* small = item.get_if<std::int64_t>())
          detail::append_int_literal(out_, static_cast<std::uint64_t>(*small), *small < 0);
        else
          detail::append_int_literal(out_, item.as_uint(), false);
        break;
      case item_kind::real: detail::append_double_literal(out_, item.as_double()); break;
      case item_kind::str: detail::append_str_literal(out_, item.as_str(), room()); break;
      case item_kind::bin: detail::append_bytes_literal(out_, item.as_bytes(), room()); break;
      case item_kind::array: print_list('[', ']', item.size(), [&](std::size_t i) { print(item.as_array()[i]); }); break;
      case item_kind::map: {
        auto entry = item.as_map().begin();
        print_list('{', '}', item.size(), [&](std::size_t) {
          print(entry->first);
          if (full_) return;
          out_ += ": ";
          print(entry->second);
          ++entry;
        });
        break;
      }
      case item_kind::ext:
        detail::append_ext_literal(out_, item.get_if<value::ext>()->type, item.get_if<value::ext>()->data, room());
        break;
      case item_kind::nil:
      case item_kind::invalid: out_ += "None"; break;
    }
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return bytes_max_ > out_.size() ? bytes_max_ - out_.size() : 0; }

  // `print_one` must be called for every element that is shown, in order; once the text is full no further ones are read.
  template <class PrintOne>
  void print_list(char open, char close, std::size_t count, PrintOne print_one) {
    out_ += open;
    ++depth_;
    for (std::size_t i = 0; i < count && !full_; ++i) {
      if (i != 0) out_ += ", ";
      if (room() == 0 || depth_ > depth_shown_max) {
        out_ += detail::ellipsis;
        full_ = true;
      } else {
        print_one(i);
      }
    }
    --depth_;
    out_ += close;
  }

  std::string& out_;
  std::size_t bytes_max_;
  unsigned depth_ = 0;
  bool full_ = false;
};

}  // namespace

std::string value::text(std::size_t bytes_max) const {
  std::string out;
  literal_printer(out, bytes_max).print(*this);
  return out;
}

std::string item_text(bytes_view item, std::size_t bytes_max) {
  std::string out;
  try {
    const decode_limits limits;
    reader in(item, limits);
    literal_printer(out, bytes_max).print(in);
  } catch (const decode_error&) {
    out += "<invalid>";
  }
  return out;
}

namespace {

// The kind, and the literal of what is not a container.
std::string describe(item_kind kind, std::size_t count, const std::string& literal) {
  switch (kind) {
    case item_kind::nil: return "nil";
    case item_kind::array: return "array of " + std::to_string(count);
    case item_kind::map: return "map of " + std::to_string(count);
    default: return std::string(kind_name(kind)) + ' ' + literal;
  }
}

}  // namespace

std::string item_description(bytes_view item) {
  if (item.empty()) return "nothing";
  const item_kind kind = kind_of(item.front());
  if (kind == item_kind::invalid) return "the invalid byte 0xc1";
  try {
    const decode_limits limits;
    reader in(item, limits);
    if (kind == item_kind::array) return describe(kind, in.array_header(), {});
    if (kind == item_kind::map) return describe(kind, in.map_header(), {});
  } catch (const decode_error&) {
    return "a broken " + std::string(kind_name(kind));
  }
  return describe(kind, 0, item_text(item, description_bytes_max));
}

std::string value_description(const value& item) { return describe(item.kind(), item.size(), item.text(description_bytes_max)); }

}  // namespace tractor::msg
