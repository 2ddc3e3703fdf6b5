// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/exception_ptr_cast.hpp"

#include <cstring>

namespace tractor {

const void* exception_object(const std::exception_ptr& error) noexcept {
  // libstdc++'s exception_ptr is a pointer to the exception, and nothing else; that of the exception that was thrown first, however often
  // it was thrown again.
  static_assert(sizeof error == sizeof(void*));
  const void* object = nullptr;
  std::memcpy(static_cast<void*>(&object), static_cast<const void*>(&error), sizeof object);
  return object;
}

const void* detail::find_in_exception(const std::exception_ptr& error, const std::type_info& type) noexcept {
  if (!error) return nullptr;
  void* object = const_cast<void*>(exception_object(error));
  // What the personality routine asks of each handler; it leads to the base where there is one.
  return type.__do_catch(error.__cxa_exception_type(), &object, 1) ? object : nullptr;
}

}  // namespace tractor
