// SPDX-License-Identifier: Apache-2.0
//
// The way of what children write to stderr while they, or what they started, write without a pause, and while nobody reads it.

#include "runtime/stderr_relay.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "runtime_test.hpp"
#include "tests/spawn/stderr_pipe.hpp"

namespace relaying {

namespace sc = tractor::sc;

// Leaves processes behind that write to its stderr until nobody has the other end, and is killed.
sc::task<> die_among_writers(int count) {
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    const std::string line = std::string(4095, 'x') + '\n';
    ::signal(SIGPIPE, SIG_DFL);
    while (::write(STDERR_FILENO, line.data(), line.size()) >= 0 || errno == EAGAIN) {
    }
    ::_exit(0);
  }
  ::kill(::getpid(), SIGKILL);
  co_return;
}

}  // namespace relaying

TRACTOR_MODULE(relaying) { mod.def<&relaying::die_among_writers>("die_among_writers", "count"); }

namespace runtime_test {
namespace {

using spawn_test::stderr_pipe;
using tractor::detail::stderr_outlet;
using tractor::detail::stderr_relay;

class stderr_relay_test : public runtime_test {};
class noisy_children_test : public both_methods {};
RT_BOTH_METHODS(noisy_children_test);

constexpr int pages = 2 * tractor::detail::stderr_reads_max;

// A pipe of a child that says more than is read in one go, as whoever reaps the child finds it.
tractor::unique_fd full_pipe(tractor::unique_fd& writer) {
  int ends[2];
  EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC | O_NONBLOCK));
  tractor::unique_fd reader(ends[0]);
  writer.reset(ends[1]);
  EXPECT_LE(pages * 4096, ::fcntl(reader.get(), F_SETPIPE_SZ, pages * 4096));
  const std::string page = std::string(4095, 'x') + '\n';
  for (int i = 0; i < pages; ++i) EXPECT_EQ(4096, ::write(writer.get(), page.data(), page.size()));
  return reader;
}

TEST_F(stderr_relay_test, rest_of_what_is_there_when_a_child_is_reaped_is_read_later) {
  ::testing::internal::CaptureStderr();
  run([]() -> sc::task<> {
    tractor::unique_fd writer;
    stderr_outlet outlet;
    stderr_relay relay(full_pipe(writer), outlet);

    relay.drain();

    int left = 1;
    while (::ioctl(writer.get(), FIONREAD, &left) == 0 && left != 0) co_await sc::checkpoint();
    EXPECT_EQ(4096, ::write(writer.get(), std::string(4096, 'y').data(), 4096));
    relay.finish();
  });
  EXPECT_EQ(static_cast<std::size_t>(pages + 1) * 4096 + 1, ::testing::internal::GetCapturedStderr().size());
}

// Those that were executed do not go with their actor: they find nobody who reads.
TEST_P(noisy_children_test, end_of_an_actor_is_not_held_up_by_writers_that_it_left_behind) {
  ::testing::internal::CaptureStderr();
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto options = noisy_children_test::options();
    options.enable_modules = {"relaying"};
    options.on_death = tractor::death_policy::ignore;
    auto noisy = co_await an.start_actor("noisy", options);

    const auto died = co_await catch_as<tractor::actor_died>([&] { return noisy.run<&relaying::die_among_writers>(3); });

    RT_REQUIRE(died);
    EXPECT_TRUE(died->certificate().killed_by(SIGKILL)) << died->what();
  });
  left_behind().reap_orphans();
  static_cast<void>(::testing::internal::GetCapturedStderr());
}

TEST_F(stderr_relay_test, text_that_finds_no_room_is_written_when_there_is_some) {
  stderr_pipe unread;
  unread.fill();
  run([&]() -> sc::task<> {
    stderr_outlet outlet;
    outlet.pass_on("one\n");
    outlet.say("%s\n", "two");
    EXPECT_EQ(std::string(stderr_pipe::capacity, '.'), unread.read());

    std::string text;
    while (text.size() < 8) {
      co_await sc::checkpoint();
      text += unread.read();
    }

    EXPECT_EQ("one\ntwo\n", text);
    outlet.pass_on("three\n");
    EXPECT_EQ("three\n", unread.read());
  });
}

TEST_F(stderr_relay_test, what_is_more_than_the_bound_is_left_out_and_a_line_says_how_much) {
  const std::string line = std::string(1023, 'x') + '\n';
  constexpr std::size_t kept = tractor::detail::stderr_backlog_bytes_max / 1024;
  stderr_pipe unread;
  unread.fill();
  std::string text;
  run([&]() -> sc::task<> {
    stderr_outlet outlet;
    for (std::size_t i = 0; i < kept + 7; ++i) outlet.pass_on(line);
    outlet.pass_on("short\n");  // nothing passes what was left out before

    static_cast<void>(unread.read());
    while (!text.ends_with("nobody read them\n")) {
      co_await sc::checkpoint();
      text += unread.read();
    }
    outlet.pass_on("and on\n");
    text += unread.read();
  });
  std::string expected;
  for (std::size_t i = 0; i < kept; ++i) expected += line;
  EXPECT_EQ(expected + "tractor: 7174 bytes for stderr are left out here: nobody read them\nand on\n", text);
}

TEST_F(stderr_relay_test, text_that_could_not_wait_for_room_goes_before_later_text) {
  stderr_pipe unread;
  unread.fill();
  run([&]() -> sc::task<> {
    stderr_outlet outlet;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 1;
    ::setrlimit(RLIMIT_NOFILE, &none);
    outlet.pass_on("one\n");
    ::setrlimit(RLIMIT_NOFILE, &before);
    static_cast<void>(unread.read());

    outlet.pass_on("two\n");

    EXPECT_EQ("one\ntwo\n", unread.read());
    co_return;
  });
}

// A mark is where its writer began a line; another may have left one unfinished before. None comes out.
TEST_F(stderr_relay_test, marks_are_found_wherever_they_stand_and_never_come_out) {
  const std::string report =
      "\x1f"
      "1500\x1f"
      "20\x1f"
      "7\x1f"
      "index\x1f"
      "app.cpp\x1f"
      "31";
  std::string tail;
  ::testing::internal::CaptureStderr();
  run([&]() -> sc::task<> {
    int ends[2];
    EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    const tractor::unique_fd writer(ends[1]);
    EXPECT_GT(::fcntl(writer.get(), F_SETPIPE_SZ, 2 * tractor::detail::stderr_line_bytes_max), 0);
    stderr_outlet outlet;
    stderr_relay relay(tractor::unique_fd(ends[0]), outlet, "w[1]: ");
    const std::string text = "...\x1eof the log\n..." + report +
                             "\n\x1f"
                             "no report\nplain\n" +
                             std::string(tractor::detail::stderr_line_bytes_max, 'x');
    EXPECT_EQ(static_cast<ssize_t>(text.size()), ::write(writer.get(), text.data(), text.size()));
    relay.drain();
    EXPECT_EQ(7, ::write(writer.get(), "y\n\x1elast", 7));
    relay.drain();
    tail = relay.tail();
    relay.finish();
    co_return;
  });
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      ::testing::AllOf(::testing::StartsWith("w[1]: ...\nof the log\nw[1]: ...\nw[1]: tractor: task 'index' (started at app.cpp:31) "
                                             "has held the loop for 1.50 s"),
                       HasSubstr("\nw[1]: no report\nw[1]: plain\nw[1]: xxx"), HasSubstr("xxy\nlast\n")));
  EXPECT_THAT(tail, ::testing::EndsWith("xxy\nlast"));
  EXPECT_EQ(std::string::npos, tail.find_first_of("\x1e\x1f"));
}

// Whoever started the program paused it, or is stuck: the tree works on, and ends.
TEST_P(noisy_children_test, stderr_that_nobody_reads_stops_neither_the_actors_nor_the_end) {
  stderr_pipe unread;
  std::string who;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto noisy = co_await an.start_actor("noisy", options());
    who = "noisy[" + std::to_string(*noisy.pid()) + "]: ";
    for (int i = 0; i < 20; ++i) co_await noisy.run<&kit::print>(std::string(999, 'x') + "\n", true);

    EXPECT_EQ(3, co_await noisy.run<&kit::add>(1, 2));

    co_await an.cancel();
  });
  EXPECT_THAT(unread.read(), ::testing::StartsWith(who + std::string(999, 'x') + "\n"));
}

}  // namespace
}  // namespace runtime_test
