// SPDX-License-Identifier: Apache-2.0
//
// Calls the module `greeter` of a static archive by name, in an actor. Ends with status 0 when that works, with 3 when the linker
// dropped the module and the error says so.

#include <cstdio>
#include <string>

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

namespace {

sc::task<int> amain() {
  try {
    co_return co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<int> {
      auto portal = co_await an.start_actor("worker", {.enable_modules = {"greeter"}});
      const auto text = co_await portal.run_from_ns<std::string>("greeter", "greet", {{"name", "archive"}});
      co_await portal.cancel_actor();
      std::printf("consumer of tractor %s: %s\n", tractor::library_version(), text.c_str());
      co_return text == "hello archive" ? 0 : 1;
    });
  } catch (const tractor::module_not_exposed& e) {
    std::printf("consumer of tractor %s: %s\n", tractor::library_version(), e.what());
    co_return std::string(e.what()).find("tractor_add_module") != std::string::npos ? 3 : 1;
  }
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
