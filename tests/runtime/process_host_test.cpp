// SPDX-License-Identifier: Apache-2.0
//
// The processes of an actor while its way to the fork server is full, the server is stopped, or gone.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>

#include <fstream>

#include "programs.hpp"
#include "runtime/child_actor.hpp"
#include "runtime/process_host.hpp"
#include "runtime_test.hpp"
#include "spawn/descendants.hpp"
#include "spawn/fork_server_protocol.hpp"
#include "spawn/program.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"

namespace hosting {

namespace sc = tractor::sc;

bool is_stopped(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(status, line);
  return line.find(") T ") != std::string::npos;
}

// Stopping takes a moment after the signal.
constexpr int looks_max = 1'000'000;

void stop(pid_t process) {
  tractor::check_syscall(::kill(process, SIGSTOP), "stop the fork server");
  for (int looks = 0; !is_stopped(process); ++looks) {
    if (looks == looks_max) throw std::runtime_error("the fork server was not stopped");
    ::sched_yield();
  }
}

// Messages that the fork server drops, until the socket holds no more.
void fill(int socket) {
  const tractor::spawn::detail::request_header nobody{.kind = tractor::spawn::detail::request_kind::kill, .ticket = ~std::uint64_t{0}};
  while (::send(socket, &nobody, sizeof(nobody), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

// Starts an actor while the socket over which it introduces itself is full.
sc::task<int> start_through_a_full_socket() {
  const pid_t server = ::getppid();
  stop(server);
  fill(tractor::spawn::detail::actor_requests_fd);
  int answer = 0;
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& tasks) -> sc::task<> {
      tasks.start_soon([&]() -> sc::task<> {
        auto below = co_await an.start_actor("below", {.enable_modules = {"kit"}});
        answer = co_await below.run<&kit::add>(20, 3);
        co_await below.cancel_actor();
      });
      while (an.actor_count() == 0) co_await sc::checkpoint();
      ::kill(server, SIGCONT);
    });
  });
  co_return answer;
}

// From here on the death of the fork server is not this process's.
sc::task<int> drop_privileges() {
  if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) co_return -1;
  co_return ::getpid();
}

}  // namespace hosting

TRACTOR_MODULE(hosting) {
  mod.def<&hosting::start_through_a_full_socket>("start_through_a_full_socket");
  mod.def<&hosting::drop_privileges>("drop_privileges");
}

namespace runtime_test {
namespace {

using tractor::detail::child_process;
using tractor::detail::process_host;

class process_host_test : public runtime_test {
 protected:
  static actor_options options() { return {.enable_modules = {"hosting", "kit"}, .start_method = start_method::forkserver}; }
  // Of the host under test: there is no other child.
  static pid_t only_child() {
    const auto children = tractor::spawn::detail::list_children();
    if (children.size() != 1) throw std::runtime_error("the fork server is not the only child");
    return children.front();
  }
  // An actor that waits for a parent's first word.
  static std::unique_ptr<child_process> start_one(process_host& host, start_method method = start_method::forkserver) {
    tractor::msg::buffer boot;
    tractor::msg::encode(boot, tractor::detail::boot_record{.uuid = tractor::make_uuid(), .parent_name = "test", .parent_uuid = "x"});
    return host.start(method, {.name = "waiting", .boot = boot.view()}, {});
  }
};

// This process without the right to signal what it started before; with it again in the end.
class another_user {
 public:
  another_user() { EXPECT_EQ(0, ::setresuid(65534, 65534, 0)); }
  another_user(const another_user&) = delete;
  another_user& operator=(const another_user&) = delete;
  ~another_user() {
    EXPECT_EQ(0, ::setresuid(0, 0, 0));
    ::prctl(PR_SET_DUMPABLE, 1);
  }
};

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

// S-NUR-1
TEST_F(process_host_test, introduction_that_finds_no_room_is_made_later) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto middle = co_await an.start_actor("middle", options());
    EXPECT_EQ(23, co_await middle.run<&hosting::start_through_a_full_socket>());
    co_await middle.cancel_actor();
  });
}

// S-NUR-18
TEST_F(process_host_test, actor_that_gave_up_its_privileges_is_gone_with_the_fork_server) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving up a user or a group needs root";
  std::optional<watched_process> victim;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("dropped", options());
    victim.emplace(co_await worker.run<&hosting::drop_privileges>());
    watched_process(static_cast<pid_t>((co_await worker.run<&kit::who>()).parent_pid)).signal(SIGKILL);
    co_await sc::sleep_forever();
  });

  const auto* died = as<tractor::actor_died>(error);
  ASSERT_NE(nullptr, died);
  EXPECT_THAT(died->what(), HasSubstr("lost with the fork server"));
  EXPECT_TRUE(victim->gone());
  left_behind().reap_orphans();  // it was the fork server's child
}

// S-KIL-7
TEST_F(process_host_test, kill_of_an_unborn_process_that_finds_no_room_is_sent_later) {
  run([]() -> sc::task<> {
    process_host host({});
    auto first = start_one(host);
    co_await first->spawned().wait();
    first->signal(SIGKILL);
    co_await first->exited().wait();
    const pid_t server = only_child();
    hosting::stop(server);
    auto second = start_one(host);
    for (int fd = 3; fd < 64; ++fd) {
      int type = 0;
      socklen_t bytes = sizeof(type);
      if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_SEQPACKET) hosting::fill(fd);
    }
    second->signal(SIGKILL);

    EXPECT_EQ(0, ::kill(server, SIGCONT));

    co_await second->exited().wait();
    EXPECT_EQ(SIGKILL, second->certificate()->signal);
  });
}

// S-KIL-7: what a stopped server does not answer is waited for within a bound.
TEST_F(process_host_test, kill_that_a_stopped_server_does_not_answer_ends_in_an_error) {
  sc::virtual_clock clock;
  sc::run(sc::run_options{.clock = &clock}, [&]() -> sc::task<> {
    process_host host({});
    auto first = start_one(host);
    co_await first->spawned().wait();
    hosting::stop(only_child());
    auto second = start_one(host);
    first->signal(SIGKILL);
    second->signal(SIGKILL);
    co_await sc::checkpoint();
    EXPECT_FALSE(first->exited().is_set());
    EXPECT_FALSE(second->exited().is_set());

    clock.advance(tractor::detail::killed_process_bound);

    co_await first->exited().wait();
    co_await second->exited().wait();
    EXPECT_EQ(tractor::spawn::death_kind::lost, first->certificate()->kind);
    EXPECT_TRUE(first->failure().empty());
    EXPECT_THAT(second->failure(), HasSubstr("the fork server does not answer"));
  });
  left_behind().reap_orphans();  // the stopped server's, which is killed in the end
}

// S-KIL-7: after the privileges were given up, nobody may signal what was executed before.
TEST_F(process_host_test, process_that_may_not_be_signalled_is_told_once_and_waited_for_within_a_bound) {
  if (::geteuid() != 0) GTEST_SKIP() << "to be another user needs root";
  ::testing::internal::CaptureStderr();
  pid_t left = -1;
  sc::virtual_clock clock;
  sc::run(sc::run_options{.clock = &clock}, [&]() -> sc::task<> {
    process_host host({});
    auto child = start_one(host, start_method::exec);
    left = child->pid();
    const another_user powerless;

    EXPECT_FALSE(child->signal(SIGTERM));
    EXPECT_FALSE(child->signal(SIGKILL));

    co_await sc::checkpoint();
    EXPECT_FALSE(child->exited().is_set());
    clock.advance(tractor::detail::killed_process_bound);
    co_await child->exited().wait();
    EXPECT_EQ("cannot be killed, and is left running", child->certificate()->lost_because);
  });
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(1, count_of(said, "is of a user whom this process may not signal [EPERM]")) << said;
  EXPECT_EQ(1, count_of(said, "cannot be killed, and is left running")) << said;
  ::kill(left, SIGKILL);
  left_behind().reap_orphans();
}

// S-KIL-7: the fork server has kept the right.
TEST_F(process_host_test, forked_process_that_may_not_be_signalled_is_killed_by_the_server) {
  if (::geteuid() != 0) GTEST_SKIP() << "to be another user needs root";
  run([&]() -> sc::task<> {
    process_host host({});
    auto child = start_one(host);
    co_await child->spawned().wait();
    {
      const another_user powerless;

      EXPECT_TRUE(child->signal(SIGKILL));

      co_await child->exited().wait();
    }
    EXPECT_EQ(SIGKILL, child->certificate()->signal);
  });
}

// S-KIL-2: the end of its connection is the order that SIGTERM would have been.
TEST_F(process_host_test, actor_that_may_not_be_signalled_ends_with_its_connection) {
  if (::geteuid() != 0) GTEST_SKIP() << "to be another user needs root";
  ::testing::internal::CaptureStderr();
  std::optional<watched_process> worker;
  std::optional<another_user> powerless;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto portal = co_await an.start_actor("worker", {.enable_modules = {"kit"}, .start_method = start_method::exec});
    worker.emplace(static_cast<pid_t>(*portal.pid()));
    powerless.emplace();

    co_await an.cancel(true);
  });
  powerless.reset();
  // It may not remove its own files either.
  const std::array<pid_t, 1> own{::getpid()};
  tractor::ipc::sweep_sockets_of_dead(tractor::ipc::runtime_directory_path(), tractor::ipc::registry_sweep::swept, own);

  EXPECT_TRUE(worker->gone());
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(1, count_of(said, "may not signal")) << said;
  EXPECT_EQ(0, count_of(said, "did not end within")) << said;
}

}  // namespace
}  // namespace runtime_test
