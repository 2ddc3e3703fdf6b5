// SPDX-License-Identifier: Apache-2.0
// expect: a generator yields what it gives and takes no context
// Reference: owaystr::test_must_define_ctx.

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

sc::generator<int> ticks(tractor::context<>& ctx);
TRACTOR_MODULE(m) { mod.def<&ticks>("ticks"); }
