// SPDX-License-Identifier: Apache-2.0
//
// What a user's program does with the library, however it found it: start an actor, call it, catch what it throws. Prints one
// line that the install tests look for.

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

namespace {

sc::task<int> add(int a, int b) { co_return a + b; }
sc::task<> refuse(std::string why) {
  throw std::invalid_argument(why);
  co_return;
}

TRACTOR_MODULE(calculator) {
  mod.def<&add>("add", "a", "b");
  mod.def<&refuse>("refuse", "why");
}

sc::task<int> amain() {
  if (std::strcmp(tractor::library_version(), TRACTOR_VERSION) != 0) {
    std::fprintf(stderr, "headers are %s, the library is %s\n", TRACTOR_VERSION, tractor::library_version());
    co_return 1;
  }
  co_return co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<int> {
    auto portal = co_await an.start_actor("worker", {.enable_modules = {"calculator"}});
    const int three = co_await portal.run<&add>(1, 2);
    std::string refused;
    try {
      co_await portal.run<&refuse>("no");
    } catch (const tractor::remote_actor_error& e) {
      refused = e.src_type_str();
    }
    co_await portal.cancel_actor();
    std::printf("consumer of tractor %s: 1 + 2 is %d, refused with %s\n", TRACTOR_VERSION, three, refused.c_str());
    co_return three == 3 && refused == "ValueError" ? 0 : 1;
  });
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
