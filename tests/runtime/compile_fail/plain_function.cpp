// SPDX-License-Identifier: Apache-2.0
// expect: an endpoint is a plain function that returns sc::task<T>
// S-POR-2, S-CTX-1

#include "tractor/tractor.hpp"

using tractor::sc::task;

int count(int from);
TRACTOR_MODULE(m) { mod.def<&count>("count", "from"); }
