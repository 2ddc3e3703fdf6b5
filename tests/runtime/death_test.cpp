// SPDX-License-Identifier: Apache-2.0
//
// Actors whose process ends unasked: one error, which names the actor and how it ended, wherever it is seen first.

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace dying {

namespace sc = tractor::sc;
using namespace std::chrono_literals;

namespace {

// The process is killed; a copy of it holds its link, and reads `fifo` until nobody writes there any more.
sc::task<> leave_a_copy(std::string fifo) {
  const int held = ::open(fifo.c_str(), O_RDONLY | O_CLOEXEC);
  if (::fork() == 0) {
    char byte = 0;
    while (::read(held, &byte, 1) > 0) continue;
    ::_exit(0);
  }
  ::kill(::getpid(), SIGKILL);
  co_return;
}

// The exit status of one that was told to end, though nobody told it.
sc::task<> exit_now() {
  ::_exit(0);
  co_return;
}
sc::task<> exit_soon() {
  tractor::current_actor().service().start_soon([]() -> sc::task<> {
    co_await sc::sleep(1ms);
    ::_exit(0);
  });
  co_return;
}

sc::task<> abort_when_cancelled() {
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    std::abort();
  }
}
sc::task<> abort_at_exit() {
  tractor::current_actor().on_exit([] { std::abort(); });
  co_return;
}

// A failure of the runtime, told to the parent: now, or when nobody is in a dialog any more.
sc::task<> fail_the_runtime(tractor::context<>& ctx, bool later) {
  const auto tell = [link = ctx.kernel_link().via().shared_from_this()] {
    tractor::msg::error_msg failure;
    failure.src_uid = tractor::current_actor().uid();
    failure.src_type_str = failure.boxed_type_str = "RuntimeError";
    failure.message = "of the runtime";
    link->send([&](tractor::msg::buffer& out) { tractor::msg::encode_error_msg(out, failure); });
  };
  co_await ctx.started();
  if (later)
    tractor::current_actor().service().start_soon([=]() -> sc::task<> {
      co_await sc::sleep(1ms);
      tell();
    });
  else
    tell();
}

// Echoes so many items, and then has no connection any more, perhaps after an end of the stream in good order.
sc::task<> echo_and_cut(tractor::context<void, int, int>& ctx, int items, bool close_first) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0; i < items; ++i) co_await stream.send(co_await stream.receive());
    if (close_first) co_await stream.aclose();
    ctx.kernel_link().via().channel().flush();
    ctx.kernel_link().via().channel().stream().close();
    co_await sc::sleep_forever();
  });
}

sc::task<std::string> much_text(std::size_t bytes) { co_return std::string(bytes, 'x'); }

constexpr int link_fd = 3;  // that an actor is born with
sc::task<> write_into_the_link() {
  constexpr std::string_view garbage = "GET / HTTP/1.1\r\n\r\n";
  if (::write(link_fd, garbage.data(), garbage.size()) < 0) throw std::runtime_error("there is no link");
  co_await sc::sleep_forever();
}

}  // namespace
}  // namespace dying

TRACTOR_MODULE(dying) {
  using namespace dying;
  mod.def<&leave_a_copy>("leave_a_copy", "fifo");
  mod.def<&exit_now>("exit_now");
  mod.def<&exit_soon>("exit_soon");
  mod.def<&abort_when_cancelled>("abort_when_cancelled");
  mod.def<&abort_at_exit>("abort_at_exit");
  mod.def<&fail_the_runtime>("fail_the_runtime", "later");
  mod.def<&echo_and_cut>("echo_and_cut", "items", "close_first");
  mod.def<&much_text>("much_text", "bytes");
  mod.def<&write_into_the_link>("write_into_the_link");
}

namespace runtime_test {
namespace {

class death_test : public both_methods {
 protected:
  [[nodiscard]] static actor_options options() {
    auto more = both_methods::options();
    more.enable_modules.emplace_back("dying");
    return more;
  }
};
RT_BOTH_METHODS(death_test);

using tractor::actor_died;

struct way_to_die {
  const char* how;
  const char* text;
};
const std::vector<way_to_die> ways{{"kill", "killed by SIGKILL"}, {"exit", "exit status 3"}, {"abort", "killed by SIGABRT"}};

// S-NUR-18, S-OOB-3
TEST_P(death_test, pending_call_raises_it) {
  for (const auto& way : ways) {
    std::optional<tractor::uid> who;
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.start_actor("victim", options());
      who = worker.peer_uid();
      co_await worker.run<&kit::die>(way.how);
    });
    const auto* died = as<actor_died>(error);
    ASSERT_NE(nullptr, died);
    EXPECT_EQ(who, died->who());
    EXPECT_THAT(died->what(), HasSubstr("actor 'victim' (pid "));
    EXPECT_THAT(died->what(), HasSubstr(way.text));
  }
}

// S-NUR-18: with nobody in a dialog the nursery raises it, out of the body's sleep or out of its join.
TEST_P(death_test, idle_daemons_death_fails_the_nursery) {
  for (const bool in_body : {true, false}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto victim = co_await an.start_actor("victim", options());
      co_await an.start_actor("bystander", options());
      watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
      if (in_body) co_await sc::sleep_forever();
    });
    const auto* died = as<actor_died>(error);
    ASSERT_NE(nullptr, died);
    EXPECT_EQ("victim", died->who().name);
    EXPECT_EQ(SIGKILL, died->certificate().signal);
  }
}

// S-NUR-18
TEST_P(death_test, run_once_actors_death_is_its_result) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.run_in_actor<&kit::die>({.actor = options()}, "exit");
    const auto seen = co_await catch_as<actor_died>([&] { return victim.wait_for_result<void>(); });
    RT_REQUIRE(seen);
    EXPECT_EQ(3, seen->certificate().exit_status);
  });
  static_cast<void>(as<actor_died>(error));
}

// The last that it wrote to stderr is in the certificate.
TEST_P(death_test, last_words_are_kept) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("victim", options());
    const auto died = co_await catch_as<actor_died>([&] { return worker.run<&kit::die>("stderr"); });
    RT_REQUIRE(died);
    EXPECT_EQ("the last words\n", died->stderr_tail());
    EXPECT_THAT(died->what(), HasSubstr("the end of its stderr:\nthe last words"));
    EXPECT_EQ(4, died->certificate().exit_status);
  });
}

// All who talk to it are told, with one and the same error; who takes note of it may go on.
TEST_P(death_test, every_dialog_is_told) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    std::vector<std::exception_ptr> seen(3);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { seen[0] = co_await caught([&] { return victim.run<&kit::forever>(); }); });
      n.start_soon([&]() -> sc::task<> {
        seen[1] = co_await caught(
            [&] { return victim.open_context<&kit::sleeper>({}, [](auto&) -> sc::task<> { co_await sc::sleep_forever(); }); });
      });
      n.start_soon([&]() -> sc::task<> {
        seen[2] = co_await caught([&] {
          return victim.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
            co_await ctx.open_stream([](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
          });
        });
      });
      co_await victim.run<&kit::nothing>();
      co_await victim.run<&kit::nothing>();
      watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
    });
    for (const auto& error : seen) static_cast<void>(as<actor_died>(error));
    auto next = co_await an.start_actor("next", options());
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    co_await next.cancel_actor();
  });
}

// S-ERR-11: a sender finds out too, by the same error as everybody, not by whatever its socket says.
TEST_P(death_test, sender_gets_the_certificate_as_well) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await victim.open_context<&kit::sum>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await stream.send(1);
        const watched_process process(static_cast<pid_t>(*victim.pid()));
        process.signal(SIGKILL);
        EXPECT_TRUE(process.ends());
        for (;;) co_await stream.send(2);
      });
    });
  });
  static_cast<void>(as<actor_died>(error));
}

// A call that begins when the connection has ended, but nobody knows yet why.
TEST_P(death_test, call_right_after_the_death_gets_the_certificate) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    process.signal(SIGKILL);
    EXPECT_TRUE(process.ends());
    co_await victim.run<&kit::nothing>();
  });
  static_cast<void>(as<actor_died>(error));
}

// S-NUR-2: who is told to look away looks away, and who uses the actor still finds out.
TEST_P(death_test, ignored_death_is_no_error_of_the_nursery) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto careless = options();
    careless.on_death = tractor::death_policy::ignore;
    auto victim = co_await an.start_actor("victim", careless);
    watched_process(static_cast<pid_t>(*victim.pid())).signal(SIGKILL);
    while (an.actor_count() != 0) co_await sc::checkpoint();
    static_cast<void>(co_await catch_as<actor_died>([&] { return victim.run<&kit::nothing>(); }));
  });
}

// S-NUR-18, S-NUR-21: the cancel is one thing, a kill that it did not send another. Stopped, the actor cannot end before.
TEST_P(death_test, kill_by_somebody_else_during_a_cancel_is_a_death) {
  bool graceful = true;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    process.signal(SIGSTOP);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await an.cancel(); });
      while (!an.cancel_called()) co_await sc::checkpoint();
      process.signal(SIGKILL);
      co_await sc::shielded([&]() -> sc::task<> {
        while (an.actor_count() != 0) co_await sc::checkpoint();
      });
      graceful = an.cancelled_caught();
    });
  });
  const auto* died = as<actor_died>(error);
  ASSERT_NE(nullptr, died);
  EXPECT_EQ(SIGKILL, died->certificate().signal);
  EXPECT_FALSE(graceful);
}

// S-NUR-18: a crash in what is done because of the cancel is told to who is in a dialog, and to who asks how the cancel went.
TEST_P(death_test, crash_in_cleanup_is_told_to_the_dialog) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        const auto died = co_await catch_as<actor_died>([&] { return victim.run<&dying::abort_when_cancelled>(); });
        RT_REQUIRE(died);
        EXPECT_EQ(SIGABRT, died->certificate().signal);
      });
      for (int i = 0; i < 2; ++i) co_await victim.run<&kit::nothing>();
      co_await an.cancel();
    });
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_FALSE(an.cancelled_caught());
  });
}

// S-NUR-18: with nobody in a dialog, the nursery raises it, also when the actor had acknowledged the cancel.
TEST_P(death_test, crash_on_the_way_out_fails_the_nursery) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await victim.run<&dying::abort_at_exit>();
    EXPECT_TRUE(co_await victim.cancel_actor({.timeout = hang_bound}));
  });
  const auto* died = as<actor_died>(error);
  ASSERT_NE(nullptr, died);
  EXPECT_EQ(SIGABRT, died->certificate().signal);
}

// S-NUR-13, S-NUR-18
TEST_P(death_test, crash_of_a_run_once_actor_in_its_cleanup_is_an_error_of_its_own) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.run_in_actor<&dying::abort_when_cancelled>({.actor = options()});
    for (int i = 0; i < 2; ++i) co_await victim.run<&kit::nothing>();
    throw std::invalid_argument("of the body");
  });
  const auto* group = as<sc::exception_group>(error);
  ASSERT_NE(nullptr, group);
  ASSERT_EQ(2U, group->exceptions().size());
  static_cast<void>(as<std::invalid_argument>(group->exceptions()[0]));
  static_cast<void>(as<actor_died>(group->exceptions()[1]));
}

// S-NUR-18: whatever the exit status.
TEST_P(death_test, exit_that_nobody_asked_for_is_a_death) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const auto died = co_await catch_as<actor_died>([&] { return victim.run<&dying::exit_now>(); });
    RT_REQUIRE(died);
    EXPECT_TRUE(died->certificate().clean());
    EXPECT_THAT(died->what(), HasSubstr("died: exit status 0"));
  });
}

// S-NUR-18
TEST_P(death_test, exit_of_an_idle_daemon_fails_the_nursery) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    co_await victim.run<&dying::exit_soon>();
    co_await sc::sleep_forever();
  });
  static_cast<void>(as<actor_died>(error));
}

// S-RT-22: to whoever is in a dialog with it, or else to the nursery.
TEST_P(death_test, failure_of_an_actors_runtime_is_raised_where_it_is_seen_first) {
  for (const bool later : {false, true}) {
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto victim = co_await an.start_actor("victim", options());
      const auto context = [&] {
        return victim.open_context<&dying::fail_the_runtime>({later}, [&](auto&) -> sc::task<> {
          if (!later) co_await sc::sleep_forever();
        });
      };
      if (later) {
        co_await context();
        co_await sc::sleep_forever();
      }
      const auto raised = co_await catch_as<tractor::remote_actor_error>(context);
      RT_REQUIRE(raised);
      EXPECT_THAT(raised->what(), HasSubstr("'RuntimeError': of the runtime"));
      while (an.actor_count() != 0) co_await sc::checkpoint();
    });
    if (!later) {
      EXPECT_EQ(nullptr, error) << text_of(error);
      continue;
    }
    const auto* raised = as<tractor::remote_actor_error>(error);
    ASSERT_NE(nullptr, raised);
    EXPECT_EQ("victim", raised->src_uid().name);
    EXPECT_THAT(raised->what(), HasSubstr("of the runtime"));
  }
}

// S-OOB-1: cut here, there, or on both sides, perhaps behind an end of the stream in good order.
// Reference: faults::test_ipc_channel_break_during_stream.
TEST_P(death_test, connection_cut_in_the_middle_of_a_stream_ends_the_actor) {
  struct cut {
    int here, there;  // after so many items
  };
  constexpr int items = 1000, never = items + 1;
  for (const cut after : {cut{.here = 500, .there = never}, cut{.here = never, .there = 500}, cut{.here = 500, .there = 500}})
    for (const bool close_first : {false, true}) {
      SCOPED_TRACE(std::to_string(after.here) + ", " + std::to_string(after.there) + (close_first ? ", closed first" : ""));
      std::optional<watched_process> process;
      const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
        auto victim = co_await an.start_actor("victim", options());
        process.emplace(static_cast<pid_t>(*victim.pid()));
        co_await victim.open_context<&dying::echo_and_cut>({after.there, close_first}, [&](auto& ctx) -> sc::task<> {
          co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
            for (int i = 0; i < items; ++i) {
              if (i == after.here && close_first) co_await stream.aclose();
              if (i == after.here) victim.kernel_peer()->channel().stream().close();
              co_await stream.send(i);
              EXPECT_EQ(i, co_await stream.receive());
            }
          });
        });
      });
      static_cast<void>(as<tractor::transport_closed>(error));
      ASSERT_TRUE(process.has_value());
      EXPECT_TRUE(process->gone());
    }
}

// The process ends because its connection did, and that because of what it sent: this is what has to be told.
TEST_P(death_test, fault_on_the_link_is_named) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const auto lost = co_await catch_as<tractor::transport_closed>([&] { return victim.run<&dying::write_into_the_link>(); });
    RT_REQUIRE(lost);
    EXPECT_THAT(lost->what(), HasSubstr("broke the protocol"));
  });
}

// What fails in the parent, while it takes a message, costs the connection and so the actor; not the nursery.
TEST_P(death_test, message_that_finds_no_memory_here_ends_its_actor) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers need all of the address space";
#endif
#endif
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    constexpr rlim_t mebibyte = 1024 * 1024;
    rlimit before{};
    ::getrlimit(RLIMIT_AS, &before);
    rlim_t pages = 0;
    ::malloc_trim(0);  // what earlier tests have left to the heap is no room for this one
    std::ifstream("/proc/self/statm") >> pages;
    rlimit tight = before;
    tight.rlim_cur = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + 24 * mebibyte;
    RT_REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
    const auto error = co_await caught([&] { return worker.run<&dying::much_text>(60 * mebibyte); });
    ::setrlimit(RLIMIT_AS, &before);
    static_cast<void>(as<tractor::error>(error));
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

class held_link_test : public death_test {
 protected:
  void SetUp() override {
    death_test::SetUp();
    path_ = left_behind().temporary_directory() + "/held";
    ASSERT_EQ(0, ::mkfifo(path_.c_str(), 0600));
    writer_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  }
  void TearDown() override {
    writer_.reset();
    std::filesystem::remove(path_);
    left_behind().reap_orphans();
    death_test::TearDown();
  }
  std::string path_;
  tractor::unique_fd writer_;  // while it is open, the copy lives
};
RT_BOTH_METHODS(held_link_test);

// S-NUR-18: the kernel reports no end of a connection that somebody else still holds.
TEST_P(held_link_test, death_is_seen_though_a_copy_of_the_process_lives) {
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const auto died = co_await catch_as<actor_died>([&] { return victim.run<&dying::leave_a_copy>(path_); });
    RT_REQUIRE(died);
    EXPECT_EQ(SIGKILL, died->certificate().signal);
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

// The only dialog is being given up, quietly, when the actor dies: nobody there raises it, so the nursery does.
TEST_P(death_test, death_while_a_dialog_is_given_up_is_not_lost) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    sc::cancel_scope scope;
    sc::event up;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await scope.run([&] {
          return victim.open_context<&kit::slow_to_end>({10'000}, [&](auto&) -> sc::task<> {
            up.set();
            co_await sc::sleep_forever();
          });
        }));
      });
      co_await up.wait();
      scope.cancel("nobody wants it");
      for (int i = 0; i < 3; ++i) co_await victim.run<&kit::nothing>();
      process.signal(SIGKILL);
    });
    co_await sc::sleep_forever();
  });
  static_cast<void>(as<actor_died>(error));
}

// A cancel that was asked for, and not answered before the process died, absorbs nothing.
TEST_P(death_test, death_after_an_unanswered_cancel_is_raised) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto victim = co_await an.start_actor("victim", options());
    const watched_process process(static_cast<pid_t>(*victim.pid()));
    co_await victim.open_context<&kit::slow_to_end>({10'000}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.cancel(1ms);
      process.signal(SIGKILL);
      co_await sc::sleep_forever();
    });
  });
  static_cast<void>(as<actor_died>(error));
}

class server_death_test : public runtime_test {};

// S-NUR-18: the fork server takes its actors along, each an ordinary death; the next start brings up a new one.
TEST_F(server_death_test, killed_fork_server_is_the_death_of_its_actors_and_is_replaced) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto careless = actor_options{.enable_modules = {"kit"}, .on_death = tractor::death_policy::ignore};
    auto one = co_await an.start_actor("one", careless);
    auto two = co_await an.start_actor("two", careless);
    const watched_process first(static_cast<pid_t>(*one.pid())), second(static_cast<pid_t>(*two.pid()));
    const watched_process server((co_await one.run<&kit::who>()).parent_pid);
    EXPECT_NE(::getpid(), server.pid());

    server.signal(SIGKILL);
    const auto died = co_await catch_as<actor_died>([&] { return one.run<&kit::forever>(); });
    RT_REQUIRE(died);
    EXPECT_THAT(died->what(), HasSubstr("lost with the fork server"));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(first.ends());
    EXPECT_TRUE(second.ends());

    auto next = co_await start(an, "next");
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    EXPECT_NE(server.pid(), (co_await next.run<&kit::who>()).parent_pid);
    co_await next.cancel_actor();
  });
  left_behind().reap_orphans();
}

}  // namespace
}  // namespace runtime_test
