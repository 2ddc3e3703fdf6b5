// SPDX-License-Identifier: Apache-2.0
// expect: an endpoint's arguments are values or const references: they come over a wire

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(int& into);
TRACTOR_MODULE(m) { mod.def<&count>("count", "into"); }
