// SPDX-License-Identifier: Apache-2.0
//
// Ends with status 0 when the module `greeter` of a static archive is in the program, with 3 when the linker dropped it.

#include <cstdio>
#include <cstring>

#include "module_record.hpp"
#include "tractor/version.hpp"

// The linker defines both when the section is there.
extern "C" {
[[gnu::weak]] extern const consumer::module_record __start_consumer_modules;
[[gnu::weak]] extern const consumer::module_record __stop_consumer_modules;
}

int main() {
  std::printf("consumer of tractor %s, modules:", tractor::library_version());
  bool found = false;
  for (const auto* record = &__start_consumer_modules; record != &__stop_consumer_modules; ++record) {
    std::printf(" %s", record->name);
    found = found || std::strcmp(record->name, "greeter") == 0;
  }
  std::printf("\n");
  return found ? 0 : 3;
}
