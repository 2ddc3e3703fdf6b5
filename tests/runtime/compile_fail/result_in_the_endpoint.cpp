// SPDX-License-Identifier: Apache-2.0
// expect: no member named 'wait_for_result'
// S-CTX-22

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<int> count(tractor::context<int>& ctx) { co_return co_await ctx.wait_for_result(); }
