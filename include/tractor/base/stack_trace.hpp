// SPDX-License-Identifier: Apache-2.0
//
// What the addresses of a stack are called.
//
//     void* addresses[64];
//     const int count = ::backtrace(addresses, 64);
//     for (const auto& frame : tractor::symbolise({addresses, static_cast<std::size_t>(count)})) puts(to_text(frame).c_str());
//
// To take a stack is cheap, to name it is not: milliseconds, and memory for the debug information. Names of all functions, files and
// lines need libdw.so.1 (elfutils; Debian: libdw1), which is loaded at the first call; without it, or without debug information
// in the program, what the dynamic symbols tell. Nothing is fetched over a network, whatever DEBUGINFOD_URLS says.

#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tractor/base/config.hpp"

namespace tractor {

struct stack_frame {
  const void* address = nullptr;
  std::string function = {};  // demangled; empty: not known
  std::string file = {};      // of the source; empty: not known
  unsigned line = 0;          // in that file
  std::string module = {};    // the program or shared library; empty: the address lies in none
  std::uintptr_t offset = 0;  // in the module, of the call: what addr2line and llvm-symbolizer take
};

// An address that has a meaning in other processes too: what debuggers and addr2line take.
struct code_place {
  std::string module{};      // the file of the program or shared library; empty: the address lies in none
  std::uint64_t offset = 0;  // in it, as its own tables count; without a module, the address
  std::uint64_t build = 0;   // tells builds of that file apart: a hash of its program headers; 0: not known
  friend auto operator<=>(const code_place&, const code_place&) = default;
};

// In the order of `addresses`, one for each; no symbols are read. For any thread. Throws std::bad_alloc only.
[[nodiscard]] TRACTOR_API std::vector<code_place> code_places(std::span<void* const> addresses);

// In the order of `addresses`, one for each. All are taken for return addresses but the first when `first_is_exact`: it is where a signal
// stopped the thread. For any thread; one call at a time does the work.
[[nodiscard]] TRACTOR_API std::vector<stack_frame> symbolise(std::span<void* const> addresses, bool first_is_exact = false);

// The same of return addresses that another process may have taken. Of a module that this process has not loaded, or of which it has
// another build, module and offset are all that is told. What was asked before is remembered.
[[nodiscard]] TRACTOR_API std::vector<stack_frame> symbolise_places(std::span<const code_place> places);

// "parse(char const*) at parser.cpp:12", "parse(char const*) in libparser.so+0x1234", or "libparser.so+0x1234".
[[nodiscard]] TRACTOR_API std::string to_text(const stack_frame& frame);

}  // namespace tractor
