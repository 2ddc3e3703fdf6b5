// SPDX-License-Identifier: Apache-2.0
//
// What a wait status reads like.

#include "tractor/spawn/death_certificate.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

using namespace tractor::spawn;

namespace {

constexpr int exited_with(int status) { return status << 8; }
constexpr int core_flag = 0x80;

std::string text_of(int wait_status) { return death_certificate::from_wait_status(17, wait_status, {}).text(); }

TEST(death_certificate_test, exit_status_is_told) {
  EXPECT_EQ("exit status 0", text_of(exited_with(0)));
  EXPECT_EQ("exit status 3", text_of(exited_with(3)));
  EXPECT_TRUE(death_certificate::from_wait_status(17, exited_with(0), {}).clean());
  EXPECT_FALSE(death_certificate::from_wait_status(17, exited_with(3), {}).clean());
}

TEST(death_certificate_test, signal_and_core_are_told) {
  EXPECT_EQ("killed by SIGKILL", text_of(SIGKILL));
  EXPECT_EQ("killed by SIGSEGV (core dumped)", text_of(SIGSEGV | core_flag));
  EXPECT_EQ("killed by signal 40", text_of(40));
  const auto certificate = death_certificate::from_wait_status(17, SIGSEGV | core_flag, {});
  EXPECT_EQ(SIGSEGV, certificate.signal);
  EXPECT_TRUE(certificate.core_dumped);
  EXPECT_FALSE(certificate.clean());
}

TEST(death_certificate_test, lost_process_tells_why) {
  const auto certificate = death_certificate::lost(17, "lost with the fork server");
  EXPECT_EQ("lost with the fork server", certificate.text());
  EXPECT_EQ(17, certificate.pid);
  EXPECT_FALSE(certificate.clean());
}

TEST(death_certificate_test, resource_usage_is_taken_over) {
  rusage usage{};
  usage.ru_utime = {2, 3};
  usage.ru_stime = {0, 7};
  usage.ru_maxrss = 11;
  usage.ru_minflt = 12;
  const resource_usage taken = resource_usage::from_rusage(usage);
  EXPECT_EQ(std::chrono::microseconds(2000003), taken.user_time);
  EXPECT_EQ(std::chrono::microseconds(7), taken.system_time);
  EXPECT_EQ(11, taken.resident_max_kib);
  EXPECT_EQ(12, taken.minor_faults);
}

}  // namespace
