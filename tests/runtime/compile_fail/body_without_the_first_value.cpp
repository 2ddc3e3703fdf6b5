// SPDX-License-Identifier: Apache-2.0
// expect: invoke_result

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<int>& ctx);
TRACTOR_MODULE(m) { mod.def<&count>("count"); }

task<> call(tractor::portal portal) {
#ifdef TRACTOR_WAY_OUT
  co_await portal.open_context<&count>({}, [](auto&, int) -> task<> { co_return; });
#else
  co_await portal.open_context<&count>({}, [](auto&) -> task<> { co_return; });
#endif
}
