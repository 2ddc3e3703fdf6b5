// SPDX-License-Identifier: Apache-2.0
//
// Several errors that happened side by side. A group of one is never thrown: `throw_collapsed` throws the member itself.

#pragma once

#include <exception>
#include <string>
#include <typeinfo>
#include <vector>

#include "tractor/base/error.hpp"

namespace tractor::sc {

class TRACTOR_API exception_group : public error {
 public:
  // `members` holds at least one exception, none of them null. `title` says whose errors they are.
  exception_group(std::string title, std::vector<std::exception_ptr> members);
  exception_group(const exception_group&);
  ~exception_group() override;

  [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept { return members_; }
  [[nodiscard]] const std::string& title() const noexcept { return title_; }

 private:
  std::string title_;
  std::vector<std::exception_ptr> members_;
};

// Throws the only member of `errors`, or a group of them. `errors` is not empty. Single-member groups inside are unwrapped.
[[noreturn]] TRACTOR_API void throw_collapsed(std::string title, std::vector<std::exception_ptr> errors);

// The member itself for a group that (recursively) holds exactly one, else the exception unchanged.
[[nodiscard]] TRACTOR_API std::exception_ptr collapse(std::exception_ptr exception);

// what() of any exception: std::exception, a `cancelled`, or "unknown exception".
[[nodiscard]] TRACTOR_API std::string describe(const std::exception_ptr& exception);

// The C++ type of the exception that `exception` holds, demangled ("std::invalid_argument").
[[nodiscard]] TRACTOR_API std::string type_name_of(const std::exception_ptr& exception);
[[nodiscard]] TRACTOR_API std::string type_name_of(const std::type_info& type);

}  // namespace tractor::sc
