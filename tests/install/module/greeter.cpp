// SPDX-License-Identifier: Apache-2.0
//
// A module in a static archive, to which nothing refers by symbol.

#include <string>

#include "tractor/tractor.hpp"

namespace {

tractor::sc::task<std::string> greet(std::string name) { co_return "hello " + name; }

TRACTOR_MODULE(greeter) { mod.def<&greet>("greet", "name"); }

}  // namespace
