// SPDX-License-Identifier: Apache-2.0
//
// A record in a linker section, to which nothing refers by symbol: what an actor module is to the linker.

#include "module_record.hpp"

namespace {

[[gnu::section("consumer_modules"), gnu::used, gnu::retain]] constinit const consumer::module_record greeter{"greeter"};

}  // namespace
