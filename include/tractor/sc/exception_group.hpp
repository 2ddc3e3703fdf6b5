// SPDX-License-Identifier: Apache-2.0
//
// Several errors that happened side by side. A group of one is never thrown: `throw_collapsed` throws the member itself.

#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "tractor/base/error.hpp"

namespace tractor::sc {

class TRACTOR_API exception_group : public error {
 public:
  // `members` holds at least one exception, none of them null. `title` says whose errors they are.
  exception_group(std::string title, std::vector<std::exception_ptr> members);
  exception_group(const exception_group&);
  ~exception_group() override;

  [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept { return held_->members; }
  [[nodiscard]] const std::string& title() const noexcept { return held_->title; }
  // Title, number, and type and text of each member. Made when it is first asked for, since that of a member may take long;
  // message() is title and number only.
  [[nodiscard]] const char* what() const noexcept override;
  // The same with other texts for the members.
  [[nodiscard]] std::string text(std::string (*describe)(const std::exception_ptr&)) const;

 private:
  struct contents {
    std::string title;
    std::vector<std::exception_ptr> members;
    mutable std::once_flag rendered{};
    mutable std::string text{};
    contents(std::string t, std::vector<std::exception_ptr> m) : title(std::move(t)), members(std::move(m)) {}
  };
  std::shared_ptr<const contents> held_;  // copies share it
};

// Throws the only member of `errors`, or a group of them. `errors` is not empty. Single-member groups inside are unwrapped.
[[noreturn]] TRACTOR_API void throw_collapsed(std::string title, std::vector<std::exception_ptr> errors);

// The member itself for a group that (recursively) holds exactly one, else the exception unchanged.
[[nodiscard]] TRACTOR_API std::exception_ptr collapse(std::exception_ptr exception);

// what() of any exception: std::exception, a `cancelled`, or "unknown exception".
[[nodiscard]] TRACTOR_API std::string describe(const std::exception_ptr& exception);

// The same without what takes long to find out: message() of a tractor::error, which for a remote error, or a group, is its first line.
[[nodiscard]] TRACTOR_API std::string describe_briefly(const std::exception_ptr& exception);

// The C++ type of the exception that `exception` holds, demangled ("std::invalid_argument").
[[nodiscard]] TRACTOR_API std::string type_name_of(const std::exception_ptr& exception);
[[nodiscard]] TRACTOR_API std::string type_name_of(const std::type_info& type);

}  // namespace tractor::sc
