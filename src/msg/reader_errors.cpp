// SPDX-License-Identifier: Apache-2.0
//
// The sentences of reader: everything here ends in a throw.

#include <utility>

#include "literal.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg {

std::string_view kind_name(item_kind kind) noexcept {
  switch (kind) {
    case item_kind::nil: return "nil";
    case item_kind::boolean: return "bool";
    case item_kind::integer: return "int";
    case item_kind::real: return "float";
    case item_kind::str: return "str";
    case item_kind::bin: return "bytes";
    case item_kind::array: return "array";
    case item_kind::map: return "map";
    case item_kind::ext: return "ext";
    case item_kind::invalid: break;
  }
  return "an invalid byte";
}

void reader::fail(std::string reason) { throw decode_error({}, std::move(reason)); }

void reader::fail_size() const {
  fail("the input of " + std::to_string(bytes_left()) + " bytes is above the bound of " + std::to_string(limits_->bytes_max) +
       " (bytes_max)");
}

void reader::fail_expected(std::string_view expected) const { fail_expected_at(at_, expected); }

void reader::fail_expected_at(const std::byte* start, std::string_view expected) const {
  std::string reason = "expected " + std::string(expected);
  if (start == end_)
    reason += ", but the input ends here";
  else
    reason += ", got " + item_description({start, end_});
  fail(std::move(reason));
}

void reader::fail_truncated() const {
  if (at_ == end_) fail("the input ends where a value is expected");
  fail("the input ends within " + std::string(kind_of(*at_) == item_kind::array ? "an " : "a ") + std::string(kind_name(kind_of(*at_))) +
       ", " + std::to_string(bytes_left()) + " bytes after its start");
}

void reader::fail_trailing() const { fail(std::to_string(bytes_left()) + " bytes follow the value"); }

void reader::fail_depth() const { fail("the value nests deeper than " + std::to_string(limits_->depth_max) + " levels (depth_max)"); }

void reader::fail_objects(std::size_t count, std::size_t bytes_each) const {
  fail(std::to_string(count) + " elements of " + std::to_string(bytes_each) +
       " bytes each are more than an input of this size may make (object_bytes_per_input_byte)");
}

void reader::fail_reread() const {
  fail(
      "too much of the input would have to be read again and again to choose among the alternatives of a variant "
      "(reread_bytes_per_input_byte)");
}

void reader::fail_utf8(std::string_view text) {
  std::string reason = "a str is not UTF-8: ";
  detail::append_str_literal(reason, text, detail::text_shown_bytes_max);
  fail(std::move(reason));
}

void reader::fail_range(const std::byte* start, std::int64_t least, std::uint64_t most) const {
  fail_expected_at(start, "int from " + std::to_string(least) + " to " + std::to_string(most));
}

void reader::fail_array_size(const std::byte* start, std::size_t expected) const {
  fail_expected_at(start, "array of " + std::to_string(expected));
}

void reader::fail_count(std::size_t count, const std::byte* content, std::size_t bytes_each_min) const {
  const std::string announced = std::string(bytes_each_min == 1 ? "an array of " : "a map of ") + std::to_string(count);
  if (count > elements_left_ && count * bytes_each_min <= static_cast<std::size_t>(end_ - content))
    fail(announced + " exceeds the bound of " + std::to_string(limits_->elements_max) + " elements in all (elements_max)");
  fail(announced + " is announced, but only " + std::to_string(end_ - content) + " bytes follow");
}

}  // namespace tractor::msg
