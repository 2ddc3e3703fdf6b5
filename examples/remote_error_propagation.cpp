// SPDX-License-Identifier: Apache-2.0
//
// Remote error propagation: three idle actors, and one whose function fails.
//
// One fails, all are cancelled: the error crosses the process boundary, takes the three daemons down, and leaves the nursery as if
// it had been thrown there. This program catches it, prints it, and exits with status 0.

#include <cstdio>
#include <stdexcept>
#include <string>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;

namespace {

sc::task<> assert_err() {
  throw std::invalid_argument("this function always fails");
  co_return;
}

TRACTOR_MODULE(failing) { mod.def<&assert_err>("assert_err"); }

sc::task<> amain() {
  try {
    co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
      for (int i = 0; i < 3; ++i)
        std::printf("%s is idle\n", (co_await an.start_actor("idle_" + std::to_string(i), {.enable_modules = {"failing"}})).name().c_str());
      co_await an.run_in_actor<&assert_err>({.name = "extra"});
    });
  } catch (const tractor::remote_actor_error& error) {
    std::printf("all four are gone; a %s came from '%s':\n%s\n", error.boxed_type_str().c_str(), error.src_uid().name.c_str(),
                error.what());
  }
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
