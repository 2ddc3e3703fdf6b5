// SPDX-License-Identifier: Apache-2.0
//
// SIGUSR1: each actor of a tree shows its tasks, and goes on as before.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/ipc/listener.hpp"
#include "tractor/ipc/runtime_directory.hpp"

namespace runtime_test {
namespace {

class dump_test : public both_methods {
 protected:
  void TearDown() override {
    left_behind().reap_orphans();
    both_methods::TearDown();
  }
  static std::string file_of(const watched_process& process) {
    return tractor::ipc::runtime_directory() + "/tractor-dump-" + std::to_string(process.pid()) + ".log";
  }
  // Waits, for a generous time, until the process has written that many dumps; gives them.
  static std::string dumps_of(const watched_process& process, int count) {
    for (auto waited = 0ms; waited < hang_bound; waited += 1ms) {
      std::ostringstream text;
      text << std::ifstream(file_of(process)).rdbuf();
      int found = 0;
      for (std::size_t at = 0; (at = text.str().find("end of the task tree", at)) != std::string::npos; ++at) ++found;
      if (found == count) return text.str();
      static_cast<void>(process.ends_within(1));
    }
    ADD_FAILURE() << "process " << process.pid() << " has not written " << count << " dumps";
    return "";
  }
};
RT_BOTH_METHODS(dump_test);

// S-STK-4, S-STK-1, S-ENV-3: of all actors, nothing was said beforehand, and as often as it is asked for. Then an interrupt ends the tree,
// though the actor's task is out of reach of every cancel.
TEST_P(dump_test, interrupt_after_dumps_ends_a_tree_with_an_actor_that_is_shielded) {
  program tree("shielded", GetParam());
  ASSERT_EQ(2U, tree.processes().size());
  const auto& sleeper = tree.processes()[1];
  for (int count = 1; count <= 2; ++count) {
    tree.root().signal(SIGUSR1);
    EXPECT_THAT(dumps_of(tree.root(), count), HasSubstr("task tree of actor 'root' ("));
    EXPECT_THAT(dumps_of(sleeper, count), HasSubstr("sleep_forever"));
  }

  tree.root().signal(SIGINT);

  EXPECT_EQ("exit status 130", tree.wait());
  EXPECT_TRUE(sleeper.ends());
  const auto printed = tree.errors();
  EXPECT_THAT(printed, HasSubstr("actor 'sleeper' (pid " + std::to_string(sleeper.pid()) + ") did not end within 1600 ms"));
  EXPECT_THAT(printed, HasSubstr(": SIGKILL\n"));
  EXPECT_THAT(printed, ::testing::EndsWith("tractor: interrupted by SIGINT\n"));
  for (const auto& process : tree.processes()) std::filesystem::remove(file_of(process));
}

// The tree that hangs on its way out is the one that is asked.
TEST_P(dump_test, root_that_lingers_after_an_interrupt_shows_its_tasks) {
  program tree("lingering", GetParam());
  ASSERT_EQ(2U, tree.processes().size());
  tree.root().signal(SIGINT);
  EXPECT_TRUE(tree.root().stops_catching(SIGINT)) << "its body is cancelled, and a second SIGINT would kill";

  for (int count = 1; count <= 2; ++count) {
    tree.root().signal(SIGUSR1);
    EXPECT_THAT(dumps_of(tree.root(), count), HasSubstr("until_released"));
  }
  tree.release();

  EXPECT_EQ("exit status 130", tree.wait());
  EXPECT_TRUE(tree.processes()[1].ends());
  EXPECT_THAT(tree.errors(), ::testing::EndsWith("tractor: interrupted by SIGINT\n"));
  for (const auto& process : tree.processes()) std::filesystem::remove(file_of(process));
}

// S-STK-1: the root waits for whoever listens at its registry's address, and is not told who that is.
TEST_F(dump_test, root_that_is_still_opening_shows_its_tasks) {
  const tractor::ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "silent.sock"};
  ::setenv("TRACTOR_REGISTRY", tractor::ipc::address(where).text().c_str(), 1);
  std::optional<program> opening;
  run([&]() -> sc::task<> {
    const auto silent = tractor::ipc::listen(where);
    opening.emplace("daemon:opening", start_method::exec);
    const auto probe = co_await silent->accept();

    opening->root().signal(SIGUSR1);

    EXPECT_THAT(dumps_of(opening->root(), 1), HasSubstr("task tree of actor 'opening' ("));
  });
  ::unsetenv("TRACTOR_REGISTRY");
  EXPECT_TRUE(opening->root().begins_catching(SIGTERM)) << "it finds nobody there, and is open";
  opening->root().signal(SIGTERM);
  EXPECT_EQ("exit status 143", opening->wait());
  std::filesystem::remove(file_of(opening->root()));
}

}  // namespace
}  // namespace runtime_test
