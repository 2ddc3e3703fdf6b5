// SPDX-License-Identifier: Apache-2.0
//
// Splits an aggregate into its fields with a structured binding. C++23 has no bindings of variable length, so there is
// one branch for each number of fields; the macros end with this file.

#pragma once

#include <cstddef>
#include <utility>

namespace tractor::msg::detail {

// Binds to everything but a bit-field.
template <class... Fields>
constexpr void take_references(Fields&...) noexcept {}

// What comes back instead when there is one.
struct refused {};

#define TRACTOR_F1 f1
#define TRACTOR_F2 TRACTOR_F1, f2
#define TRACTOR_F3 TRACTOR_F2, f3
#define TRACTOR_F4 TRACTOR_F3, f4
#define TRACTOR_F5 TRACTOR_F4, f5
#define TRACTOR_F6 TRACTOR_F5, f6
#define TRACTOR_F7 TRACTOR_F6, f7
#define TRACTOR_F8 TRACTOR_F7, f8
#define TRACTOR_F9 TRACTOR_F8, f9
#define TRACTOR_F10 TRACTOR_F9, f10
#define TRACTOR_F11 TRACTOR_F10, f11
#define TRACTOR_F12 TRACTOR_F11, f12
#define TRACTOR_F13 TRACTOR_F12, f13
#define TRACTOR_F14 TRACTOR_F13, f14
#define TRACTOR_F15 TRACTOR_F14, f15
#define TRACTOR_F16 TRACTOR_F15, f16
#define TRACTOR_F17 TRACTOR_F16, f17
#define TRACTOR_F18 TRACTOR_F17, f18
#define TRACTOR_F19 TRACTOR_F18, f19
#define TRACTOR_F20 TRACTOR_F19, f20
#define TRACTOR_F21 TRACTOR_F20, f21
#define TRACTOR_F22 TRACTOR_F21, f22
#define TRACTOR_F23 TRACTOR_F22, f23
#define TRACTOR_F24 TRACTOR_F23, f24
#define TRACTOR_F25 TRACTOR_F24, f25
#define TRACTOR_F26 TRACTOR_F25, f26
#define TRACTOR_F27 TRACTOR_F26, f27
#define TRACTOR_F28 TRACTOR_F27, f28
#define TRACTOR_F29 TRACTOR_F28, f29
#define TRACTOR_F30 TRACTOR_F29, f30
#define TRACTOR_F31 TRACTOR_F30, f31
#define TRACTOR_F32 TRACTOR_F31, f32
#define TRACTOR_F33 TRACTOR_F32, f33
#define TRACTOR_F34 TRACTOR_F33, f34
#define TRACTOR_F35 TRACTOR_F34, f35
#define TRACTOR_F36 TRACTOR_F35, f36
#define TRACTOR_F37 TRACTOR_F36, f37
#define TRACTOR_F38 TRACTOR_F37, f38
#define TRACTOR_F39 TRACTOR_F38, f39
#define TRACTOR_F40 TRACTOR_F39, f40
#define TRACTOR_F41 TRACTOR_F40, f41
#define TRACTOR_F42 TRACTOR_F41, f42
#define TRACTOR_F43 TRACTOR_F42, f43
#define TRACTOR_F44 TRACTOR_F43, f44
#define TRACTOR_F45 TRACTOR_F44, f45
#define TRACTOR_F46 TRACTOR_F45, f46
#define TRACTOR_F47 TRACTOR_F46, f47
#define TRACTOR_F48 TRACTOR_F47, f48
#define TRACTOR_F49 TRACTOR_F48, f49
#define TRACTOR_F50 TRACTOR_F49, f50
#define TRACTOR_F51 TRACTOR_F50, f51
#define TRACTOR_F52 TRACTOR_F51, f52
#define TRACTOR_F53 TRACTOR_F52, f53
#define TRACTOR_F54 TRACTOR_F53, f54
#define TRACTOR_F55 TRACTOR_F54, f55
#define TRACTOR_F56 TRACTOR_F55, f56
#define TRACTOR_F57 TRACTOR_F56, f57
#define TRACTOR_F58 TRACTOR_F57, f58
#define TRACTOR_F59 TRACTOR_F58, f59
#define TRACTOR_F60 TRACTOR_F59, f60
#define TRACTOR_F61 TRACTOR_F60, f61
#define TRACTOR_F62 TRACTOR_F61, f62
#define TRACTOR_F63 TRACTOR_F62, f63
#define TRACTOR_F64 TRACTOR_F63, f64
#define TRACTOR_BIND(count)                                                \
  if constexpr (Count == (count)) {                                        \
    auto& [TRACTOR_F##count] = object;                                     \
    if constexpr (requires { detail::take_references(TRACTOR_F##count); }) \
      return std::forward<Visit>(visit)(TRACTOR_F##count);                 \
    else                                                                   \
      return detail::refused{};                                            \
  } else

template <std::size_t Count, class T, class Visit>
constexpr decltype(auto) bind_fields(T& object, Visit&& visit) {
  // clang-format off
  TRACTOR_BIND(1) TRACTOR_BIND(2) TRACTOR_BIND(3) TRACTOR_BIND(4) TRACTOR_BIND(5) TRACTOR_BIND(6) TRACTOR_BIND(7) TRACTOR_BIND(8)
  TRACTOR_BIND(9) TRACTOR_BIND(10) TRACTOR_BIND(11) TRACTOR_BIND(12) TRACTOR_BIND(13) TRACTOR_BIND(14) TRACTOR_BIND(15) TRACTOR_BIND(16)
  TRACTOR_BIND(17) TRACTOR_BIND(18) TRACTOR_BIND(19) TRACTOR_BIND(20) TRACTOR_BIND(21) TRACTOR_BIND(22) TRACTOR_BIND(23) TRACTOR_BIND(24)
  TRACTOR_BIND(25) TRACTOR_BIND(26) TRACTOR_BIND(27) TRACTOR_BIND(28) TRACTOR_BIND(29) TRACTOR_BIND(30) TRACTOR_BIND(31) TRACTOR_BIND(32)
  TRACTOR_BIND(33) TRACTOR_BIND(34) TRACTOR_BIND(35) TRACTOR_BIND(36) TRACTOR_BIND(37) TRACTOR_BIND(38) TRACTOR_BIND(39) TRACTOR_BIND(40)
  TRACTOR_BIND(41) TRACTOR_BIND(42) TRACTOR_BIND(43) TRACTOR_BIND(44) TRACTOR_BIND(45) TRACTOR_BIND(46) TRACTOR_BIND(47) TRACTOR_BIND(48)
  TRACTOR_BIND(49) TRACTOR_BIND(50) TRACTOR_BIND(51) TRACTOR_BIND(52) TRACTOR_BIND(53) TRACTOR_BIND(54) TRACTOR_BIND(55) TRACTOR_BIND(56)
  TRACTOR_BIND(57) TRACTOR_BIND(58) TRACTOR_BIND(59) TRACTOR_BIND(60) TRACTOR_BIND(61) TRACTOR_BIND(62) TRACTOR_BIND(63) TRACTOR_BIND(64)
  // clang-format on
  {
    static_assert(Count == 0);
    return std::forward<Visit>(visit)();
  }
}

#undef TRACTOR_BIND
#undef TRACTOR_F1
#undef TRACTOR_F2
#undef TRACTOR_F3
#undef TRACTOR_F4
#undef TRACTOR_F5
#undef TRACTOR_F6
#undef TRACTOR_F7
#undef TRACTOR_F8
#undef TRACTOR_F9
#undef TRACTOR_F10
#undef TRACTOR_F11
#undef TRACTOR_F12
#undef TRACTOR_F13
#undef TRACTOR_F14
#undef TRACTOR_F15
#undef TRACTOR_F16
#undef TRACTOR_F17
#undef TRACTOR_F18
#undef TRACTOR_F19
#undef TRACTOR_F20
#undef TRACTOR_F21
#undef TRACTOR_F22
#undef TRACTOR_F23
#undef TRACTOR_F24
#undef TRACTOR_F25
#undef TRACTOR_F26
#undef TRACTOR_F27
#undef TRACTOR_F28
#undef TRACTOR_F29
#undef TRACTOR_F30
#undef TRACTOR_F31
#undef TRACTOR_F32
#undef TRACTOR_F33
#undef TRACTOR_F34
#undef TRACTOR_F35
#undef TRACTOR_F36
#undef TRACTOR_F37
#undef TRACTOR_F38
#undef TRACTOR_F39
#undef TRACTOR_F40
#undef TRACTOR_F41
#undef TRACTOR_F42
#undef TRACTOR_F43
#undef TRACTOR_F44
#undef TRACTOR_F45
#undef TRACTOR_F46
#undef TRACTOR_F47
#undef TRACTOR_F48
#undef TRACTOR_F49
#undef TRACTOR_F50
#undef TRACTOR_F51
#undef TRACTOR_F52
#undef TRACTOR_F53
#undef TRACTOR_F54
#undef TRACTOR_F55
#undef TRACTOR_F56
#undef TRACTOR_F57
#undef TRACTOR_F58
#undef TRACTOR_F59
#undef TRACTOR_F60
#undef TRACTOR_F61
#undef TRACTOR_F62
#undef TRACTOR_F63
#undef TRACTOR_F64

}  // namespace tractor::msg::detail
