// SPDX-License-Identifier: Apache-2.0
//
// The root of every error that tractor throws, and the one that carries an errno.
//
// Catch `tractor::error` to catch all of them; ask `category()` how to react. Cancellation is not an error and does not
// derive from it (see sc/cancelled.hpp).

#pragma once

#include <exception>
#include <string>
#include <system_error>

#include "tractor/base/config.hpp"

namespace tractor {

// How a caller can react to an error, not where it came from.
enum class error_category : unsigned char {
  failed,         // the operation did not work; trying the same again will not help by itself
  disconnected,   // the other side went away; a new connection may work
  overloaded,     // a bound was reached: too slow, a buffer full, no descriptors left; less or later may work
  unimplemented,  // the other side, or this build, does not know the thing that was asked for
  protocol,       // the other side broke the protocol, or a value does not fit the type it was declared with
  usage,          // the calling code is wrong
};

[[nodiscard]] TRACTOR_API const char* to_string(error_category category) noexcept;

class TRACTOR_API error : public std::exception {
 public:
  explicit error(std::string message, error_category category = error_category::failed);
  error(const error&);
  error& operator=(const error&);
  ~error() override;

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] error_category category() const noexcept { return category_; }

 private:
  std::string message_;
  error_category category_;
};

// API misuse: what std::logic_error is to the standard library.
class TRACTOR_API usage_error : public error {
 public:
  explicit usage_error(std::string message);
  ~usage_error() override;
};

// A system call failed. `what()` reads "connect(/run/x.sock): No such file or directory [ENOENT]".
class TRACTOR_API os_error : public error {
 public:
  os_error(std::string what_was_tried, int errno_value);
  ~os_error() override;

  [[nodiscard]] int errno_value() const noexcept { return errno_; }
  [[nodiscard]] std::error_code code() const noexcept { return {errno_, std::system_category()}; }

 private:
  int errno_;
};

// "ENOENT" for ENOENT; "errno 4711" for what has no name.
[[nodiscard]] TRACTOR_API std::string errno_name(int errno_value);

}  // namespace tractor
