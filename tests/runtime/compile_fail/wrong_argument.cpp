// SPDX-License-Identifier: Apache-2.0
// expect: no matching constructor

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<int> add(int a, int b);
TRACTOR_MODULE(m) { mod.def<&add>("add", "a", "b"); }

task<> call(tractor::portal portal) {
#ifdef TRACTOR_WAY_OUT
  co_await portal.run<&add>(1, 2);
#else
  co_await portal.run<&add>(1, "two");
#endif
}
