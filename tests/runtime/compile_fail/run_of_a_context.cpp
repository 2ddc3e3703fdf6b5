// SPDX-License-Identifier: Apache-2.0
// expect: this function is a context endpoint: open it with open_context
// S-POR-6

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<int> count(tractor::context<int>& ctx);
TRACTOR_MODULE(m) { mod.def<&count>("count"); }

task<> call(tractor::portal portal) { co_await portal.run<&count>(); }
