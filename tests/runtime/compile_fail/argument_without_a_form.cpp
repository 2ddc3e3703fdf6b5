// SPDX-License-Identifier: Apache-2.0
// expect: this type has no msgpack form

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(int* from);
TRACTOR_MODULE(m) { mod.def<&count>("count", "from"); }
