// SPDX-License-Identifier: Apache-2.0
//
// A root whose body has ended, and that a task of a peer's holds. One run on the virtual clock, real sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "raw_peer.hpp"
#include "tests/sc/sc_test.hpp"
#include "tractor/tractor.hpp"

namespace holding {
namespace {

namespace sc = tractor::sc;

sc::event* released = nullptr;

sc::task<> hold() {
  co_await sc::shielded([]() -> sc::task<> { co_await released->wait(); });
}

}  // namespace
}  // namespace holding

TRACTOR_MODULE(holding) { mod.def<&holding::hold>("hold"); }

namespace {

using raw::raw_peer;
using testing::HasSubstr;
using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace fs = std::filesystem;

class held_root : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(dir_); }
  void TearDown() override { fs::remove_all(dir_); }

  // What is said of a root for which a peer runs so many tasks that end so long after its body.
  [[nodiscard]] std::string said_of(int tasks, sc::duration held_for, bool peer_goes) const {
    testing::internal::CaptureStderr();
    tractor::testing::run_seeded(
        [&]() -> sc::task<> {
          sc::event released;
          holding::released = &released;
          sc::time_point body_ended, root_ended;
          std::unique_ptr<raw_peer> visitor;
          const auto body = [&]() -> sc::task<> {
            visitor =
                std::make_unique<raw_peer>(co_await ipc::connect(tractor::listen_on(ipc::uds_address{.dir = dir_, .file = "root.sock"})));
            co_await visitor->shake_hands();
            for (int i = 0; i < tasks; ++i) {
              visitor->send_start("call" + std::to_string(i), "holding", "hold");
              EXPECT_EQ(co_await visitor->answer(), "StartAck");
            }
            if (peer_goes) visitor->hang_up();
            co_await sc::sleep(900ms);
            body_ended = sc::current_time();
          };
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> {
              co_await sc::sleep(900ms + held_for);
              released.set();
            });
            co_await tractor::open_root_actor([&] { return body(); }, {.enable_modules = {"holding"}, .handle_signals = false});
            root_ended = sc::current_time();
          });
          EXPECT_EQ(root_ended - body_ended, held_for) << "no task is abandoned";
        },
        1);
    return testing::internal::GetCapturedStderr();
  }

 private:
  std::string dir_ = testing::TempDir() + "tractor-held-root-" + std::to_string(::getpid());
};

// S-RPC-10: nobody can end a root but its user, who hears what it waits for; also of a peer that is gone.
TEST_F(held_root, says_what_it_waits_for) {
  for (const bool peer_goes : {false, true}) {
    const auto said = said_of(1, tractor::held_root_report_time + 1s, peer_goes);
    EXPECT_THAT(said, HasSubstr("[ERROR] tractor.runtime.actor"));
    EXPECT_THAT(said, HasSubstr("the root actor 'root' waits for tasks that peers asked for and that did not end by their cancel within "
                                "2100 ms: holding.hold (asked for by actor 'intruder' 3000 ms ago)\n"));
    EXPECT_EQ(said.find('\n'), said.size() - 1) << "one line, once: " << said;
  }
}

TEST_F(held_root, names_some_of_many_tasks) {
  const auto said = said_of(static_cast<int>(tractor::held_root_tasks_named_max) + 5, tractor::held_root_report_time + 1s, false);
  EXPECT_THAT(said, HasSubstr("within 2100 ms: holding.hold (asked for by"));
  EXPECT_THAT(said, HasSubstr("ago), and 5 more\n"));
}

TEST_F(held_root, says_nothing_of_a_task_that_ends_in_time) { EXPECT_EQ(said_of(1, tractor::held_root_report_time - 1ms, false), ""); }

}  // namespace
