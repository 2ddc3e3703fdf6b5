// SPDX-License-Identifier: Apache-2.0
//
// A daemon: an actor that serves calls until it is told to stop.
//
// Leaving the nursery waits for its actors, a daemon's end included: somebody must cancel it, here its only client.

#include <cstdio>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;

namespace {

int calls_served = 0;  // the daemon's own: the root's copy stays at zero

sc::task<int> movie_theatre_question() { co_return ++calls_served; }

TRACTOR_MODULE(theatre) { mod.def<&movie_theatre_question>("movie_theatre_question"); }

sc::task<> amain() {
  co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
    const auto portal = co_await an.start_actor("frank", {.enable_modules = {"theatre"}});
    std::printf("have you ever been in a theatre? asked %d time(s)\n", co_await portal.run<&movie_theatre_question>());
    std::printf("have you ever been in a theatre? asked %d time(s)\n", co_await portal.run<&movie_theatre_question>());
    const bool acknowledged = co_await portal.cancel_actor();
    std::printf("frank was cancelled: %s\n", acknowledged ? "acknowledged" : "not acknowledged");
  });
  std::printf("the root itself served %d calls\n", calls_served);
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
