// SPDX-License-Identifier: Apache-2.0
//
// Causality: start one actor that runs one function, and get the result.
//
// The actor cannot outlive the block that started it, and the block cannot be left before the function has returned: what comes after
// the block comes after everything in it, in all processes.

#include <cstdio>
#include <string>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;

namespace {

sc::task<std::string> cellar_door(std::string greeting) {
  co_return greeting + " from " + tractor::current_actor().name() + ": Dang that's beautiful";
}

TRACTOR_MODULE(phrases) { mod.def<&cellar_door>("cellar_door", "greeting"); }

sc::task<> amain() {
  co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
    const auto portal = co_await an.run_in_actor<&cellar_door>({.name = "some_linguist"}, "Hello");
    std::printf("%s\n", (co_await portal.wait_for_result<std::string>()).c_str());
  });
  std::puts("the actor is gone");
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
