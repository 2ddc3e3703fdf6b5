// SPDX-License-Identifier: Apache-2.0
//
// A tree: the root starts a supervisor, the supervisor starts two leaves and has them compute squares.
//
// Any actor may open a nursery of its own. The leaves are the supervisor's: they are gone before its function returns.

#include <cstdio>
#include <string>
#include <tractor/tractor.hpp>
#include <vector>

namespace sc = tractor::sc;

namespace {

struct squared {
  std::string by;
  int value;
};

sc::task<squared> square(int number) { co_return squared{tractor::current_actor().name(), number * number}; }

sc::task<std::vector<squared>> supervise(std::vector<int> numbers) {
  co_return co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<std::vector<squared>> {
    std::vector<tractor::portal> leaves;
    for (const char* name : {"leaf_0", "leaf_1"}) leaves.push_back(co_await an.start_actor(name, {.enable_modules = {"tree"}}));
    std::vector<squared> results;
    for (std::size_t i = 0; i < numbers.size(); ++i) results.push_back(co_await leaves[i % leaves.size()].run<&square>(numbers[i]));
    co_await an.cancel();
    co_return results;
  });
}

TRACTOR_MODULE(tree) {
  mod.def<&square>("square", "number");
  mod.def<&supervise>("supervise", "numbers");
}

sc::task<> amain() {
  co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
    const auto portal = co_await an.run_in_actor<&supervise>({.name = "supervisor"}, std::vector{1, 2, 3, 4});
    for (const squared& result : co_await portal.wait_for_result<std::vector<squared>>())
      std::printf("%s: %d\n", result.by.c_str(), result.value);
  });
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
