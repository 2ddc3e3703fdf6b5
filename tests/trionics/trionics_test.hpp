// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this layer have in common, beside the public test kit.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "tractor/sc/sc.hpp"
#include "tractor/testing/test.hpp"

namespace trionics_test {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Lets every other task run until nothing happens any more at this moment of virtual time.
inline auto settle() { return sc::sleep(1ns); }

inline sc::duration since_start() { return sc::current_time().time_since_epoch(); }

template <class Body>
task<> without_value(Body& body) {
  if constexpr (std::is_void_v<typename decltype(body())::value_type>) {
    co_await body();
  } else {
    static_cast<void>(co_await body());
  }
}

// What `body()`, a task, throws; null for nothing. Cancels go through.
template <class Body>
[[nodiscard]] task<std::exception_ptr> caught(Body body) {
  std::exception_ptr error;
  try {
    co_await without_value(body);
  } catch (const sc::cancelled&) {
    throw;
  } catch (...) {
    error = std::current_exception();
  }
  co_return error;
}

// The text of an error, its type first.
[[nodiscard]] inline std::string text_of(const std::exception_ptr& error) {
  return error ? sc::type_name_of(error) + ": " + sc::describe(error) : "nothing";
}

}  // namespace trionics_test
