// SPDX-License-Identifier: Apache-2.0
//
// A registry that TRACTOR_REGISTRY names, and whose registrar comes later than who wants to use it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdio.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "find_actor_endpoints.hpp"
#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace late_registrar_test {

using namespace runtime_test;
using namespace find_actor_test;
namespace fs = std::filesystem;
namespace sc = tractor::sc;

// The registry is to be below a file that is no directory: nobody is there, and nobody can be, as at the address of another machine.
class late_registrar : public ::runtime_test::runtime_test {
 protected:
  void SetUp() override {
    process_fixture::SetUp();
    place_ = left_behind().temporary_directory() + "/place";
    std::ofstream(place_) << "in the way";
    use_registry_in(place_);
  }
  void TearDown() override {
    ::unsetenv("TRACTOR_REGISTRY");
    fs::remove_all(place_);
    process_fixture::TearDown();
  }
  static void use_registry_in(const std::string& directory) {
    ::setenv("TRACTOR_REGISTRY", ("/unix" + directory + "/registry.sock").c_str(), 1);
  }
  // At no moment is there nothing of either name.
  void exchange_with(const std::string& other) const {
    ASSERT_EQ(0, ::renameat2(AT_FDCWD, place_.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
  }
  static actor_options serving() { return {.enable_modules = {"find_actor_test"}}; }
  std::string place_;
};

bool is_registrar() { return tractor::current_actor().directory().is_registrar(); }

// S-BOOT-4, S-REG-11
TEST_F(late_registrar, is_joined_when_it_comes) {
  const std::string elsewhere = left_behind().temporary_directory() + "/elsewhere";
  use_registry_in(elsewhere);
  std::optional<program> other(std::in_place, "serving:other", start_method::forkserver);
  use_registry_in(place_);
  testing::internal::CaptureStderr();
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, testing::StartsWith("tractor: the tree of 'root' has no registry yet, and nobody finds its actors by name until it "
                                          "has one: no registrar answers at /unix" +
                                          place_ + "/registry.sock, and this root cannot be it: "));
    co_await an.start_actor("mine", serving());
    exchange_with(elsewhere);
    const auto mine_is_found = [](std::optional<portal> worker) -> sc::task<> {
      RT_REQUIRE(worker);
      EXPECT_EQ("mine", co_await worker->run<&ask_name_when_there>("mine"));
    };
    co_await tractor::find_actor("other.worker", mine_is_found);
    EXPECT_FALSE(is_registrar());
    co_await an.cancel();
  });
  exchange_with(elsewhere);
  other->release();
  EXPECT_EQ("exit status 0", other->wait());
  fs::remove_all(elsewhere);
}

// S-BOOT-6
TEST_F(late_registrar, is_the_root_itself_as_soon_as_it_can) {
  testing::internal::CaptureStderr();
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    testing::internal::GetCapturedStderr();
    auto mine = co_await an.start_actor("mine", serving());
    co_await an.start_actor("other", serving());
    EXPECT_FALSE(is_registrar());
    fs::remove(place_);
    while (!is_registrar()) co_await sc::sleep(std::chrono::milliseconds(1));
    EXPECT_EQ("other", co_await mine.run<&ask_name>("other"));
    co_await an.cancel();
  });
}

}  // namespace late_registrar_test
