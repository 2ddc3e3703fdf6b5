// SPDX-License-Identifier: Apache-2.0
//
// A worker pool: numbers are tested for being prime, each by the next worker actor that is free.
//
// A pool is a nursery of actors, one a core, and a channel that holds the portals of the idle ones.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <tractor/base/cpus.hpp>
#include <tractor/sc/memory_channel.hpp>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;

namespace {

constexpr std::array<std::int64_t, 6> candidates{112272535095293, 112582705942171, 112272535095293,
                                                 115280095190773, 115797848077099, 1099726899285419};

// Synchronous work: it blocks its own actor, and nobody else.
sc::task<bool> is_prime(std::int64_t number) {
  if (number < 2 || (number % 2 == 0 && number != 2)) co_return false;
  for (std::int64_t divisor = 3; divisor * divisor <= number; divisor += 2)
    if (number % divisor == 0) co_return false;
  co_return true;
}

TRACTOR_MODULE(primes) { mod.def<&is_prime>("is_prime", "number"); }

// Calls `use(item, result)` for each item, in the order in which the results come.
template <auto Function, class Items, class Use>
sc::task<> map_over_workers(const Items& items, Use use) {
  const std::size_t workers = tractor::usable_cpus();
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    auto [free_again, free_workers] = sc::open_memory_channel<tractor::portal>(workers);
    for (std::size_t i = 0; i < workers; ++i)
      co_await free_again.send(co_await an.start_actor("worker_" + std::to_string(i), {.enable_modules = {"primes"}}));
    co_await sc::open_nursery([&](sc::nursery& calls) -> sc::task<> {
      for (const auto& item : items) {
        calls.start_soon([&, worker = co_await free_workers.receive()]() -> sc::task<> {
          use(item, co_await worker.template run<Function>(item));
          co_await free_again.send(worker);
        });
      }
    });
    co_await an.cancel();
  });
}

sc::task<> amain() {
  const auto begin = sc::current_time();
  co_await map_over_workers<&is_prime>(candidates, [](std::int64_t number, bool prime) {
    std::printf("%lld is %s\n", static_cast<long long>(number), prime ? "prime" : "not prime");
  });
  const std::chrono::duration<double> took = sc::current_time() - begin;
  std::printf("took %.2f s\n", took.count());
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
