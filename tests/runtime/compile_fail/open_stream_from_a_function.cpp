// SPDX-License-Identifier: Apache-2.0
// expect: this function is no generator

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

sc::task<int> add(int a, int b);
sc::task<> call(tractor::portal there) {
  co_await there.open_stream_from<&add>({1, 2}, [](auto&) -> sc::task<> { co_return; });
}
