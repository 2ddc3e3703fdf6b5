// SPDX-License-Identifier: Apache-2.0
//
// Bidirectional streaming: ten pings to another actor, ten pongs back, then the count as the result.
//
// The types of the dialog stand in the endpoint's signature: context<what started() hands over, what it receives, what it sends>.

#include <cstdio>
#include <string>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;

namespace {

struct ping {
  int number;
};
struct pong {
  std::string text;
};

sc::task<int> answer_pings(tractor::context<std::string, ping, pong>& ctx, std::string prefix) {
  co_await ctx.started(tractor::current_actor().name() + " is ready");
  int answered = 0;
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (const auto received = co_await stream.next()) {  // nullopt: the other side has closed its stream
      co_await stream.send(pong{prefix + std::to_string(received->number)});
      ++answered;
    }
  });
  co_return answered;
}

TRACTOR_MODULE(echo) { mod.def<&answer_pings>("answer_pings", "prefix"); }

sc::task<> amain() {
  co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
    const auto portal = co_await an.start_actor("echoer", {.enable_modules = {"echo"}});
    const auto answered = co_await portal.open_context<&answer_pings>({"pong "}, [](auto& ctx, std::string first) -> sc::task<> {
      std::printf("%s\n", first.c_str());
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        for (int i = 0; i < 10; ++i) {
          co_await stream.send(ping{i});
          std::printf("ping %d, %s\n", i, (co_await stream.receive()).text.c_str());
        }
      });
    });
    std::printf("%d pings were answered\n", answered.value());
    co_await portal.cancel_actor();
  });
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
