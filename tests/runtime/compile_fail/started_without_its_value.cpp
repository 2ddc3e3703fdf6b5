// SPDX-License-Identifier: Apache-2.0
// expect: no matching member function for call to 'started'
// S-COD-3

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<int>& ctx) { co_await ctx.started(); }
