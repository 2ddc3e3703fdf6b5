// SPDX-License-Identifier: Apache-2.0
// expect: run_in_actor takes a function that returns its result, not a context endpoint
// S-NUR-8

#include "tractor/tractor.hpp"

namespace sc = tractor::sc;

sc::task<> serve(tractor::context<>& ctx);
sc::task<> start(tractor::actor_nursery& an) { co_await an.run_in_actor<&serve>({}); }
