// SPDX-License-Identifier: Apache-2.0
//
// What encoding, decoding and the protocol can complain about. Every message is one sentence that names the place
// ("pld.items[3].name"), what was expected and what was found.
//
// The place is put together while the error passes through the containers that enclose it, so that it costs nothing while
// all is well.

#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "tractor/base/error.hpp"

namespace tractor::msg {

// Bytes are not msgpack, or do not fit the C++ type, or exceed a bound of decode_limits.
class TRACTOR_API decode_error : public error {
 public:
  decode_error(std::string path, std::string reason);
  ~decode_error() override;

  // "pld.items[3].name"; empty when the outermost value itself is meant and was not given a name.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // "expected str, got int 5"
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::string path_;
  std::string reason_;
};

// A C++ value has no msgpack form: text that is not UTF-8, nesting without end, a frame above its bound.
class TRACTOR_API encode_error : public error {
 public:
  encode_error(std::string path, std::string reason);
  ~encode_error() override;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::string path_;
  std::string reason_;
};

// The peer broke the protocol: a frame above the bound, a body that is none of the messages. The channel is done for.
class TRACTOR_API protocol_error : public error {
 public:
  explicit protocol_error(std::string message);
  ~protocol_error() override;
};

namespace detail {

// Throws the error again as one about the same thing within a field, an element, or the entry with this key. An empty name
// adds nothing.
[[noreturn]] TRACTOR_API void rethrow_in_field(const decode_error& inner, std::string_view name);
// Throws as a decode_error what a codec of the user's threw.
[[noreturn]] TRACTOR_API void throw_foreign(const std::exception& foreign, std::string_view where);
[[noreturn]] TRACTOR_API void rethrow_in_field(const encode_error& inner, std::string_view name);
[[noreturn]] TRACTOR_API void rethrow_in_element(const decode_error& inner, std::size_t index);
[[noreturn]] TRACTOR_API void rethrow_in_element(const encode_error& inner, std::size_t index);
[[noreturn]] TRACTOR_API void rethrow_in_entry(const decode_error& inner, std::string_view key);
[[noreturn]] TRACTOR_API void rethrow_in_entry(const encode_error& inner, std::string_view key);

}  // namespace detail

}  // namespace tractor::msg
