// SPDX-License-Identifier: Apache-2.0
//
// Whole trees in a process group of their own, and what ends them from outside: kill -9 of any of their processes, signals to the
// root, to an actor, to the group. Nothing of a tree outlives it, not even what is deaf and busy.

#include <csignal>
#include <map>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/sc/signals.hpp"

namespace runtime_test {
namespace {

// The trees' orphans are adopted by this process, and reaped here once they are seen to be dead.
class tree_end_test : public both_methods {
 protected:
  void TearDown() override {
    left_behind().reap_orphans();
    both_methods::TearDown();
  }
  static void expect_all_end(const program& tree) {
    for (const auto& process : tree.processes()) EXPECT_TRUE(process.ends()) << process.pid();
    if (tree.server()) EXPECT_TRUE(tree.server()->ends());
  }
};
RT_BOTH_METHODS(tree_end_test);

// The trees themselves are in order.
TEST_P(tree_end_test, released_tree_ends_well) {
  for (const char* name : {"chain", "idle"}) {
    program tree(name, GetParam());
    ASSERT_LE(3U, tree.processes().size());
    tree.release();
    EXPECT_EQ("exit status 0", tree.wait());
    expect_all_end(tree);
    EXPECT_EQ("", tree.errors());
  }
}

// S-KIL-12, S-OOB-6
TEST_P(tree_end_test, killed_root_takes_all_along) {
  for (const char* name : {"chain", "busy", "joining"}) {
    program tree(name, GetParam());
    tree.root().signal(SIGKILL);
    expect_all_end(tree);
    EXPECT_EQ("killed by SIGKILL", tree.wait());
    // Of executed actors it may be that nobody is left to remove their socket files: those are the reaper's. The fork server leaves
    // none.
    const auto swept = tractor::ipc::sweep_sockets_of_dead(tractor::ipc::runtime_directory_path(), tractor::ipc::registry_sweep::swept);
    if (GetParam() == start_method::forkserver) EXPECT_TRUE(swept.empty());
  }
}

// S-KIL-12, S-NUR-18
TEST_P(tree_end_test, killed_intermediate_takes_all_below_it_and_fails_the_root) {
  for (const char* name : {"chain", "busy"}) {
    program tree(name, GetParam());
    ASSERT_EQ(3U, tree.processes().size());
    tree.processes()[1].signal(SIGKILL);
    expect_all_end(tree);
    EXPECT_EQ("exit status 1", tree.wait());
    EXPECT_THAT(tree.errors(), HasSubstr("actor 'middle' (pid " + std::to_string(tree.processes()[1].pid()) + ") died: killed by SIGKILL"));
  }
}

// S-KIL-12
TEST_F(tree_end_test, killed_fork_server_takes_its_actors_along_and_fails_the_root) {
  for (const char* name : {"chain", "busy", "idle"}) {
    program tree(name, start_method::forkserver);
    ASSERT_TRUE(tree.server().has_value());
    tree.server()->signal(SIGKILL);
    expect_all_end(tree);
    EXPECT_EQ("exit status 1", tree.wait());
    EXPECT_THAT(tree.errors(), HasSubstr("lost with the fork server"));
  }
}

// S-SIG-1, S-SIG-2
// Reference: cancel::test_cancel_via_SIGINT, cancel::test_cancel_via_SIGINT_other_task.
TEST_P(tree_end_test, interrupt_of_the_root_ends_the_tree_in_good_order) {
  for (const char* name : {"chain", "idle", "joining", "background"}) {
    program tree(name, GetParam());
    tree.root().signal(SIGINT);
    EXPECT_EQ("exit status 130", tree.wait()) << name;
    expect_all_end(tree);
    EXPECT_EQ("tractor: interrupted by SIGINT\n", tree.errors()) << name;
  }
}

// S-SIG-5
TEST_P(tree_end_test, termination_of_the_root_ends_the_tree_in_good_order) {
  for (const char* name : {"chain", "idle", "joining"}) {
    program tree(name, GetParam());
    tree.root().signal(SIGTERM);
    EXPECT_EQ("exit status 143", tree.wait()) << name;
    expect_all_end(tree);
    EXPECT_EQ("tractor: ended by SIGTERM\n", tree.errors()) << name;
  }
}

// S-SIG-1, S-SIG-4: what a terminal does for ^C.
TEST_P(tree_end_test, interrupt_of_the_whole_group_is_one_interrupt) {
  for (const char* name : {"chain", "idle", "joining"}) {
    program tree(name, GetParam());
    tree.signal_group(SIGINT);
    EXPECT_EQ("exit status 130", tree.wait()) << name;
    expect_all_end(tree);
    EXPECT_EQ("tractor: interrupted by SIGINT\n", tree.errors()) << name;
  }
}

// S-SIG-2: what the signal made of an actor is known to the root before it looks at its own.
TEST_P(tree_end_test, interrupt_that_an_actor_answers_first_is_one_interrupt) {
  for (const int number : {SIGINT, SIGTERM}) {
    program tree("chain", GetParam());
    const auto& middle = tree.processes()[1];
    tree.root().signal(SIGSTOP);
    middle.signal(number);
    EXPECT_TRUE(middle.ends());
    tree.root().signal(number);
    tree.root().signal(SIGCONT);
    EXPECT_EQ("exit status " + std::to_string(128 + number), tree.wait());
    expect_all_end(tree);
    EXPECT_EQ(number == SIGINT ? "tractor: interrupted by SIGINT\n" : "tractor: ended by SIGTERM\n", tree.errors());
  }
}

// S-SIG-1: an actor that the signal met while it booted did not fail for a reason of its own.
TEST_F(tree_end_test, interrupt_that_kills_a_booting_actor_is_one_interrupt) {
  program tree("booting", start_method::exec);
  const auto& unborn = tree.processes()[1];
  tree.root().signal(SIGSTOP);
  unborn.signal(SIGINT);
  EXPECT_TRUE(unborn.ends());
  tree.root().signal(SIGINT);
  tree.root().signal(SIGCONT);

  EXPECT_EQ("exit status 130", tree.wait());
  expect_all_end(tree);
  EXPECT_EQ("tractor: interrupted by SIGINT\n", tree.errors());
}

// S-SIG-1, S-KIL-6: a descendant that is deaf and busy holds nobody up for ever.
TEST_P(tree_end_test, interrupt_ends_a_tree_with_a_deaf_descendant) {
  program tree("busy", GetParam());
  tree.root().signal(SIGINT);
  EXPECT_EQ("exit status 130", tree.wait());
  expect_all_end(tree);
}

// S-SIG-1: who asks twice does not wait for anybody; nothing is left all the same.
TEST_P(tree_end_test, second_interrupt_kills) {
  program tree("busy", GetParam());
  tree.root().signal(SIGINT);
  // The first one has been taken when the dispositions are the old ones again.
  ASSERT_TRUE(tree.root().stops_catching(SIGINT));
  tree.root().signal(SIGINT);
  EXPECT_EQ("killed by SIGINT", tree.wait());
  expect_all_end(tree);
  // As where it is killed: its files are there unless it had stopped listening.
  const auto swept = tractor::ipc::sweep_sockets_of_dead(tractor::ipc::runtime_directory_path(), tractor::ipc::registry_sweep::swept);
  if (GetParam() == start_method::forkserver) EXPECT_TRUE(swept.empty());
}

// S-SIG-4, S-OOB-4: a child that is interrupted ends quietly; who talks to it hears that, by name.
TEST_P(tree_end_test, interrupted_actor_ends_in_good_order) {
  for (const int number : {SIGINT, SIGTERM}) {
    program tree("chain", GetParam());
    tree.processes()[1].signal(number);
    EXPECT_EQ("exit status 1", tree.wait());
    expect_all_end(tree);
    const auto printed = tree.errors();
    EXPECT_THAT(printed, HasSubstr("ContextCancelled: the task in actor 'middle' was cancelled by itself: " + sc::signal_name(number)));
  }
}

// An idle one that is told to go has done nothing wrong.
TEST_P(tree_end_test, interrupted_idle_actor_is_no_error) {
  program tree("joining", GetParam());
  tree.processes()[1].signal(SIGTERM);
  EXPECT_EQ("exit status 0", tree.wait());
  expect_all_end(tree);
  EXPECT_EQ("", tree.errors());
}

// What actors write to stderr comes out by whole lines, all of it, the unfinished one at the end included, and says whose it is.
TEST_P(tree_end_test, lines_of_several_actors_do_not_mix) {
  program tree("printing", GetParam());
  const auto text = tree.errors();
  EXPECT_EQ("exit status 0", tree.wait());
  expect_all_end(tree);
  std::map<std::string, int> lines;
  std::size_t from = 0;
  for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string line = text.substr(from, end - from);
    const std::size_t name_end = line.find('['), pid_end = line.find("]: ");
    ++lines[pid_end == std::string::npos ? line : line.substr(0, name_end) + line.substr(pid_end + 1)];
  }
  EXPECT_EQ(from, text.size());
  for (const int i : {0, 1, 2}) {
    const std::string who = "printer" + std::to_string(i) + ": ";
    EXPECT_EQ(20, lines[who + std::string(80, static_cast<char>('a' + i))]);
    EXPECT_EQ(1, lines[who + "unfinished"]);
  }
  EXPECT_EQ(6U, lines.size()) << text;
}

}  // namespace
}  // namespace runtime_test
