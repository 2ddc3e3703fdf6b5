// SPDX-License-Identifier: Apache-2.0
// expect: no matching member function for call to 'started'

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<int>& ctx) {
#ifdef TRACTOR_WAY_OUT
  co_await ctx.started(1);
#else
  co_await ctx.started("one");
#endif
}
