// SPDX-License-Identifier: Apache-2.0
// expect: an endpoint takes its context by reference
// S-CTX-1

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<int> ctx);
TRACTOR_MODULE(m) { mod.def<&count>("count"); }
