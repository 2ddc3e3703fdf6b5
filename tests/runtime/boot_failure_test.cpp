// SPDX-License-Identifier: Apache-2.0
//
// Processes that do not become actors. Each ends in one error that says why, and in nothing left behind.

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/base/fd.hpp"

namespace runtime_test {
namespace {

class boot_failure_test : public runtime_test {
 protected:
  // An executable that is no tractor program.
  [[nodiscard]] std::string script(const std::string& commands) const {
    const std::string path = left_behind().temporary_directory() + "/program";
    std::ofstream(path) << "#!/bin/sh\n" << commands << "\n";
    EXPECT_EQ(0, ::chmod(path.c_str(), 0700));
    return path;
  }
  void TearDown() override {
    std::filesystem::remove(left_behind().temporary_directory() + "/program");
    runtime_test::TearDown();
  }
};

actor_options executing(std::string path) { return {.start_method = start_method::exec, .executable = std::move(path)}; }

// The text of the actor_failure that starting such an actor gives. The nursery goes on.
std::string failure_of(const actor_options& options) {
  std::string text;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const auto error = co_await catch_as<tractor::actor_failure>([&] { return an.start_actor("strange", options); });
    RT_REQUIRE(error);
    text = error->what();
    EXPECT_EQ(0U, an.actor_count());
    auto next = co_await start(an);
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    co_await next.cancel_actor();
  });
  return text;
}

// S-NUR-6
TEST_F(boot_failure_test, program_that_ends_at_once_is_reported_with_its_status) {
  const auto text = failure_of(executing("/bin/false"));
  EXPECT_THAT(text, HasSubstr("actor 'strange' did not start: "));
  EXPECT_THAT(text, HasSubstr("exit status 1"));
}

TEST_F(boot_failure_test, end_of_its_stderr_is_reported) {
  const auto text = failure_of(executing(script("echo first >&2; echo no luck today >&2; exit 7")));
  EXPECT_THAT(text, HasSubstr("exit status 7"));
  EXPECT_THAT(text, HasSubstr("the end of its stderr:\nfirst\nno luck today"));
}

// S-NUR-6: a process that it leaves behind holds its link, so that the kernel tells of no end.
TEST_F(boot_failure_test, end_is_seen_though_something_it_started_lives) {
  const std::string fifo = left_behind().temporary_directory() + "/held";
  ASSERT_EQ(0, ::mkfifo(fifo.c_str(), 0600));
  tractor::unique_fd writer(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  const auto text = failure_of(executing(script("cat " + fifo + " >/dev/null & exit 7")));
  writer.reset();  // the other process ends by that
  std::filesystem::remove(fifo);
  left_behind().reap_orphans();
  EXPECT_THAT(text, HasSubstr("exit status 7"));
  EXPECT_THAT(text, HasSubstr("did not start: its process (pid "));
}

TEST_F(boot_failure_test, program_killed_by_a_signal_is_reported_with_it) {
  EXPECT_THAT(failure_of(executing(script("kill -9 $$"))), HasSubstr("killed by SIGKILL"));
}

// S-NUR-2
TEST_F(boot_failure_test, silent_program_is_given_up_at_the_deadline) {
  auto options = executing(script("exec sleep 1000"));
  options.boot_timeout = 20ms;
  EXPECT_THAT(failure_of(options), HasSubstr("it did not say who it is within 20 ms"));
}

// What did not become an actor counts for how the actors ended, if it had to be killed.
TEST_F(boot_failure_test, end_of_a_nursery_is_not_graceful_where_a_boot_failed) {
  const auto ends_gracefully = [](const actor_options& options) {
    bool graceful = false;
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      EXPECT_TRUE(co_await catch_as<tractor::actor_failure>([&] { return an.start_actor("strange", options); }));
      co_await an.cancel();
      graceful = an.cancelled_caught();
    });
    return graceful;
  };
  auto silent = executing(script("exec sleep 1000"));
  silent.boot_timeout = 20ms;

  EXPECT_FALSE(ends_gracefully(silent));
  EXPECT_TRUE(ends_gracefully(executing("/bin/false")));
}

// S-OOB-8
TEST_F(boot_failure_test, program_that_says_something_else_is_refused) {
  const auto text = failure_of(executing(script("echo GET / HTTP/1.1 >&3; exec sleep 1000")));
  EXPECT_THAT(text, HasSubstr("did not start"));
  EXPECT_THAT(text, HasSubstr("broke the protocol"));
}

// S-OOB-8: what it said comes before how it ended. It listens first, so that nobody who sends finds it gone.
TEST_F(boot_failure_test, program_that_says_something_else_and_ends_is_blamed_for_what_it_said) {
  const std::string listen = R"sh(until [ "$(head -c 1 <&3 2>/dev/null | wc -c)" = 1 ]; do :; done)sh";
  const auto text = failure_of(executing(script(listen + "; echo GET / HTTP/1.1 >&3; exit 3")));
  EXPECT_THAT(text, ::testing::ContainsRegex("did not start: .*broke the protocol.*; its process .* ended: exit status 3"));
}

class stopped_server_test : public runtime_test {
 protected:
  // Runs `body` with a worker and its fork server, which is stopped, and goes on in the end.
  static void with_stopped(const std::function<sc::task<>(actor_nursery&, const watched_process& server)>& body) {
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await start(an);
      const watched_process server((co_await worker.run<&kit::who>()).parent_pid);
      server.signal(SIGSTOP);
      co_await body(an, server);
      server.signal(SIGCONT);
      EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
      co_await an.cancel();
    });
  }
};

// S-NUR-6, S-RT-12
TEST_F(stopped_server_test, start_fails_within_its_bound) {
  with_stopped([](actor_nursery& an, const watched_process&) -> sc::task<> {
    const auto error = co_await catch_as<tractor::actor_failure>([&] { return an.start_actor("nobody", {.boot_timeout = 20ms}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("the fork server does not answer"));
    EXPECT_EQ(1U, an.actor_count());
  });
}

// S-NUR-6, S-KIL-7
TEST_F(stopped_server_test, start_can_be_cancelled) {
  with_stopped([](actor_nursery& an, const watched_process&) -> sc::task<> {
    const auto nobody = co_await sc::move_on_after(20ms, [&] { return an.start_actor("nobody", {}); });
    EXPECT_FALSE(nobody.has_value());
    EXPECT_EQ(1U, an.actor_count());
  });
}

// S-KIL-3: it has three seconds, and the boot would have ten.
TEST_F(boot_failure_test, cancel_does_not_wait_for_the_end_of_a_boot) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const watched_process server((co_await worker.run<&kit::who>()).parent_pid);
    server.signal(SIGSTOP);
    bool ended = false;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await caught([&] { return start(an, "late"); }));
        ended = true;
      });
      while (an.actor_count() < 2) co_await sc::checkpoint();
      co_await an.cancel();
      EXPECT_FALSE(ended);
      server.signal(SIGCONT);
    });
  });
}

// S-KIL-3, S-KIL-11: also where the boot takes longer than cancel() waits for it; here that is cut short.
TEST_F(boot_failure_test, actor_that_boots_after_a_cancel_is_ended) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const watched_process server((co_await worker.run<&kit::who>()).parent_pid);
    server.signal(SIGSTOP);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await caught([&] { return start(an, "late"); })); });
      while (an.actor_count() < 2) co_await sc::checkpoint();
      EXPECT_FALSE(co_await sc::move_on_after(1ms, [&] { return an.cancel(); }));

      server.signal(SIGCONT);
    });
  });  // which nothing would end otherwise
}

// S-NUR-20, S-KIL-3: one that boots then is not asked, either.
TEST_F(boot_failure_test, actor_that_boots_after_a_hard_cancel_is_signalled_at_once) {
  for (const bool hard : {true, false}) {
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await start(an);
      const watched_process server((co_await worker.run<&kit::who>()).parent_pid);
      server.signal(SIGSTOP);
      std::optional<portal> late;
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> { late = co_await start(an, "late"); });
        while (an.actor_count() < 2) co_await sc::checkpoint();
        n.start_soon([&]() -> sc::task<> { co_await an.cancel(hard); });
        while (!an.cancel_called()) co_await sc::checkpoint();
        server.signal(SIGCONT);
      });
      RT_REQUIRE(late);
      EXPECT_EQ(!hard, late->kernel_peer()->cancel_called());
    });
  }
}

// S-KIL-7: what the server makes in the end, nobody wants: it is killed, and those that are wanted live.
TEST_F(stopped_server_test, process_made_too_late_is_killed) {
  with_stopped([](actor_nursery& an, const watched_process& server) -> sc::task<> {
    static_cast<void>(co_await caught([&] { return an.start_actor("nobody", {.boot_timeout = 20ms}); }));
    server.signal(SIGCONT);
    auto next = co_await start(an, "next");  // the server takes its requests in order
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    const std::string children = "/proc/" + std::to_string(server.pid()) + "/task/" + std::to_string(server.pid()) + "/children";
    const auto count = [&] {
      std::ifstream file(children);
      return std::distance(std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>());
    };
    while (count() != 2) co_await sc::checkpoint();
  });
}

// The actor has said who it is, but there was no descriptor left for the one that stands for its process.
TEST_F(stopped_server_test, pidfd_that_found_no_room_is_an_error) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  with_stopped([&](actor_nursery& an, const watched_process& server) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        const auto error = co_await catch_as<tractor::actor_failure>([&] { return an.start_actor("nobody"); });
        ::setrlimit(RLIMIT_NOFILE, &before);
        RT_REQUIRE(error);
        EXPECT_THAT(error->what(), HasSubstr("EMFILE"));
      });
      while (an.actor_count() < 2) co_await sc::checkpoint();
      rlimit none = before;
      none.rlim_cur = 0;
      ::setrlimit(RLIMIT_NOFILE, &none);
      server.signal(SIGCONT);
      // Both have come before this process looks at either: the server's answer, and the actor's Aid.
      const auto aid_is_there = [&] {
        for (int fd = 0; fd < 256; ++fd) {
          int type = 0, bytes = 0;
          socklen_t length = sizeof type;
          if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM && ::ioctl(fd, FIONREAD, &bytes) == 0 &&
              bytes > 0)
            return true;
        }
        return false;
      };
      int waited_ms = 0;
      for (; !aid_is_there() && waited_ms < 20'000; ++waited_ms) ::poll(nullptr, 0, 1);
      EXPECT_GT(20'000, waited_ms) << "the actor did not boot";
    });
  });
}

// S-RT-12
TEST_F(boot_failure_test, cancelled_start_leaves_no_process) {
  const std::string silent = script("exec sleep 1000");
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const auto nobody = co_await sc::move_on_after(20ms, [&] { return an.start_actor("silent", executing(silent)); });
    EXPECT_FALSE(nobody.has_value());
    EXPECT_EQ(0U, an.actor_count());
  });
}

// S-NUR-11: the block does not wait for the deadline of a start that nobody wants any more.
TEST_F(boot_failure_test, failing_body_ends_a_start_of_its_own) {
  const std::string silent = script("exec sleep 1000");
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await an.start_actor("silent", executing(silent))); });
      co_await sc::checkpoint();
      throw std::runtime_error("the body fails");
    });
  });
  static_cast<void>(as<std::runtime_error>(error));
}

// S-RT-22: it has said who it is by then, so its start is no failure; that it is of no use must not stay unsaid.
TEST_F(boot_failure_test, actor_that_cannot_listen_where_it_is_told_fails_its_nursery) {
  const tractor::ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "taken.sock"};
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    const auto taken = tractor::ipc::listen(where);
    co_await an.start_actor("worker", {.bind_addrs = {where}});
    co_await sc::sleep_forever();
  });
  const auto* raised = as<tractor::remote_actor_error>(error);
  ASSERT_NE(nullptr, raised);
  EXPECT_EQ("worker", raised->src_uid().name);
  EXPECT_EQ("OSError", raised->boxed_type_str());
  EXPECT_THAT(raised->what(), HasSubstr(where.path()));
}

TEST_F(boot_failure_test, missing_executable_is_named) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    const auto error = co_await catch_as<tractor::os_error>([&] { return an.start_actor("nobody", executing("/nowhere/program")); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("/nowhere/program"));
    EXPECT_THAT(error->what(), HasSubstr("ENOENT"));
    EXPECT_EQ(0U, an.actor_count());
  });
}

// S-RT-8
TEST_F(boot_failure_test, unknown_start_method_in_the_environment_is_refused) {
  ::setenv(tractor::spawn::start_method_variable, "telepathy", 1);
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    const auto error = co_await catch_as<tractor::usage_error>([&] { return start(an); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("telepathy"));
    EXPECT_THAT(error->what(), HasSubstr("TRACTOR_SPAWN_METHOD"));
  });
  ::unsetenv(tractor::spawn::start_method_variable);
}

// S-RT-8
TEST_F(boot_failure_test, start_method_of_the_environment_is_used) {
  ::setenv(tractor::spawn::start_method_variable, "exec", 1);
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(::getpid(), (co_await worker.run<&kit::who>()).parent_pid);
    co_await an.cancel();
  });
  ::unsetenv(tractor::spawn::start_method_variable);
}

TEST_F(boot_failure_test, inproc_is_not_there_yet) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    static_cast<void>(co_await catch_as<tractor::usage_error>([&] { return an.start_actor("x", {.start_method = start_method::inproc}); }));
  });
}

TEST_F(boot_failure_test, name_that_is_no_text_is_refused) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    const auto error = co_await catch_as<tractor::usage_error>([&] { return start(an, "\xff\xfe"); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr(R"(not UTF-8: '\xff\xfe')"));
  });
}

TEST_F(boot_failure_test, closed_nursery_starts_nobody) {
  run([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      tractor::actor_nursery an(tractor::current_actor());
      co_await an.run([](actor_nursery&) -> sc::task<> { co_return; });
      static_cast<void>(co_await catch_as<tractor::usage_error>([&] { return start(an); }));
    });
  });
}

class descriptor_limit_test : public both_methods {};
RT_BOTH_METHODS(descriptor_limit_test);

// With no descriptor left, then one, then two …: every step of a start fails once, each with an error, until there are enough.
TEST_P(descriptor_limit_test, exhaustion_is_an_error_at_every_step_and_costs_nothing_else) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  int refused = 0, started = 0;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto first = co_await an.start_actor("first", options());
    for (rlim_t spare = 0; spare < 24 && started == 0; ++spare) {
      rlimit tight = before;
      tight.rlim_cur = 0;
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        tight.rlim_cur = std::max<rlim_t>(tight.rlim_cur, std::stoul(entry.path().filename().string()));
      // A hole in the table would be a descriptor more than the limit says.
      std::vector<tractor::unique_fd> holes;
      for (;;) {
        tractor::unique_fd filler(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (!filler || static_cast<rlim_t>(filler.get()) > tight.rlim_cur) break;
        holes.push_back(std::move(filler));
      }
      tight.rlim_cur += 1 + spare;
      ::setrlimit(RLIMIT_NOFILE, &tight);
      std::optional<portal> worker;
      const auto error = co_await caught([&]() -> sc::task<> { worker.emplace(co_await an.start_actor("worker", options())); });
      ::setrlimit(RLIMIT_NOFILE, &before);
      if (error) {
        ++refused;
        static_cast<void>(as<tractor::error>(error));
        EXPECT_EQ(1U, an.actor_count());
      } else {
        ++started;
        EXPECT_EQ(3, co_await worker->run<&kit::add>(1, 2));
        co_await worker->cancel_actor();
      }
    }
    EXPECT_EQ(3, co_await first.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
  EXPECT_LT(0, refused);
  EXPECT_EQ(1, started);
}

}  // namespace
}  // namespace runtime_test
