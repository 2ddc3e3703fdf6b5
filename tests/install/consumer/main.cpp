// SPDX-License-Identifier: Apache-2.0
//
// What a user's program does with the library, however it found it: compile against the headers, call into the library,
// catch what it throws. Prints one line that the install tests look for.

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tractor/base/fd.hpp"
#include "tractor/version.hpp"

int main() {
  if (std::strcmp(tractor::library_version(), TRACTOR_VERSION) != 0) {
    std::fprintf(stderr, "headers are %s, the library is %s\n", TRACTOR_VERSION, tractor::library_version());
    return 1;
  }
  try {
    tractor::check_syscall(::open("/nonexistent", O_RDONLY | O_CLOEXEC), "open(/nonexistent)");
  } catch (const tractor::os_error& e) {
    if (e.errno_value() != ENOENT) return 1;
    std::printf("consumer of tractor %s: %s\n", TRACTOR_VERSION, e.what());
    return 0;
  }
  return 1;
}
