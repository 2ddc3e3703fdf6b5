// SPDX-License-Identifier: Apache-2.0
// expect: no viable conversion

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<int> add(int a, int b);
TRACTOR_MODULE(m) { mod.def<&add>("add", "a", "b"); }

task<> call(tractor::portal portal) {
#ifdef TRACTOR_WAY_OUT
  const int sum = co_await portal.run<&add>(1, 2);
#else
  const std::string sum = co_await portal.run<&add>(1, 2);
#endif
  static_cast<void>(sum);
}
