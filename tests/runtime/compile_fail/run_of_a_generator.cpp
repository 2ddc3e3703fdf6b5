// SPDX-License-Identifier: Apache-2.0
// expect: this function is a generator: open it with open_stream_from
// S-POR-2

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

sc::generator<int> ticks();
sc::task<> call(tractor::portal there) { co_await there.run<&ticks>(); }
