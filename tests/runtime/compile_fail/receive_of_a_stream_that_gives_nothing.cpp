// SPDX-License-Identifier: Apache-2.0
// expect: invalid reference to function 'receive': constraints not satisfied

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<void, int, void>& ctx);
TRACTOR_MODULE(m) { mod.def<&count>("count"); }

task<> call(tractor::portal portal) {
  co_await portal.open_context<&count>(
      {}, [](auto& ctx) -> task<> { co_await ctx.open_stream([](auto& stream) -> task<> { co_await stream.receive(); }); });
}
