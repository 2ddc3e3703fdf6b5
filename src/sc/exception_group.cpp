// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/exception_group.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/sc/cancelled.hpp"

namespace tractor::sc {

namespace {

std::string heading(const std::string& title, std::size_t members) {
  return title + " (" + std::to_string(members) + (members == 1 ? " error)" : " errors)");
}

}  // namespace

exception_group::exception_group(std::string title, std::vector<std::exception_ptr> members)
    : error(heading(title, members.size())), held_(std::make_shared<const contents>(std::move(title), std::move(members))) {}
exception_group::exception_group(const exception_group&) = default;
exception_group::~exception_group() = default;

std::string exception_group::text(std::string (*describe)(const std::exception_ptr&)) const {
  std::string made = message();
  for (const auto& member : exceptions()) {
    made += "\n  - ";
    for (const char c : type_name_of(member) + ": " + describe(member)) {
      made += c;
      if (c == '\n') made += "    ";
    }
  }
  return made;
}

const char* exception_group::what() const noexcept {
  try {
    std::call_once(held_->rendered, [this] { held_->text = text(&sc::describe); });
    return held_->text.c_str();
  } catch (...) {
    return message().c_str();  // memory is short
  }
}

std::exception_ptr collapse(std::exception_ptr exception) {
  for (;;) {
    const auto* const group = exception_ptr_cast<exception_group>(exception);
    if (group == nullptr || group->exceptions().size() != 1) return exception;
    exception = std::exception_ptr(group->exceptions().front());
  }
}

void throw_collapsed(std::string title, std::vector<std::exception_ptr> errors) {
  if (errors.size() == 1) std::rethrow_exception(collapse(errors.front()));
  for (auto& member : errors) member = collapse(member);
  throw exception_group(std::move(title), std::move(errors));
}

std::string describe(const std::exception_ptr& exception) {
  if (!exception) return "no exception";
  if (const auto* const known = exception_ptr_cast<std::exception>(exception)) return known->what();
  if (const auto* const cancel = exception_ptr_cast<cancelled>(exception)) return cancel->what();
  return "unknown exception";
}

std::string describe_briefly(const std::exception_ptr& exception) {
  const auto* const known = exception_ptr_cast<error>(exception);
  return known != nullptr ? known->message() : describe(exception);
}

std::string type_name_of(const std::exception_ptr& exception) {
  const std::type_info* type = exception ? exception.__cxa_exception_type() : nullptr;
  return type != nullptr ? type_name_of(*type) : "no exception";
}

std::string type_name_of(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 && name ? name.get() : type.name();
}

}  // namespace tractor::sc
