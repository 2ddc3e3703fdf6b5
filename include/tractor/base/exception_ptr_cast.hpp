// SPDX-License-Identifier: Apache-2.0
//
// What an exception_ptr holds, looked at where it lies.
//
//     if (const auto* failed = tractor::exception_ptr_cast<std::system_error>(error)) retry(failed->code());
//
// To throw it again and catch it tells the same, and costs a microsecond a try. The name and the meaning are those of C++26.

#pragma once

#include <exception>
#include <type_traits>
#include <typeinfo>

#include "tractor/base/config.hpp"

namespace tractor {

// The exception itself, of whatever type, where it lies; null for a null `error`. Copies of an exception_ptr have the same.
[[nodiscard]] TRACTOR_API const void* exception_object(const std::exception_ptr& error) noexcept;

namespace detail {
// Where a handler for `type` would find it; null: it would not catch it. Needs libstdc++.
[[nodiscard]] TRACTOR_API const void* find_in_exception(const std::exception_ptr& error, const std::type_info& type) noexcept;
}  // namespace detail

// The exception, when a `catch (const E&)` would take it: an E, or what has E as its only public base of that type. Null for any other,
// and for a null `error`. It lives as long as `error` or a copy of it.
template <class E>
  requires std::is_class_v<E>
[[nodiscard]] const E* exception_ptr_cast(const std::exception_ptr& error) noexcept {
  return static_cast<const E*>(detail::find_in_exception(error, typeid(E)));
}

// Of a temporary nothing would be left to point at.
template <class E>
const E* exception_ptr_cast(std::exception_ptr&& error) = delete;

}  // namespace tractor
