// SPDX-License-Identifier: Apache-2.0

#include "quick_end.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include "fork_path.hpp"
#include "tractor/base/fd.hpp"

// Defined in programs whose leaks are checked, whose races are detected, or whose coverage is measured: all report from an
// exit handler that was registered before the first line of main.
extern "C" {
[[gnu::weak]] void __lsan_do_leak_check();      // NOLINT(bugprone-reserved-identifier)
[[gnu::weak]] void __tsan_acquire(void*);       // NOLINT(bugprone-reserved-identifier)
[[gnu::weak]] int __llvm_profile_write_file();  // NOLINT(bugprone-reserved-identifier): of the compiler's runtime
[[gnu::weak]] void __gcov_dump();               // NOLINT(bugprone-reserved-identifier)
}

namespace tractor::spawn::detail {

// std::cout and the like under their linkage names: <iostream> would put a static initialiser into the library.
extern TRACTOR_API std::ostream standard_out __asm__("_ZSt4cout");
extern TRACTOR_API std::ostream standard_log __asm__("_ZSt4clog");
extern TRACTOR_API std::wostream wide_standard_out __asm__("_ZSt5wcout");
extern TRACTOR_API std::wostream wide_standard_log __asm__("_ZSt5wclog");

namespace {

bool reports_at_exit() noexcept { return __lsan_do_leak_check || __tsan_acquire || __llvm_profile_write_file || __gcov_dump; }

struct stream_buffers {
  const void *out, *log, *wide_out, *wide_log;
  bool operator==(const stream_buffers&) const = default;
};

// Where nothing in the program includes <iostream>, the streams are never constructed: zero bytes, without a virtual table.
TRACTOR_FORK_PATH bool streams_exist() noexcept { return *reinterpret_cast<const std::uintptr_t*>(&standard_out) != 0; }

TRACTOR_FORK_PATH stream_buffers current_buffers() {
  return {standard_out.rdbuf(), standard_log.rdbuf(), wide_standard_out.rdbuf(), wide_standard_log.rdbuf()};
}

// Written in the fork server before it forks.
constinit stream_buffers synchronised_buffers{};

// Handlers run in reverse order: this one after all that were registered later, before all that were registered earlier.
TRACTOR_FORK_PATH void end_now(int status, void*) {
  // Synchronised with stdio, the standard streams buffer nothing; otherwise they have other buffer objects. Comparing those touches
  // no page that the process does not have yet.
  if (streams_exist() && current_buffers() != synchronised_buffers) {
    standard_out.flush();
    standard_log.flush();
    wide_standard_out.flush();
    wide_standard_log.flush();
  }
  std::fflush(nullptr);
  ::_exit(status);
}

}  // namespace

void end_quickly_at_exit() {
  if (reports_at_exit()) return;
  // Asking with `true` changes nothing in libstdc++.
  if (streams_exist() && std::ios_base::sync_with_stdio(true)) synchronised_buffers = current_buffers();
  if (::on_exit(end_now, nullptr) != 0) throw_os_error("on_exit", errno);
}

}  // namespace tractor::spawn::detail
