// SPDX-License-Identifier: Apache-2.0
// expect: is made from its text, or from nothing

#include "tractor/tractor.hpp"

struct jam {
  explicit jam(int tray);
};
TRACTOR_MODULE(m) { mod.error<jam>(); }
