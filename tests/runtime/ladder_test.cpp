// SPDX-License-Identifier: Apache-2.0
//
// The steps by which an actor is ended: a request, SIGTERM, SIGKILL. Each goes as far as it has to, and no further, and every
// process is gone when the block is left.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "programs.hpp"
#include "runtime_test.hpp"

namespace ladder_kit {

namespace sc = tractor::sc;

namespace {

// An actor with the file `own`, and below it one that is deaf and busy; hands over that one's pid.
sc::task<> hold_one_that_is_stuck(tractor::context<int>& ctx, std::string own, std::string method) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    auto below =
        co_await an.start_actor("healthy", {.enable_modules = {"kit"}, .start_method = tractor::spawn::parse_start_method(method)});
    co_await below.run<&kit::own_file>(own);
    co_await below.open_context<&kit::block_below>({"busy", true}, [&](auto&, const std::vector<int>& pids) -> sc::task<> {
      co_await ctx.started(pids.at(1));
      co_await sc::sleep_forever();
    });
  });
}

// Has no connection any more once its stream is open, and is busy and deaf.
sc::task<> hang_up_and_be_stuck(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto&) -> sc::task<> {
    auto& channel = ctx.kernel_link().via().channel();
    channel.flush();
    ::shutdown(dynamic_cast<sc::socket_stream&>(channel.stream()).fd(), SHUT_RDWR);
    sigset_t terminate;
    ::sigemptyset(&terminate);
    ::sigaddset(&terminate, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &terminate, nullptr);
    for (volatile unsigned spins = 0;; spins = spins + 1) continue;
    co_return;
  });
}

int sigterm_file = -1;  // of this process
void note_sigterm(int) { static_cast<void>(::write(sigterm_file, "T", 1)); }

// From here on each SIGTERM leaves a letter in the file at `path`, and does nothing else. Stuck, it answers nothing either.
sc::task<> note_each_sigterm(tractor::context<>& ctx, std::string path, bool stuck) {
  sigterm_file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  struct sigaction action = {};
  action.sa_handler = note_sigterm;
  ::sigaction(SIGTERM, &action, nullptr);
  sigset_t terminate;
  ::sigemptyset(&terminate);
  ::sigaddset(&terminate, SIGTERM);
  ::sigprocmask(SIG_UNBLOCK, &terminate, nullptr);
  co_await ctx.started();
  ctx.kernel_link().via().channel().flush();
  while (stuck) ::pause();  // (ThreadSanitizer hands a signal over only to a thread that waits.)
  co_await sc::sleep_forever();
}

// Answers nothing, and reads nothing, once there is a file at `path`. At each SIGTERM it writes to it how many of them have come, and how
// many requests to end wait for it to read them.
sc::task<> count_what_comes(tractor::context<>& ctx, std::string path) {
  sigset_t terminate;
  ::sigemptyset(&terminate);
  ::sigaddset(&terminate, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &terminate, nullptr);
  co_await ctx.started();
  auto& channel = ctx.kernel_link().via().channel();
  channel.flush();
  const int fd = dynamic_cast<sc::socket_stream&>(channel.stream()).fd();
  std::ofstream(path) << "stuck";
  for (int sigterms = 1, number = 0; ::sigwait(&terminate, &number) == 0; ++sigterms) {
    std::string unread(1 << 16, '\0');
    unread.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(fd, unread.data(), unread.size(), MSG_PEEK | MSG_DONTWAIT), 0)));
    constexpr std::string_view name_of_the_request =
        "\xa6"
        "cancel";
    int requests = 0;
    for (std::size_t at = 0; (at = unread.find(name_of_the_request, at)) != std::string::npos; ++at) ++requests;
    std::ofstream(path) << sigterms << " SIGTERM, " << requests << " request";
  }
}

}  // namespace
}  // namespace ladder_kit

TRACTOR_MODULE(ladder_kit) {
  mod.def<&ladder_kit::note_each_sigterm>("note_each_sigterm", "path", "stuck");
  mod.def<&ladder_kit::count_what_comes>("count_what_comes", "path");
  mod.def<&ladder_kit::hold_one_that_is_stuck>("hold_one_that_is_stuck", "own", "method");
  mod.def<&ladder_kit::hang_up_and_be_stuck>("hang_up_and_be_stuck");
}

namespace runtime_test {
namespace {

class ladder_test : public both_methods {};
RT_BOTH_METHODS(ladder_test);

// Opens the context in which the actor stops to answer, and calls `then` when it has.
template <class Then>
sc::task<> with_blocked(const portal& worker, std::string how, bool deaf, Then then) {
  co_await worker.open_context<&kit::block>({std::move(how), deaf}, [&](auto&, int) -> sc::task<> { co_await then(); });
}

// S-KIL-1: an actor that listens needs no signal.
TEST_P(ladder_test, request_is_enough_for_one_that_listens) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    const watched_process process(static_cast<pid_t>(*worker.pid()));
    EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(process.gone());
    co_await an.cancel();
    EXPECT_TRUE(an.cancelled_caught());
  });
}

// S-KIL-1, S-KIL-2, S-KIL-6, S-NUR-11: in a loop or in a system call, deaf or not. SIGTERM is a request, so only SIGKILL ends it.
TEST_P(ladder_test, blocked_actors_are_killed_when_the_body_fails) {
  std::vector<watched_process> processes;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (const char* how : {"busy", "asleep"})
        for (const bool deaf : {true, false}) {
          auto worker = co_await an.start_actor(how, options());
          processes.emplace_back(static_cast<pid_t>(*worker.pid()));
          sc::event blocked;
          n.start_soon([&, worker, how, deaf]() -> sc::task<> {
            co_await with_blocked(worker, how, deaf, [&]() -> sc::task<> {
              blocked.set();
              co_await sc::sleep_forever();
            });
          });
          co_await blocked.wait();
        }
      throw std::invalid_argument("of the body");
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
  EXPECT_EQ(4U, processes.size());
  for (const auto& process : processes) EXPECT_TRUE(process.gone());
}

// S-KIL-1, S-KIL-2, S-KIL-6, S-NUR-20: whoever acknowledges the request is left to go; who does not gets SIGTERM, once, before SIGKILL; a
// hard cancel begins with that, and asks nobody.
TEST_P(ladder_test, sigterm_is_for_who_does_not_answer_and_for_a_hard_cancel) {
  enum class way : unsigned char { answers, is_stuck, hard };
  for (const way tried : {way::answers, way::is_stuck, way::hard}) {
    const std::string path = left_behind().temporary_directory() + "/sigterm";
    std::exception_ptr told;
    const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto more = options();
      more.enable_modules.emplace_back("ladder_kit");
      auto worker = co_await an.start_actor("worker", more);
      told = co_await caught([&] {
        return worker.open_context<&ladder_kit::note_each_sigterm>({path, tried == way::is_stuck}, [&](auto&) -> sc::task<> {
          co_await an.cancel(tried == way::hard);
          co_await sc::sleep_forever();
        });
      });
    });
    EXPECT_EQ(nullptr, error) << text_of(error);
    const auto noted = std::filesystem::file_size(path);
    EXPECT_EQ(tried == way::answers ? 0U : 1U, noted);
    EXPECT_THAT(text_of(told), HasSubstr(tried == way::answers ? "by actor 'root'" : "has ended: it was cancelled"));
    std::filesystem::remove(path);
  }
}

// S-KIL-2, S-KIL-6, S-KIL-10: the bounds are the contract's. (No test asserts how long anything takes.)
TEST(ladder_times, are_those_of_the_contract) {
  EXPECT_EQ(500ms, tractor::portal_cancel_timeout);
  EXPECT_EQ(1600ms, tractor::hard_kill_timeout);
  EXPECT_EQ(3s, tractor::nursery_cancel_timeout);
}

// S-KIL-11, S-NUR-19, S-NUR-20, S-NUR-21: also when the cancel was asked for in so many words, whichever way, and went without an error.
TEST_P(ladder_test, ladder_runs_to_its_end_after_an_explicit_cancel) {
  for (const bool hard : {false, true}) {
    std::optional<watched_process> process;
    bool graceful = true;
    const auto error = outcome_of([&]() -> sc::task<> {
      co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
        auto worker = co_await an.start_actor("worker", options());
        process.emplace(static_cast<pid_t>(*worker.pid()));
        const auto ended = co_await catch_as<tractor::transport_closed>([&] {
          return with_blocked(worker, "busy", true, [&]() -> sc::task<> {
            co_await an.cancel(hard);
            co_await sc::sleep_forever();
          });
        });
        RT_REQUIRE(ended);
        EXPECT_THAT(ended->what(), HasSubstr("actor 'worker' has ended"));
        while (an.actor_count() != 0) co_await sc::checkpoint();
        graceful = an.cancelled_caught();
      });
    });
    EXPECT_EQ(nullptr, error) << text_of(error);
    EXPECT_TRUE(process->gone());
    EXPECT_FALSE(graceful);
  }
}

// S-KIL-11: whatever the block does meanwhile.
TEST_P(ladder_test, ladder_follows_on_a_request_while_the_body_goes_on) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    const watched_process process(static_cast<pid_t>(*worker.pid()));
    static_cast<void>(co_await catch_as<tractor::transport_closed>([&] {
      return with_blocked(worker, "busy", true, [&]() -> sc::task<> {
        EXPECT_FALSE(co_await worker.cancel_actor());
        co_await sc::sleep_forever();
      });
    }));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(process.gone());
    // The nursery is as good as before.
    auto next = co_await an.start_actor("next", options());
    EXPECT_EQ(3, co_await next.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-KIL-14: at the same time, one after another, and once more because the body fails.
TEST_P(ladder_test, cancel_that_is_asked_for_again_asks_the_actor_once) {
  const std::string path = left_behind().temporary_directory() + "/counted";
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto more = options();
    more.enable_modules.emplace_back("ladder_kit");
    auto worker = co_await an.start_actor("worker", more);
    co_await worker.open_context<&ladder_kit::count_what_comes>({path}, [&](auto&) -> sc::task<> {
      while (!std::filesystem::exists(path)) co_await sc::sleep(1ms);  // (It has said started() before, and may have read on.)
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        for (int i = 0; i < 3; ++i) n.start_soon([&]() -> sc::task<> { co_await an.cancel(); });
        co_return;
      });
      co_await an.cancel();
      throw std::invalid_argument("of the body");
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
  std::ifstream counted(path);
  EXPECT_EQ("1 SIGTERM, 1 request", std::string(std::istreambuf_iterator<char>(counted), {}));
  std::filesystem::remove(path);
}

// S-OOB-2: no request reaches it.
// Reference: faults::test_stream_closed_right_after_ipc_break_and_zombie_lord_engages.
TEST_P(ladder_test, stuck_actor_without_a_connection_is_killed_when_the_body_is_interrupted) {
  std::optional<watched_process> process;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto more = options();
    more.enable_modules.emplace_back("ladder_kit");
    auto worker = co_await an.start_actor("worker", more);
    process.emplace(static_cast<pid_t>(*worker.pid()));
    co_await worker.open_context<&ladder_kit::hang_up_and_be_stuck>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        static_cast<void>(co_await catch_as<tractor::transport_closed>([&] { return stream.receive(); }));
        throw tractor::keyboard_interrupt("thrown");
      });
    });
  });
  static_cast<void>(as<tractor::keyboard_interrupt>(error));
  ASSERT_TRUE(process.has_value());
  EXPECT_TRUE(process->gone());
}

// S-KIL-1, S-KIL-10, S-RT-15, S-SRV-8: those above a stuck actor are not stuck. Each has the time to end it, and then to end itself.
TEST_P(ladder_test, healthy_actors_above_a_stuck_one_end_in_good_order) {
  const std::string of_the_upper = left_behind().temporary_directory() + "/upper";
  const std::string of_the_lower = left_behind().temporary_directory() + "/lower";
  std::optional<watched_process> stuck;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto more = options();
    more.enable_modules.emplace_back("ladder_kit");
    auto upper = co_await an.start_actor("upper", more);
    co_await upper.run<&kit::own_file>(of_the_upper);
    const std::string method(tractor::spawn::to_string(GetParam()));
    co_await upper.open_context<&ladder_kit::hold_one_that_is_stuck>({of_the_lower, method}, [&](auto&, int pid) -> sc::task<> {
      stuck.emplace(pid);
      EXPECT_TRUE(std::filesystem::exists(of_the_upper));
      EXPECT_TRUE(std::filesystem::exists(of_the_lower));
      throw std::invalid_argument("of the body");
      co_return;
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
  ASSERT_TRUE(stuck.has_value());
  EXPECT_TRUE(stuck->gone());
  EXPECT_FALSE(std::filesystem::exists(of_the_upper));
  EXPECT_FALSE(std::filesystem::exists(of_the_lower));
}

// S-KIL-6: a killed actor removes nothing.
TEST_P(ladder_test, socket_file_of_a_killed_actor_is_removed) {
  const tractor::ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "worker.sock"};
  static_cast<void>(outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto listening = options();
    listening.bind_addrs = {where};
    auto worker = co_await an.start_actor("worker", listening);
    co_await with_blocked(worker, "busy", true, [&]() -> sc::task<> {
      EXPECT_TRUE(std::filesystem::exists(where.path()));
      throw std::invalid_argument("of the body");
      co_return;
    });
  }));
  EXPECT_FALSE(std::filesystem::exists(where.path()));
}

// S-KIL-6: a successor that listens there already keeps its file.
TEST_P(ladder_test, socket_file_on_which_another_listens_stays) {
  const tractor::ipc::uds_address where{.dir = left_behind().temporary_directory(), .file = "worker.sock"};
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto listening = options();
    listening.bind_addrs = {where};
    listening.on_death = tractor::death_policy::ignore;
    auto worker = co_await an.start_actor("worker", listening);
    co_await worker.run<&kit::nothing>();  // it listens by now
    std::filesystem::remove(where.path());
    const auto successor = sc::listen_unix(where.path());
    watched_process(static_cast<pid_t>(*worker.pid())).signal(SIGKILL);
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_TRUE(std::filesystem::exists(where.path()));
  });
}

// S-KIL-2, S-KIL-10, S-KIL-12: what is below an actor goes with it.
// Reference: cancel::test_cancel_while_childs_child_in_sync_sleep.
TEST_P(ladder_test, blocked_grandchild_goes_with_its_parent) {
  std::vector<watched_process> processes;
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto middle = co_await an.start_actor("middle", options());
    co_await middle.open_context<&kit::block_below>({"busy", true}, [&](auto&, const std::vector<int>& pids) -> sc::task<> {
      for (const int pid : pids) processes.emplace_back(pid);
      throw std::invalid_argument("of the body");
      co_return;
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
  EXPECT_EQ(2U, processes.size());
  for (const auto& process : processes) EXPECT_TRUE(process.ends());
  left_behind().reap_orphans();
}

}  // namespace
}  // namespace runtime_test
