// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/exception_ptr_cast.hpp"

#include <cstring>

namespace tractor {

const void* detail::find_in_exception(const std::exception_ptr& error, const std::type_info& type) noexcept {
  if (!error) return nullptr;
  // libstdc++'s exception_ptr is a pointer to the exception, and nothing else; that of the exception that was thrown first, however often
  // it was thrown again.
  static_assert(sizeof error == sizeof(void*));
  void* object = nullptr;
  std::memcpy(&object, &error, sizeof object);
  // What the personality routine asks of each handler; it leads to the base where there is one.
  return type.__do_catch(error.__cxa_exception_type(), &object, 1) ? object : nullptr;
}

}  // namespace tractor
