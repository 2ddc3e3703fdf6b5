// SPDX-License-Identifier: Apache-2.0
// expect: no matching member function for call to 'send'

#include "tractor/tractor.hpp"

using tractor::sc::task;

task<> count(tractor::context<void, int, std::string>& ctx);
TRACTOR_MODULE(m) { mod.def<&count>("count"); }

task<> call(tractor::portal portal) {
  co_await portal.open_context<&count>({}, [](auto& ctx) -> task<> {
    co_await ctx.open_stream([](auto& stream) -> task<> {
#ifdef TRACTOR_WAY_OUT
      co_await stream.send(1);
      const std::string item = co_await stream.receive();
#else
      co_await stream.send("one");
      const std::string item;
#endif
      static_cast<void>(item);
    });
  });
}
