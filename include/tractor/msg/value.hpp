// SPDX-License-Identifier: Apache-2.0
//
// A msgpack value whose type is known only at run time: what untyped calls carry, and what tools print.
//
//     value v = {{"epoch", 3}, {"tags", value::array{"a", nullptr}}};
//     v.at("epoch").as_int();  v.text();                       // 3, {'epoch': 3, 'tags': ['a', None]}
//
// Whole numbers are kept as int64 when they fit and as uint64 above, so that equal numbers are equal values. A number and
// a float are never equal. Maps keep the order and the keys of the wire; two maps are equal when they hold the same
// entries in any order.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/msg/bytes.hpp"
#include "tractor/msg/ordered_map.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/msg/writer.hpp"

namespace tractor::msg {

// The longest text that `text()` makes unless told otherwise; what is cut is shown as "…".
inline constexpr std::size_t value_text_bytes_max = 200;

class TRACTOR_API value {
 public:
  using array = std::vector<value>;
  using map = ordered_map<value, value>;
  // An application's own msgpack extension type, undecoded.
  struct ext {
    std::int8_t type = 0;
    bytes data;
    friend bool operator==(const ext&, const ext&) = default;
  };

  value() noexcept;
  value(std::nullptr_t) noexcept;  // NOLINT(google-explicit-constructor): literals are values, here and below
  template <std::same_as<bool> Bool>
  value(Bool from) noexcept : storage_(from) {}  // NOLINT(google-explicit-constructor)
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  value(Integer from) noexcept {  // NOLINT(google-explicit-constructor)
    if constexpr (std::unsigned_integral<Integer> && sizeof(Integer) == 8) {
      if (from > static_cast<std::uint64_t>(INT64_MAX))
        storage_ = static_cast<std::uint64_t>(from);
      else
        storage_ = static_cast<std::int64_t>(from);
    } else {
      storage_ = static_cast<std::int64_t>(from);
    }
  }
  value(double from) noexcept;       // NOLINT(google-explicit-constructor)
  value(const char* from);           // NOLINT(google-explicit-constructor)
  value(std::string_view from);      // NOLINT(google-explicit-constructor)
  value(std::string from) noexcept;  // NOLINT(google-explicit-constructor)
  value(bytes from) noexcept;        // NOLINT(google-explicit-constructor)
  value(array from) noexcept;        // NOLINT(google-explicit-constructor)
  value(map from) noexcept;          // NOLINT(google-explicit-constructor)
  value(ext from) noexcept;          // NOLINT(google-explicit-constructor)
  value(std::initializer_list<std::pair<value, value>> entries);
  value(const value&);
  value(value&&) noexcept;
  value& operator=(const value&);
  value& operator=(value&&) noexcept;
  ~value();

  [[nodiscard]] item_kind kind() const noexcept;
  [[nodiscard]] bool is_nil() const noexcept { return storage_.index() == 0; }

  // Null when it is something else.
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept {
    return std::get_if<T>(&storage_);
  }
  template <class T>
  [[nodiscard]] T* get_if() noexcept {
    return std::get_if<T>(&storage_);
  }

  // Throw decode_error ("expected int, got str 'x'") when it is something else. `as_double` takes whole numbers, too.
  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] std::int64_t as_int() const;
  [[nodiscard]] std::uint64_t as_uint() const;
  [[nodiscard]] double as_double() const;
  [[nodiscard]] const std::string& as_str() const;
  [[nodiscard]] const bytes& as_bytes() const;
  [[nodiscard]] const array& as_array() const;
  [[nodiscard]] const map& as_map() const;

  // Elements and entries; 0 for anything else.
  [[nodiscard]] std::size_t size() const noexcept;
  // Throws decode_error when there is no such element or key.
  [[nodiscard]] const value& at(std::size_t index) const;
  [[nodiscard]] const value& at(std::string_view key) const;
  // Null when this is not a map or has no such key.
  [[nodiscard]] const value* find(std::string_view key) const noexcept;

  // One line in the notation of Python literals, cut to about `bytes_max`.
  [[nodiscard]] std::string text(std::size_t bytes_max = value_text_bytes_max) const;

  friend TRACTOR_API bool operator==(const value& a, const value& b);
  template <std::convertible_to<std::string_view> Text>
  friend bool operator==(const value& a, const Text& b) noexcept {
    const auto* text = a.get_if<std::string>();
    return text != nullptr && *text == std::string_view(b);
  }

 private:
  friend TRACTOR_API void decode_value(reader& in, value& to);
  template <class T, class... Arguments>
  T& emplace(Arguments&&... arguments) {
    return storage_.template emplace<T>(std::forward<Arguments>(arguments)...);
  }

  using storage = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, bytes, array, map, ext>;

  [[noreturn]] void fail_expected(std::string_view expected) const;

  storage storage_;
};

// The same notation for one encoded item; malformed input ends in "<invalid>".
[[nodiscard]] TRACTOR_API std::string item_text(bytes_view item, std::size_t bytes_max = value_text_bytes_max);
// "int 5", "str 'abc'", "array of 3", "nil": what error messages say was found.
[[nodiscard]] TRACTOR_API std::string item_description(bytes_view item);
[[nodiscard]] TRACTOR_API std::string value_description(const value& item);

// Encoding and decoding of values, without templates.
TRACTOR_API void encode_value(writer& out, const value& from);
TRACTOR_API void encode_value_map(writer& out, const value::map& from);
TRACTOR_API void decode_value(reader& in, value& to);
TRACTOR_API void decode_value_map(reader& in, value::map& to);

}  // namespace tractor::msg
