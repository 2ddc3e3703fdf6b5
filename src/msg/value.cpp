// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/value.hpp"

#include <algorithm>
#include <bit>
#include <compare>

#include "tractor/msg/errors.hpp"

namespace tractor::msg {

value::value() noexcept = default;
value::value(std::nullptr_t) noexcept {}
value::value(double from) noexcept : storage_(from) {}
value::value(const char* from) : storage_(std::string(from)) {}
value::value(std::string_view from) : storage_(std::string(from)) {}
value::value(std::string from) noexcept : storage_(std::move(from)) {}
value::value(bytes from) noexcept : storage_(std::move(from)) {}
value::value(array from) noexcept : storage_(std::move(from)) {}
value::value(map from) noexcept : storage_(std::move(from)) {}
value::value(ext from) noexcept : storage_(std::move(from)) {}
value::value(std::initializer_list<std::pair<value, value>> entries) : storage_(map(entries)) {}
value::value(const value&) = default;
value::value(value&&) noexcept = default;
value& value::operator=(const value&) = default;
value& value::operator=(value&&) noexcept = default;
value::~value() = default;

item_kind value::kind() const noexcept {
  static constexpr item_kind kinds[] = {item_kind::nil, item_kind::boolean, item_kind::integer, item_kind::integer, item_kind::real,
                                        item_kind::str, item_kind::bin,     item_kind::array,   item_kind::map,     item_kind::ext};
  return kinds[storage_.index()];
}

void value::fail_expected(std::string_view expected) const {
  throw decode_error({}, "expected " + std::string(expected) + ", got " + value_description(*this));
}

bool value::as_bool() const {
  if (const auto* held = get_if<bool>()) return *held;
  fail_expected("bool");
}
std::int64_t value::as_int() const {
  if (const auto* held = get_if<std::int64_t>()) return *held;
  fail_expected(kind() == item_kind::integer ? "int of 64 bits with a sign" : "int");
}
std::uint64_t value::as_uint() const {
  if (const auto* held = get_if<std::uint64_t>()) return *held;
  if (const auto* held = get_if<std::int64_t>(); held != nullptr && *held >= 0) return static_cast<std::uint64_t>(*held);
  fail_expected("int of 64 bits without a sign");
}
double value::as_double() const {
  if (const auto* held = get_if<double>()) return *held;
  if (const auto* held = get_if<std::int64_t>()) return static_cast<double>(*held);
  if (const auto* held = get_if<std::uint64_t>()) return static_cast<double>(*held);
  fail_expected("float");
}
const std::string& value::as_str() const {
  if (const auto* held = get_if<std::string>()) return *held;
  fail_expected("str");
}
const bytes& value::as_bytes() const {
  if (const auto* held = get_if<bytes>()) return *held;
  fail_expected("bytes");
}
const value::array& value::as_array() const {
  if (const auto* held = get_if<array>()) return *held;
  fail_expected("array");
}
const value::map& value::as_map() const {
  if (const auto* held = get_if<map>()) return *held;
  fail_expected("map");
}

std::size_t value::size() const noexcept {
  if (const auto* held = get_if<array>()) return held->size();
  if (const auto* held = get_if<map>()) return held->size();
  return 0;
}

const value& value::at(std::size_t index) const {
  const array& elements = as_array();
  if (index >= elements.size())
    throw decode_error({}, "no element " + std::to_string(index) + " in an array of " + std::to_string(elements.size()));
  return elements[index];
}

const value& value::at(std::string_view key) const {
  if (const value* found = as_map().find(key)) return *found;
  throw decode_error({}, "no key '" + std::string(key) + "' in " + text());
}

const value* value::find(std::string_view key) const noexcept {
  const auto* held = get_if<map>();
  return held == nullptr ? nullptr : held->find(key);
}

namespace {

using entry = std::pair<value, value>;

std::strong_ordering order(const value& a, const value& b);

// Entries in an order that depends on nothing but them.
std::vector<const entry*> sorted(const value::map& entries) {
  std::vector<const entry*> pointers;
  pointers.reserve(entries.size());
  for (const entry& each : entries) pointers.push_back(&each);
  std::ranges::sort(pointers, [](const entry* a, const entry* b) {
    const auto keys = order(a->first, b->first);
    return keys != 0 ? keys < 0 : order(a->second, b->second) < 0;
  });
  return pointers;
}

std::strong_ordering order_maps(const value::map& a, const value::map& b) {
  if (const auto sizes = a.size() <=> b.size(); sizes != 0) return sizes;
  const auto from_a = sorted(a), from_b = sorted(b);
  for (std::size_t i = 0; i < from_a.size(); ++i) {
    if (const auto keys = order(from_a[i]->first, from_b[i]->first); keys != 0) return keys;
    if (const auto values = order(from_a[i]->second, from_b[i]->second); values != 0) return values;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering order_doubles(double a, double b) {
  if (a == b) return std::strong_ordering::equal;  // the two zeros
  return std::strong_order(a, b);
}

// A total order that agrees with equality, but for NaN, which it takes to equal itself.
std::strong_ordering order(const value& a, const value& b) {
  if (a.kind() != b.kind()) return a.kind() <=> b.kind();
  switch (a.kind()) {
    case item_kind::boolean: return a.as_bool() <=> b.as_bool();
    case item_kind::integer: {
      const auto *small_a = a.get_if<std::int64_t>(), *small_b = b.get_if<std::int64_t>();
      if (small_a != nullptr && small_b != nullptr) return *small_a <=> *small_b;
      if (small_a != nullptr) return std::strong_ordering::less;
      if (small_b != nullptr) return std::strong_ordering::greater;
      return a.as_uint() <=> b.as_uint();
    }
    case item_kind::real: return order_doubles(a.as_double(), b.as_double());
    case item_kind::str: return a.as_str() <=> b.as_str();
    case item_kind::bin: return a.as_bytes() <=> b.as_bytes();
    case item_kind::array:
      return std::lexicographical_compare_three_way(a.as_array().begin(), a.as_array().end(), b.as_array().begin(), b.as_array().end(),
                                                    order);
    case item_kind::map: return order_maps(a.as_map(), b.as_map());
    case item_kind::ext: {
      const auto &ext_a = *a.get_if<value::ext>(), &ext_b = *b.get_if<value::ext>();
      if (const auto types = ext_a.type <=> ext_b.type; types != 0) return types;
      return ext_a.data <=> ext_b.data;
    }
    case item_kind::nil:
    case item_kind::invalid: break;
  }
  return std::strong_ordering::equal;
}

bool equal_maps(const value::map& a, const value::map& b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;
  const auto from_a = sorted(a), from_b = sorted(b);
  return std::ranges::equal(from_a, from_b, [](const entry* x, const entry* y) { return *x == *y; });
}

}  // namespace

bool operator==(const value& a, const value& b) {
  if (a.kind() == item_kind::map && b.kind() == item_kind::map) return equal_maps(a.as_map(), b.as_map());
  return a.storage_ == b.storage_;
}

}  // namespace tractor::msg
