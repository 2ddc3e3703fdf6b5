// SPDX-License-Identifier: Apache-2.0
// expect: this function is no context endpoint: call it with run
// S-CTX-1, S-CTX-7

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<int> add(int a, int b);
TRACTOR_MODULE(m) { mod.def<&add>("add", "a", "b"); }

task<> call(tractor::portal portal) {
  co_await portal.open_context<&add>({1, 2}, [](auto&) -> task<> { co_return; });
}
