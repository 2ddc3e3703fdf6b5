// SPDX-License-Identifier: Apache-2.0
//
// For types that cannot be reflected, or whose fields or enumerators shall travel under names: a list of them, beside the
// type, in its namespace.
//
//     class account { … TRACTOR_DESCRIBE_PRIVATE(account, owner_, balance_) };      // within the class: private members, too
//     struct employee : person { int salary; };
//     TRACTOR_DESCRIBE(employee, name, salary)                                      // members of bases by their names
//     enum class colour { red, green };
//     TRACTOR_DESCRIBE_ENUM(colour, red, green)                                     // travels as "red", "green"
//
// Up to 64 names. For other names on the wire write the function yourself:
//
//     constexpr auto tractor_describe(const account*) { return tractor::msg::description<&account::owner_>{{"owner"}}; }

#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "tractor/msg/reflect.hpp"

#define TRACTOR_DESCRIBE_PARENS ()
#define TRACTOR_DESCRIBE_SCAN4(...) TRACTOR_DESCRIBE_SCAN3(TRACTOR_DESCRIBE_SCAN3(TRACTOR_DESCRIBE_SCAN3(__VA_ARGS__)))
#define TRACTOR_DESCRIBE_SCAN3(...) TRACTOR_DESCRIBE_SCAN2(TRACTOR_DESCRIBE_SCAN2(TRACTOR_DESCRIBE_SCAN2(__VA_ARGS__)))
#define TRACTOR_DESCRIBE_SCAN2(...) TRACTOR_DESCRIBE_SCAN1(TRACTOR_DESCRIBE_SCAN1(TRACTOR_DESCRIBE_SCAN1(__VA_ARGS__)))
#define TRACTOR_DESCRIBE_SCAN1(...) __VA_ARGS__
#define TRACTOR_DESCRIBE_EACH(macro, type, ...) __VA_OPT__(TRACTOR_DESCRIBE_SCAN4(TRACTOR_DESCRIBE_STEP(macro, type, __VA_ARGS__)))
#define TRACTOR_DESCRIBE_STEP(macro, type, name, ...) \
  macro(type, name) __VA_OPT__(, TRACTOR_DESCRIBE_AGAIN TRACTOR_DESCRIBE_PARENS(macro, type, __VA_ARGS__))
#define TRACTOR_DESCRIBE_AGAIN() TRACTOR_DESCRIBE_STEP
#define TRACTOR_DESCRIBE_MEMBER(type, name) &type::name
#define TRACTOR_DESCRIBE_NAME(type, name) #name
#define TRACTOR_DESCRIBE_ENUMERATOR(type, name) {#name, type::name}

#define TRACTOR_DESCRIBE_BODY(type, ...)                                                                   \
  constexpr auto tractor_describe(const type*) {                                                           \
    return ::tractor::msg::description<TRACTOR_DESCRIBE_EACH(TRACTOR_DESCRIBE_MEMBER, type, __VA_ARGS__)>{ \
        {TRACTOR_DESCRIBE_EACH(TRACTOR_DESCRIBE_NAME, type, __VA_ARGS__)}};                                \
  }

#define TRACTOR_DESCRIBE(type, ...) [[maybe_unused]] TRACTOR_DESCRIBE_BODY(type, __VA_ARGS__)
#define TRACTOR_DESCRIBE_PRIVATE(type, ...) friend TRACTOR_DESCRIBE_BODY(type, __VA_ARGS__)

#define TRACTOR_DESCRIBE_ENUM(type, ...)                                                                                             \
  [[maybe_unused]] constexpr auto tractor_describe_enum(type) {                                                                      \
    return std::to_array<::tractor::msg::enumerator<type>>({TRACTOR_DESCRIBE_EACH(TRACTOR_DESCRIBE_ENUMERATOR, type, __VA_ARGS__)}); \
  }

namespace tractor::msg {

template <class Enum>
struct enumerator {
  std::string_view name;
  Enum value;
};

template <class Enum>
concept described_enum = std::is_enum_v<Enum> && requires(Enum none) { tractor_describe_enum(none); };

template <described_enum Enum>
inline constexpr auto enumerators = tractor_describe_enum(Enum{});

}  // namespace tractor::msg
