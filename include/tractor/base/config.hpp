// SPDX-License-Identifier: Apache-2.0
//
// Compiler requirements, symbol visibility and the always-on assertion.

#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#error "tractor-cpp: GCC before 14 destroys temporaries of a co_await expression twice. Use clang 19 (Debian: clang-19)."
#endif
#if defined(__clang__) && __clang_major__ < 19
#error "tractor-cpp needs clang 19 or newer (Debian: clang-19)."
#endif
#if __cplusplus < 202302L
#error "tractor-cpp needs C++23: -std=c++23, or link the CMake target tractor::tractor, which says so."
#endif

// Marks what the shared library exports. Everything else is compiled with hidden visibility.
#define TRACTOR_API __attribute__((visibility("default")))

#if defined(__SANITIZE_ADDRESS__)
#define TRACTOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACTOR_ASAN 1
#endif
#endif

namespace tractor {

// Prints the broken invariant with its place to stderr and aborts the process.
[[noreturn]] TRACTOR_API void assertion_failed(const char* expression, const char* file, int line, const char* why) noexcept;

}  // namespace tractor

// Checked in every build: an invariant of the runtime that does not hold must never be carried on with.
#define TRACTOR_ASSERT(expression, why)                                         \
  (__builtin_expect(static_cast<bool>(expression), true) ? static_cast<void>(0) \
                                                         : ::tractor::assertion_failed(#expression, __FILE__, __LINE__, why))
