// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"
#include "victim.hpp"

#include <tractor/tractor.hpp>

#include <unistd.h>

#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  // The floor of the exec backend is this very program saying hello before it does anything else.
  if (argc == 3 && std::strcmp(argv[1], "--hello-fd") == 0) return ::write(std::atoi(argv[2]), "h", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
  // The rows' actors, and their fork server, are this program too.
  tractor::child_entry(argc, argv);
  if (bench::is_victim(argc, argv)) return bench::victim_main(argv);
  return bench::harness_main(argc, argv);
}
