// SPDX-License-Identifier: Apache-2.0
//
// The entry points of codec.hpp over the codecs of single types.

#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <type_traits>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/detail/codec_core.hpp"
#include "tractor/msg/errors.hpp"

namespace tractor::msg {

namespace detail {

// Takes back what was appended when encoding throws.
class append_guard {
 public:
  explicit append_guard(buffer& out) noexcept : out_(out), size_(out.size()) {}
  append_guard(const append_guard&) = delete;
  append_guard& operator=(const append_guard&) = delete;
  ~append_guard() {
    if (!done_) out_.truncate(size_);
  }
  void done() noexcept { done_ = true; }

 private:
  buffer& out_;
  std::size_t size_;
  bool done_ = false;
};

}  // namespace detail

template <class T>
void encode_item(writer& out, const T& from) {
  if constexpr (std::is_array_v<T> && std::is_same_v<std::remove_extent_t<T>, char>) {
    out.str(std::string_view(from));
  } else {
    static_assert(requires { codec<T>::encode(out, from); }, "tractor::msg::codec<type> for this type has no encode(writer&, const type&)");
    codec<T>::encode(out, from);
  }
}

template <class T>
void decode_into(reader& in, T& to) {
  static_assert(!detail::is_view<T>, "a view would dangle when the received frame goes: decode to std::string, msg::bytes or msg::raw");
  if constexpr (requires { codec<T>::decode_into(in, to); })
    codec<T>::decode_into(in, to);
  else
    to = codec<T>::decode(in);
}

template <class T>
T decode_item(reader& in) {
  static_assert(!detail::is_view<T>, "a view would dangle when the received frame goes: decode to std::string, msg::bytes or msg::raw");
  if constexpr (requires { codec<T>::decode(in); }) {
    return codec<T>::decode(in);
  } else {
    static_assert(requires(T& to) { codec<T>::decode_into(in, to); }, "this type can be encoded, but not decoded");
    static_assert(std::is_default_constructible_v<T>, "to be decoded, a type needs a default constructor, or a codec with decode(reader&)");
    T to{};
    codec<T>::decode_into(in, to);
    return to;
  }
}

template <class T>
void encode(buffer& out, const T& from, std::string_view where) {
  detail::append_guard guard(out);
  writer to(out);
  try {
    encode_item(to, from);
  } catch (const encode_error& error) {
    detail::rethrow_in_field(error, where);
  }
  guard.done();
}

template <class T>
T decode(bytes_view in, const decode_limits& limits, std::string_view where) {
  try {
    reader from(in, limits);
    T to = decode_item<T>(from);
    from.expect_end();
    return to;
  } catch (const decode_error& error) {
    detail::rethrow_in_field(error, where);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& foreign) {
    detail::throw_foreign(foreign, where);
  }
}

template <class T>
T from_value(const value& from, const decode_limits& limits) {
  buffer encoded;
  encode(encoded, from);
  return decode<T>(encoded.view(), limits);
}

template <class T>
value to_value(const T& from) {
  buffer encoded;
  encode(encoded, from);
  return decode<value>(encoded.view());
}

}  // namespace tractor::msg
