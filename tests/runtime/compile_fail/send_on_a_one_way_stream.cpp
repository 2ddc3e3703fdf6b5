// SPDX-License-Identifier: Apache-2.0
// expect: no matching member function for call to 'send'

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

sc::generator<int> ticks();
sc::task<> call(tractor::portal there) {
  co_await there.open_stream_from<&ticks>({}, [](auto& stream) -> sc::task<> { co_await stream.send(1); });
}
