// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/errors.hpp"

#include <utility>

#include "literal.hpp"

namespace tractor::msg {

namespace {

std::string sentence(const std::string& path, const std::string& reason) { return path.empty() ? reason : path + ": " + reason; }

}  // namespace

decode_error::decode_error(std::string path, std::string reason)
    : error(sentence(path, reason), error_category::protocol), path_(std::move(path)), reason_(std::move(reason)) {}
decode_error::~decode_error() = default;

encode_error::encode_error(std::string path, std::string reason)
    : error(sentence(path, reason), error_category::usage), path_(std::move(path)), reason_(std::move(reason)) {}
encode_error::~encode_error() = default;

namespace detail {

namespace {

constexpr std::size_t key_text_bytes_max = 40;

// "name" and "[3].x" make "name[3].x", "name" and "x" make "name.x".
std::string joined(std::string outer, const std::string& inner) {
  if (!inner.empty() && inner.front() != '[') outer += '.';
  return outer + inner;
}

std::string entry_text(std::string_view key) {
  std::string text = "[";
  append_str_literal(text, key, key_text_bytes_max);
  return text + ']';
}

std::string element_text(std::size_t index) { return '[' + std::to_string(index) + ']'; }

}  // namespace

void rethrow_in_field(const decode_error& inner, std::string_view name) {
  if (name.empty()) throw;
  throw decode_error(joined(std::string(name), inner.path()), inner.reason());
}
void rethrow_in_field(const encode_error& inner, std::string_view name) {
  if (name.empty()) throw;
  throw encode_error(joined(std::string(name), inner.path()), inner.reason());
}
void throw_foreign(const std::exception& foreign, std::string_view where) {
  throw decode_error(std::string(where), std::string("cannot be read: ") + foreign.what());
}
void rethrow_in_element(const decode_error& inner, std::size_t index) {
  throw decode_error(joined(element_text(index), inner.path()), inner.reason());
}
void rethrow_in_element(const encode_error& inner, std::size_t index) {
  throw encode_error(joined(element_text(index), inner.path()), inner.reason());
}
void rethrow_in_entry(const decode_error& inner, std::string_view key) {
  throw decode_error(joined(entry_text(key), inner.path()), inner.reason());
}
void rethrow_in_entry(const encode_error& inner, std::string_view key) {
  throw encode_error(joined(entry_text(key), inner.path()), inner.reason());
}

}  // namespace detail

protocol_error::protocol_error(std::string message) : error(std::move(message), error_category::protocol) {}
protocol_error::~protocol_error() = default;

}  // namespace tractor::msg
