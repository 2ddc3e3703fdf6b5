// SPDX-License-Identifier: Apache-2.0
//
// The death of a requester, of the fork server or of the root takes everything below it, also what is deaf and busy.

#include <sys/prctl.h>

#include <algorithm>
#include <csignal>

#include "process_test.hpp"
#include "spawn/descendants.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

// A chain of three actors below a root of its own: root, actor 0, actor 1, actor 2; the last is deaf and busy.
struct chain {
  explicit chain(requester& parent, start_method method)
      : root(parent.start(start_method::exec, std::string("chain ") + to_string(method) + " 3", "root")) {
    for (std::optional<std::string> line; (line = read_line(root.ends.link.get())) && *line != "ready";) {
      if (line->starts_with("server "))
        server = watch_process(std::stoi(line->substr(7)));
      else
        actors.push_back(watch_process(std::stoi(*line)));
    }
  }

  void kill(const tractor::unique_fd& process) const { ASSERT_EQ(0, tractor::spawn::detail::signal_pidfd(process.get(), SIGKILL)); }

  started_child root;
  std::vector<tractor::unique_fd> actors;  // the root first
  tractor::unique_fd server;
};

class tree_death_test : public process_test, public ::testing::WithParamInterface<start_method> {
 protected:
  void SetUp() override {
    // Keeps what the root leaves behind from being reparented out of sight: the test waits for all of it.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    process_test::SetUp();
  }
  void TearDown() override {
    // Adopted, and dead as the tests saw; or the helper of a leak checker, which is about to end.
    while (::waitpid(-1, nullptr, __WALL) > 0) {
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    process_test::TearDown();
  }
};

INSTANTIATE_TEST_SUITE_P(both, tree_death_test, ::testing::Values(start_method::forkserver, start_method::exec),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// S-KIL-12
TEST_P(tree_death_test, killed_root_takes_everything_along) {
  requester parent;
  chain tree(parent, GetParam());
  ASSERT_EQ(4U, tree.actors.size());

  tree.kill(tree.actors[0]);

  for (const auto& actor : tree.actors) EXPECT_TRUE(ends(actor.get()));
  if (tree.server) EXPECT_TRUE(ends(tree.server.get()));
  EXPECT_EQ("killed by SIGKILL", parent.await_death(tree.root).text());
}

// S-KIL-12
TEST_P(tree_death_test, killed_intermediate_takes_what_is_below_it_and_no_more) {
  requester parent;
  chain tree(parent, GetParam());
  ASSERT_EQ(4U, tree.actors.size());

  tree.kill(tree.actors[2]);

  for (const std::size_t below : {2U, 3U}) EXPECT_TRUE(ends(tree.actors[below].get()));
  EXPECT_FALSE(ended(tree.actors[0].get()));
  EXPECT_FALSE(ended(tree.actors[1].get()));
  tree.root.ends.link.reset();
  for (const auto& actor : tree.actors) EXPECT_TRUE(ends(actor.get()));
  EXPECT_TRUE(parent.await_death(tree.root).clean());
}

TEST_P(tree_death_test, closed_client_takes_what_is_below_it) {
  requester parent;
  chain tree(parent, GetParam());

  tree.root.ends.link.reset();  // the root ends by itself, destroying its client, while the chain below lives

  for (const auto& actor : tree.actors) EXPECT_TRUE(ends(actor.get()));
  EXPECT_EQ("exit status 0", parent.await_death(tree.root).text());
}

TEST_F(tree_death_test, killed_fork_server_takes_its_actors_along) {
  requester parent;
  chain tree(parent, start_method::forkserver);
  ASSERT_EQ(4U, tree.actors.size());
  ASSERT_TRUE(tree.server);

  tree.kill(tree.server);

  for (std::size_t i = 1; i < tree.actors.size(); ++i) EXPECT_TRUE(ends(tree.actors[i].get()));
  tree.root.ends.link.reset();
  EXPECT_TRUE(parent.await_death(tree.root).clean());
}

TEST_F(tree_death_test, signals_of_the_terminal_do_not_end_the_fork_server) {
  requester parent;
  started_child child = parent.start(start_method::forkserver, "hello");
  EXPECT_EQ("hello", read_line(child.ends.link.get()));

  for (const int signo : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGUSR1}) ASSERT_EQ(0, ::kill(parent.server.server_pid(), signo));

  child.ends.link.reset();
  EXPECT_TRUE(parent.await_death(child).clean());
  started_child next = parent.start(start_method::forkserver, "end 0");
  EXPECT_TRUE(parent.await_death(next).clean());
}

TEST_F(tree_death_test, orphans_of_a_dead_actor_are_killed_and_those_of_a_living_one_are_not) {
  requester parent;
  started_child living = parent.start(start_method::forkserver, "leave_orphan attached");
  const tractor::unique_fd kept = watch_process(std::stoi(read_line(living.ends.link.get()).value()));
  for (const char* how : {"attached", "detached"}) {
    started_child dying = parent.start(start_method::forkserver, std::string("leave_orphan ") + how);
    const tractor::unique_fd orphan = watch_process(std::stoi(read_line(dying.ends.link.get()).value()));

    ASSERT_EQ(0, tractor::spawn::detail::signal_pidfd(dying.pidfd.get(), SIGKILL));

    EXPECT_TRUE(ends(orphan.get())) << how;
    EXPECT_EQ("killed by SIGKILL", parent.await_death(dying).text());
  }
  EXPECT_FALSE(ended(kept.get()));

  living.ends.link.reset();  // an orderly end is the end of its orphans too

  EXPECT_TRUE(ends(kept.get()));
  EXPECT_TRUE(parent.await_death(living).clean());
}

// S-KIL-12: an actor's end is not the end of what another one started, wherever that writes to.
TEST_F(tree_death_test, orphan_of_a_living_actor_outlives_every_other_actor) {
  requester parent;
  started_child living = parent.start(start_method::forkserver, "leave_orphan detached");
  const tractor::unique_fd kept = watch_process(std::stoi(read_line(living.ends.link.get()).value()));

  for (const char* how : {"attached", "detached"}) {
    started_child dying = parent.start(start_method::forkserver, std::string("leave_orphan ") + how);
    const tractor::unique_fd orphan = watch_process(std::stoi(read_line(dying.ends.link.get()).value()));
    dying.ends.link.reset();
    EXPECT_TRUE(ends(orphan.get())) << how;  // the server has looked through all that it adopted
    EXPECT_TRUE(parent.await_death(dying).clean());
  }

  EXPECT_FALSE(ended(kept.get()));
  living.ends.link.reset();
  EXPECT_TRUE(ends(kept.get()));
  EXPECT_TRUE(parent.await_death(living).clean());
}

// S-KIL-12: without its mark it lives as long as somebody who may have started it, and no longer.
TEST_F(tree_death_test, orphan_that_nobody_can_tell_dies_with_the_last_actor_that_is_as_old) {
  requester parent;
  started_child older = parent.start(start_method::forkserver, "hello");
  started_child owner = parent.start(start_method::forkserver, "leave_orphan unmarked");
  const tractor::unique_fd unmarked = watch_process(std::stoi(read_line(owner.ends.link.get()).value()));
  started_child other = parent.start(start_method::forkserver, "leave_orphan detached");
  const tractor::unique_fd marked = watch_process(std::stoi(read_line(other.ends.link.get()).value()));

  owner.ends.link.reset();
  EXPECT_TRUE(parent.await_death(owner).clean());
  other.ends.link.reset();
  EXPECT_TRUE(ends(marked.get()));
  EXPECT_FALSE(ended(unmarked.get()));

  older.ends.link.reset();
  EXPECT_TRUE(ends(unmarked.get()));
  for (started_child* one : {&older, &other}) EXPECT_TRUE(parent.await_death(*one).clean());
}

TEST_F(tree_death_test, orphans_die_with_the_root) {
  requester parent;
  tractor::unique_fd orphan;
  {
    requester root;
    started_child child = root.start(start_method::forkserver, "leave_orphan detached");
    orphan = watch_process(std::stoi(read_line(child.ends.link.get()).value()));
    EXPECT_FALSE(ended(orphan.get()));
  }
  EXPECT_TRUE(ended(orphan.get()));  // destroying the client waits for the server, and that for all of its children
}

TEST_F(tree_death_test, children_are_found_with_and_without_the_list_of_the_kernel) {
  requester parent;
  std::vector<started_child> children;
  std::vector<pid_t> pids;
  for (int i = 0; i < 3; ++i) {
    children.push_back(parent.start(start_method::exec, "hello"));
    EXPECT_EQ("hello", read_line(children.back().ends.link.get()));
    pids.push_back(children.back().pid);
  }
  auto listed = tractor::spawn::detail::list_children(), walked = tractor::spawn::detail::list_children_by_walk();
  for (auto* found : {&pids, &listed, &walked}) std::ranges::sort(*found);
  EXPECT_EQ(pids, listed);
  EXPECT_EQ(pids, walked);
  for (started_child& child : children) {
    child.ends.link.reset();
    EXPECT_TRUE(parent.await_death(child).clean());
  }
}

}  // namespace
