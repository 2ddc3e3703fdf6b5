// SPDX-License-Identifier: Apache-2.0
//
// A program that has threads before main cannot be forked: its fork server says so and ends.

#include <csignal>
#include <cstdlib>
#include <thread>

#include "process_test.hpp"
#include "tractor/base/error.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

constexpr const char* early_thread_variable = "TRACTOR_TEST_EARLY_THREAD";

// As a logger may start one, where the environment asks for it.
const bool early_thread = [] {
  if (std::getenv(early_thread_variable) == nullptr) return false;
  std::thread([] {
    for (;;) ::pause();
  }).detach();
  return true;
}();

class early_thread_test : public process_test {
 protected:
  void SetUp() override {
    process_test::SetUp();
    ::setenv(early_thread_variable, "1", 1);
  }
  void TearDown() override {
    ::unsetenv(early_thread_variable);
    process_test::TearDown();
  }
};

TEST_F(early_thread_test, request_fails_with_the_servers_reason_and_the_next_one_at_once) {
  EXPECT_FALSE(early_thread);
  requester parent;
  const auto asked = parent.server.request({.name = "x"});

  const auto failed = parent.await_event<failed_event>(asked.ticket);

  EXPECT_EQ(ENOSYS, failed.errno_value);
  EXPECT_EQ("the fork server has threads that were started before main began; use the start method exec", failed.text);
  try {
    static_cast<void>(parent.server.request({.name = "x"}));
    ADD_FAILURE() << "no error";
  } catch (const tractor::os_error& refused) {
    EXPECT_EQ(ENOSYS, refused.errno_value());
    EXPECT_NE(std::string::npos, std::string(refused.what()).find(failed.text)) << refused.what();
  }
}

TEST_F(early_thread_test, executed_actor_has_the_thread_and_ends) {
  requester parent;
  started_child child = parent.start(start_method::exec, "hello");

  EXPECT_EQ("hello", read_line(child.ends.link.get()));

  child.ends.link.reset();
  EXPECT_TRUE(parent.await_death(child).clean());
}

}  // namespace
