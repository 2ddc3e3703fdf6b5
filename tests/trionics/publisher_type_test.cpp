// SPDX-License-Identifier: Apache-2.0
//
// What is a publisher, and what is none.

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tractor/trionics/publisher.hpp"

namespace {

namespace sc = tractor::sc;
using tractor::trionics::live_topics;

using packet = std::map<std::string, int>;

template <class Function>
constexpr bool is_publisher = tractor::trionics::detail::publisher_traits<Function*>::is_publisher;

// S-PUB-1, S-PBX-1: what is no publisher does not compile.
// Reference: pub::test_type_checks.
TEST(publisher_type, is_a_generator_of_values_by_topic_that_takes_the_live_topics) {
  static_assert(is_publisher<sc::generator<packet>(live_topics)>);
  static_assert(is_publisher<sc::generator<packet>(live_topics, int)>);
  static_assert(!is_publisher<sc::generator<packet>(int)>, "without live_topics");
  static_assert(!is_publisher<sc::generator<packet>()>, "without anything");
  static_assert(!is_publisher<sc::generator<int>(live_topics)>, "what it yields says no topics");
  static_assert(!is_publisher<sc::task<packet>(live_topics)>, "no generator");
}

}  // namespace
