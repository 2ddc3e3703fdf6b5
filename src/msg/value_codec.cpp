// SPDX-License-Identifier: Apache-2.0
//
// Dynamic values from and to msgpack.

#include <algorithm>
#include <utility>

#include "tractor/msg/errors.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg {

namespace {

// Reserved on the word of an announcement; more grows as elements arrive.
constexpr std::size_t elements_reserved_max = 1024;

void encode_array(writer& out, const value::array& from) {
  out.array_header(from.size());
  const writer::nested scope(out);
  std::size_t index = 0;
  try {
    for (; index < from.size(); ++index) encode_value(out, from[index]);
  } catch (const encode_error& error) {
    detail::rethrow_in_element(error, index);
  }
}

void decode_array(reader& in, value::array& to) {
  const std::size_t count = in.array_header();
  const reader::nested scope(in);
  to.reserve(std::min(count, elements_reserved_max));
  std::size_t index = 0;
  try {
    for (; index < count; ++index) decode_value(in, to.emplace_back());
  } catch (const decode_error& error) {
    detail::rethrow_in_element(error, index);
  }
}

// Entries with text as their key are called by it, others by their number.
template <class Error>
[[noreturn]] void rethrow_at(const Error& error, std::size_t index, const value& key) {
  if (const auto* text = key.get_if<std::string>()) detail::rethrow_in_entry(error, *text);
  detail::rethrow_in_element(error, index);
}

}  // namespace

void encode_value_map(writer& out, const value::map& from) {
  out.map_header(from.size());
  const writer::nested scope(out);
  std::size_t index = 0;
  for (const auto& [key, mapped] : from) {
    try {
      encode_value(out, key);
      encode_value(out, mapped);
    } catch (const encode_error& error) {
      rethrow_at(error, index, key);
    }
    ++index;
  }
}

void encode_value(writer& out, const value& from) {
  switch (from.kind()) {
    case item_kind::boolean: return out.boolean(from.as_bool());
    case item_kind::integer:
      if (const auto* small = from.get_if<std::int64_t>()) return out.integer(*small);
      return out.unsigned_integer(from.as_uint());
    case item_kind::real: return out.real(from.as_double());
    case item_kind::str: return out.str(from.as_str());
    case item_kind::bin: return out.bin(from.as_bytes());
    case item_kind::array: return encode_array(out, from.as_array());
    case item_kind::map: return encode_value_map(out, from.as_map());
    case item_kind::ext: return out.ext(from.get_if<value::ext>()->type, from.get_if<value::ext>()->data);
    case item_kind::nil:
    case item_kind::invalid: return out.nil();
  }
}

void decode_value_map(reader& in, value::map& to) {
  const std::size_t count = in.map_header();
  const reader::nested scope(in);
  to.clear();
  to.reserve(std::min(count, elements_reserved_max));
  for (std::size_t index = 0; index < count; ++index) {
    auto& [key, mapped] = to.append();
    try {
      decode_value(in, key);
      decode_value(in, mapped);
    } catch (const decode_error& error) {
      rethrow_at(error, index, key);
    }
  }
}

void decode_value(reader& in, value& to) {
  switch (in.peek()) {
    case item_kind::nil:
      in.nil();
      to.emplace<std::monostate>();
      return;
    case item_kind::boolean: to.emplace<bool>(in.boolean()); return;
    case item_kind::integer: {
      const integer_item item = in.any_integer();
      const auto small = static_cast<std::int64_t>(item.bits);
      if (item.negative == (small < 0))
        to.emplace<std::int64_t>(small);
      else
        to.emplace<std::uint64_t>(item.bits);
      return;
    }
    case item_kind::real: to.emplace<double>(in.real()); return;
    case item_kind::str: to.emplace<std::string>(in.str()); return;
    case item_kind::bin: {
      const bytes_view data = in.bin();
      to.emplace<bytes>(data.begin(), data.end());
      return;
    }
    case item_kind::array: decode_array(in, to.emplace<value::array>()); return;
    case item_kind::map: decode_value_map(in, to.emplace<value::map>()); return;
    case item_kind::ext: {
      const ext_item item = in.ext();
      to.emplace<value::ext>(item.type, bytes(item.data.begin(), item.data.end()));
      return;
    }
    case item_kind::invalid: break;
  }
  in.fail_expected("a value");
}

}  // namespace tractor::msg
