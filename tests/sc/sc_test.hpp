// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's tests have in common, beside the public test kit.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace sc_test {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;

// Lets every other task run until nothing happens any more at this moment of virtual time.
inline auto settle() { return sc::sleep(1ns); }

// The what() of what `body` throws, "" when it throws nothing that derives from std::exception.
template <class Body>
std::string message_of(Body body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace sc_test
