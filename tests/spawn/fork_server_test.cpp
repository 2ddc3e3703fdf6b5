// SPDX-License-Identifier: Apache-2.0
//
// The fork server under many children, without descriptors, stopped, killed, and asked by whom it should not serve.

#include <sys/prctl.h>

#include <csignal>

#include "descriptor_limit.hpp"
#include "process_test.hpp"
#include "spawn/program.hpp"
#include "tractor/base/error.hpp"

using namespace tractor::spawn;
using namespace spawn_test;

namespace {

using fork_server_test = process_test;

std::string failure_of(requester& parent, std::string_view boot = "hello") {
  try {
    parent.start(start_method::forkserver, boot);
  } catch (const std::exception& failed) {
    return failed.what();
  }
  return "started";
}

TEST_F(fork_server_test, program_that_did_not_call_child_entry_may_not_spawn) {
  auto& noted = tractor::spawn::detail::this_program.noted;
  noted = false;
  fork_server_client server;
  EXPECT_THROW(server.start(), tractor::usage_error);
  try {
    static_cast<void>(exec_spawn({.name = "x"}));
    ADD_FAILURE() << "no error";
  } catch (const tractor::usage_error& refused) {
    EXPECT_NE(std::string::npos, std::string(refused.what()).find("child_entry(argc, argv")) << refused.what();
  }
  noted = true;
}

TEST_F(fork_server_test, missing_executable_is_an_error_that_names_it) {
  const auto error_of = [](auto start) -> std::pair<int, std::string> {
    try {
      start();
    } catch (const tractor::os_error& failed) {
      return {failed.errno_value(), failed.what()};
    }
    return {0, "started"};
  };
  const auto by_exec = error_of([] { static_cast<void>(exec_spawn({.name = "x"}, {.executable = "/no/such/program"})); });
  const auto by_server = error_of([] {
    fork_server_client server({}, {.executable = "/no/such/program"});
    server.start();
  });
  const auto no_program = error_of([] { static_cast<void>(exec_spawn({.name = "x"}, {.executable = "/etc/passwd"})); });
  EXPECT_EQ(ENOENT, by_exec.first);
  EXPECT_EQ(ENOENT, by_server.first);
  EXPECT_EQ(EACCES, no_program.first);
  for (const auto& text : {by_exec.second, by_server.second}) EXPECT_NE(std::string::npos, text.find("/no/such/program")) << text;
  EXPECT_NE(std::string::npos, no_program.second.find("/etc/passwd")) << no_program.second;
}

// S-NUR-6
TEST_F(fork_server_test, executable_that_is_no_actor_ends_with_a_status) {
  exec_child child = exec_spawn({.name = "x"}, {.executable = "/bin/false"});
  EXPECT_EQ(std::nullopt, read_line(child.ends.link.get()));
  EXPECT_TRUE(ends(child.pidfd.get()));
  EXPECT_EQ("exit status 1", child.try_reap().value().text());

  fork_server_client server({}, {.executable = "/bin/false"});
  requester parent;
  static_cast<void>(server.request({.name = "x"}));
  wait_for(server.fd(), POLLIN);
  std::vector<fork_server_event> events;
  server.on_readable(events);
  ASSERT_EQ(2U, events.size());
  EXPECT_EQ("the fork server died (exit status 1) before it answered", std::get<failed_event>(events[0]).text);
  EXPECT_EQ("the fork server died (exit status 1)", std::get<server_lost_event>(events[1]).text);
}

TEST_F(fork_server_test, prewarm_hook_runs_in_the_server) {
  requester parent;
  started_child child = parent.start(start_method::forkserver, "tell_prewarming");
  EXPECT_EQ("in the server", read_line(child.ends.link.get()));
  EXPECT_TRUE(parent.await_death(child).clean());
}

TEST_F(fork_server_test, two_hundred_children_live_at_once) {
  requester parent;
  std::vector<started_child> children;
  for (int i = 0; i < 200; ++i) children.push_back(parent.start(start_method::forkserver, "hello_and_vanish"));
  for (started_child& child : children) EXPECT_EQ("hello", read_line(child.ends.link.get()));
  for (started_child& child : children) child.ends.link.reset();
  for (started_child& child : children) {
    const death_certificate certificate = parent.await_death(child);
    EXPECT_TRUE(certificate.clean());
    EXPECT_EQ(child.pid, certificate.pid);
  }
}

TEST_F(fork_server_test, link_of_one_child_ends_though_fifty_others_live) {
  requester parent;
  std::vector<started_child> others;
  for (int i = 0; i < 25; ++i) others.push_back(parent.start(start_method::forkserver, "hello_and_vanish"));
  started_child child = parent.start(start_method::forkserver, "hello_and_vanish");
  for (int i = 0; i < 25; ++i) others.push_back(parent.start(start_method::forkserver, "hello_and_vanish"));

  child.ends.link.reset();

  EXPECT_TRUE(ends(child.pidfd.get()));  // it ends when it reads the end of the file
  EXPECT_TRUE(parent.await_death(child).clean());
  for (const started_child& other : others) EXPECT_FALSE(ended(other.pidfd.get()));
  ASSERT_EQ(0, tractor::spawn::detail::signal_pidfd(others[0].pidfd.get(), SIGKILL));
  EXPECT_EQ("hello", read_line(others[0].ends.link.get()));
  EXPECT_EQ(std::nullopt, read_line(others[0].ends.link.get()));  // and its requester reads the end of a dead child's
}

TEST_F(fork_server_test, server_keeps_no_descriptor_of_its_children) {
  requester parent;
  const auto start_and_end = [&] {
    started_child child = parent.start(start_method::forkserver, {.name = "w", .environment = {{"A", std::string(20'000, 'x')}}});
    child.ends.link.reset();
    parent.await_death(child);
  };
  start_and_end();
  const std::string server = std::to_string(parent.server.server_pid());
  const std::size_t before = count_descriptors(server);
  started_child living = parent.start(start_method::forkserver, "hello");
  for (int i = 0; i < 20; ++i) start_and_end();
  EXPECT_EQ(before, count_descriptors(server));
}

TEST_F(fork_server_test, server_without_descriptors_says_so_and_serves_again_later) {
  requester parent;
  started_child living = parent.start(start_method::forkserver, "hello");
  {
    const descriptor_limit none(parent.server.server_pid(), 0);
    EXPECT_EQ("the fork server could not start the actor: receiving the descriptors of the request: Too many open files [EMFILE]",
              failure_of(parent));
  }
  EXPECT_EQ("started", failure_of(parent, "end 0"));
  EXPECT_EQ("hello", read_line(living.ends.link.get()));
  living.ends.link.reset();
  EXPECT_TRUE(parent.await_death(living).clean());
}

TEST_F(fork_server_test, requester_without_room_for_the_pidfd_gets_an_error_and_no_child) {
  requester parent;
  const fork_server_client::requested asked = parent.server.request({.name = "unlucky", .boot = std::as_bytes(std::span("spin", 4))});
  wait_for(parent.server.fd(), POLLIN);
  {
    const descriptor_limit none(0, 0);
    parent.server.on_readable(parent.pending);
  }
  const auto failed = parent.await_event<failed_event>(asked.ticket);
  EXPECT_EQ(EMFILE, failed.errno_value);
  std::string said(100, '\0');
  while (::read(asked.ends.link.get(), said.data(), said.size()) > 0) {
  }
  EXPECT_EQ(0, ::read(asked.ends.link.get(), said.data(), said.size()))
      << "the child, which never ends by itself, is told of while it lives";
  EXPECT_EQ("started", failure_of(parent, "end 0"));
}

TEST_F(fork_server_test, requests_to_a_stopped_server_wait_in_order_and_none_is_lost) {
  requester parent;
  parent.server.start();
  ASSERT_EQ(0, ::kill(parent.server.server_pid(), SIGSTOP));
  std::vector<fork_server_client::requested> asked;
  while (!parent.server.wants_write() || asked.size() < 100)
    asked.push_back(parent.server.request({.name = "w", .boot = std::as_bytes(std::span("vanish", 6))}));
  for (int i = 0; i < 10; ++i) asked.push_back(parent.server.request({.name = "w", .boot = std::as_bytes(std::span("vanish", 6))}));
  parent.server.kill(asked.back().ticket);
  ASSERT_EQ(0, ::kill(parent.server.server_pid(), SIGCONT));

  pid_t last = 0;
  for (const auto& one : asked) {
    const pid_t pid = parent.await_event<spawned_event>(one.ticket).pid;
    EXPECT_NE(last, pid);
    last = pid;
    const std::string end = parent.await_event<exited_event>(one.ticket).certificate.text();
    if (one.ticket != asked.back().ticket) EXPECT_EQ("exit status 7", end);
  }
}

// More than its socket holds: the server keeps the rest, and takes no request before it got rid of it.
TEST_F(fork_server_test, requester_that_does_not_read_gets_every_answer_later) {
  requester parent;
  std::vector<fork_server_client::requested> asked;
  for (int i = 0; i < 400; ++i) asked.push_back(parent.server.request({.name = "w", .boot = std::as_bytes(std::span("vanish", 6))}));

  for (const auto& one : asked) {
    EXPECT_GT(parent.await_event<spawned_event>(one.ticket).pid, 0);
    EXPECT_EQ("exit status 7", parent.await_event<exited_event>(one.ticket).certificate.text());
  }
}

TEST_F(fork_server_test, child_can_be_killed_by_ticket_before_it_is_known) {
  requester parent;
  const fork_server_client::requested asked = parent.server.request({.name = "w", .boot = std::as_bytes(std::span("spin", 4))});
  parent.server.kill(asked.ticket);
  EXPECT_EQ("killed by SIGKILL", parent.await_event<exited_event>(asked.ticket).certificate.text());
}

TEST_F(fork_server_test, killed_server_is_reported_for_every_child_and_replaced) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  requester parent;
  started_child first = parent.start(start_method::forkserver, "hello"), second = parent.start(start_method::forkserver, "spin");
  const pid_t before = parent.server.server_pid();
  ASSERT_EQ(0, ::kill(before, SIGSTOP));
  const fork_server_client::requested unanswered = parent.server.request({.name = "w"});

  ASSERT_EQ(0, ::kill(before, SIGKILL));

  EXPECT_EQ("the fork server died (killed by SIGKILL) before it answered", parent.await_event<failed_event>(unanswered.ticket).text);
  for (started_child* child : {&first, &second}) {
    const death_certificate certificate = parent.await_death(*child);
    EXPECT_EQ(death_kind::lost, certificate.kind);
    EXPECT_EQ("lost with the fork server", certificate.text());
    EXPECT_EQ(child->pid, certificate.pid);
    EXPECT_TRUE(ends(child->pidfd.get()));
  }
  ASSERT_EQ(1U, parent.pending.size());
  EXPECT_EQ("the fork server died (killed by SIGKILL)", std::get<server_lost_event>(parent.pending[0]).text);
  EXPECT_FALSE(parent.server.started());
  started_child next = parent.start(start_method::forkserver, "end 0");
  EXPECT_NE(before, parent.server.server_pid());
  EXPECT_TRUE(parent.await_death(next).clean());
  EXPECT_EQ(2, [] {
    int reaped = 0;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) ++reaped;
    return reaped;
  }());
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(fork_server_test, executed_actor_uses_the_server_of_its_tree) {
  requester parent;
  parent.server.start();

  started_child child = parent.start(start_method::exec, "chain forkserver 1");

  std::vector<std::string> lines;
  for (std::optional<std::string> line; (line = read_line(child.ends.link.get())) && *line != "ready";) lines.push_back(*line);
  ASSERT_EQ(2U, lines.size());  // no server of its own
  const tractor::unique_fd grandchild = watch_process(std::stoi(lines[1]));
  ASSERT_EQ(0, tractor::spawn::detail::signal_pidfd(child.pidfd.get(), SIGKILL));
  EXPECT_TRUE(ends(grandchild.get()));
  EXPECT_EQ("killed by SIGKILL", parent.await_death(child).text());
}

TEST_F(fork_server_test, forked_copy_of_a_requester_cannot_use_its_connection) {
  requester parent;
  started_child child = parent.start(start_method::forkserver, "hello");
  const pid_t copy = ::fork();
  if (copy == 0) {
    // Sends as another process than the one that was introduced, and must leave the server and its children alone.
    const bool refused = failure_of(parent).find("a request by process") != std::string::npos;
    parent.server.close();
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(copy, ::waitpid(copy, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ("hello", read_line(child.ends.link.get()));
  EXPECT_EQ("started", failure_of(parent, "end 0"));
}

class privilege_test : public process_test, public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

INSTANTIATE_TEST_SUITE_P(all, privilege_test,
                         ::testing::Values(std::pair("after", "another user or group than the fork server"), std::pair("before", "started"),
                                           std::pair("effective", "started"),
                                           std::pair("limited", "fork: Resource temporarily unavailable [EAGAIN]")),
                         [](const auto& info) { return info.param.first; });

// Of an actor that gives up root, before its fork server starts or after.
TEST_P(privilege_test, child_never_has_more_than_its_requester) {
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
  requester parent;

  started_child child = parent.start(start_method::exec, std::string("change_user ") + GetParam().first);

  const std::string answer = read_line(child.ends.link.get()).value_or("nothing");
  EXPECT_NE(std::string::npos, answer.find(GetParam().second)) << answer;
  parent.await_death(child);
}

}  // namespace
