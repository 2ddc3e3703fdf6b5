// SPDX-License-Identifier: Apache-2.0
//
// An actor that holds its loop is reported, while it does.

#include "runtime/stall_report.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "base/relayed_stderr.hpp"
#include "runtime_test.hpp"

namespace stalling {

namespace sc = tractor::sc;

// They hold the loop until somebody has opened, and closed, the other end of that pipe.
[[gnu::noinline]] void compute_until_told(const char* fifo) {
  const int fd = ::open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  pollfd told{.fd = fd, .events = POLLIN, .revents = 0};
  char byte = 0;
  // A poll at the moment in which a writer opens the pipe may take it for one that has closed it: the kernel counts first who has ever been
  // there. A read waits for that moment's end.
  while (::poll(&told, 1, 0) != 1 || ::read(fd, &byte, 1) != 0) {
  }
  ::close(fd);
}
[[gnu::noinline]] void block_until_told(const char* fifo) {
  const int fd = ::open(fifo, O_RDONLY | O_CLOEXEC);
  char byte = 0;
  static_cast<void>(::read(fd, &byte, 1));
  ::close(fd);
}

sc::task<> hold(std::string fifo, bool computing) {
  computing ? compute_until_told(fifo.c_str()) : block_until_told(fifo.c_str());
  co_return;
}

}  // namespace stalling

TRACTOR_MODULE(stalling) { mod.def<&stalling::hold>("hold", "fifo", "computing"); }

namespace runtime_test {
namespace {

using ::testing::AllOf;
using ::testing::Not;
using tractor::detail::stall_mark;
using tractor::detail::stall_text;

constexpr auto short_bound = 50ms;

// What this process writes to stderr while one lives, as far as it was read. Nothing is lost: the rest is written on at the end.
class stderr_reader {
 public:
  stderr_reader() : before_(::dup(STDERR_FILENO)) {
    int ends[2];
    EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    from_.reset(ends[0]);
    EXPECT_EQ(0, ::fcntl(from_.get(), F_SETFL, O_NONBLOCK));
    EXPECT_EQ(STDERR_FILENO, ::dup2(ends[1], STDERR_FILENO));
    ::close(ends[1]);
  }
  stderr_reader(const stderr_reader&) = delete;
  stderr_reader& operator=(const stderr_reader&) = delete;
  ~stderr_reader() { ::dup2(before_.get(), STDERR_FILENO); }

  [[nodiscard]] const std::string& text() {
    char some[4096];
    for (ssize_t bytes = 0; (bytes = ::read(from_.get(), some, sizeof some)) > 0;) text_.append(some, static_cast<std::size_t>(bytes));
    return text_;
  }
  sc::task<> until_it_says(std::string what) {
    while (text().find(what) == std::string::npos) co_await sc::sleep(1ms);
  }

 private:
  tractor::unique_fd before_;
  tractor::unique_fd from_;
  std::string text_;
};

long number_in_status(pid_t pid, std::string_view field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; file >> word;) {
    long number = 0;
    if (word == field && file >> number) return number;
  }
  return -1;
}

class stall_report_test : public both_methods {
 protected:
  [[nodiscard]] static actor_options options() { return {.enable_modules = {"stalling"}, .start_method = GetParam()}; }
  [[nodiscard]] std::string fifo() const {
    const std::string path = left_behind().temporary_directory() + "/held";
    EXPECT_EQ(0, ::mkfifo(path.c_str(), 0600));
    return path;
  }
  // The root's own work stalls nothing: it waits for the report, and lets the actor go then.
  void report_of(bool computing, const ::testing::Matcher<std::string>& like) {
#if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer hands a signal over when the thread waits, which this one never does";
#endif
    const std::string path = fifo();
    stderr_reader seen;
    std::string who;
    run([&]() -> sc::task<> {
      const auto body = [&]() -> sc::task<> {
        return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
          auto worker = co_await an.start_actor("worker", options());
          who = "worker[" + std::to_string(*worker.pid()) + "]: tractor: task '";
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> { co_await worker.run<&stalling::hold>(path, computing); });
            const tractor::unique_fd writer = co_await writer_of(path);
            co_await seen.until_it_says("no other task can run:");
            co_await seen.until_it_says(" in ");
          });
          co_await an.cancel();
        });
      };
      co_await tractor::open_root_actor(body, {.stall_bound = short_bound});
    });
    ::unlink(path.c_str());
    EXPECT_THAT(seen.text(), AllOf(HasSubstr(who), like));
  }
  // Opens when the actor has.
  static sc::task<tractor::unique_fd> writer_of(const std::string& path) {
    for (;;) {
      tractor::unique_fd writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
      if (writer) co_return writer;
      co_await sc::sleep(1ms);
    }
  }
};
RT_BOTH_METHODS(stall_report_test);

TEST_P(stall_report_test, task_that_computes_is_reported_with_its_stack) { report_of(true, HasSubstr("stalling::compute_until_told")); }

TEST_P(stall_report_test, task_that_blocks_is_reported_with_its_stack) { report_of(false, HasSubstr("stalling::block_until_told")); }

TEST_P(stall_report_test, actor_that_works_and_one_that_is_idle_are_not_reported) {
  stderr_reader seen;
  run([&]() -> sc::task<> {
    const auto body = [&]() -> sc::task<> {
      return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
        auto worker = co_await an.start_actor("worker", options());
        const auto until = sc::current_time() + 6 * short_bound;
        while (sc::current_time() < until) co_await sc::checkpoint();
        co_await sc::sleep(4 * short_bound);
        co_await an.cancel();
      });
    };
    co_await tractor::open_root_actor(body, {.stall_bound = short_bound});
  });
  EXPECT_THAT(seen.text(), Not(HasSubstr("task '")));
}

// The timer is taken down when it finds the actor at rest.
TEST_P(stall_report_test, idle_actor_is_not_woken) {
  const auto body = [&]() -> sc::task<> {
    return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
      auto worker = co_await an.start_actor("worker", options());
      const auto wake_ups = [&] { return number_in_status(static_cast<pid_t>(*worker.pid()), "voluntary_ctxt_switches:"); };
      long before = -1, now = wake_ups();
      // The last tick may come late.
      for (int i = 0; i < 100 && before != now; ++i) {
        before = now;
        co_await sc::sleep(6 * short_bound);
        now = wake_ups();
      }
      EXPECT_EQ(before, now);
      EXPECT_GT(now, 0);
      co_await an.cancel();
    });
  };
  run([&]() -> sc::task<> { co_await tractor::open_root_actor(body, {.stall_bound = short_bound}); });
}

class root_stall_test : public runtime_test {};

TEST_F(root_stall_test, root_is_reported_by_a_thread_of_its_own) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer hands a signal over when the thread waits, which this one never does";
#endif
  stderr_reader seen;
  run([&]() -> sc::task<> {
    const auto body = [&]() -> sc::task<> {
      while (seen.text().find("root_is_reported_by_a_thread") == std::string::npos) {
      }
      co_return;
    };
    co_await tractor::open_root_actor(body, {.stall_bound = short_bound});
  });
  EXPECT_THAT(seen.text(), HasSubstr("tractor: actor 'root': task "));
}

#if defined(__x86_64__) || defined(__aarch64__)
// Waits for a byte at its argument, and has no unwind information: from inside it no way leads on.
extern "C" void spin_unseen(const volatile char* told);
#if defined(__x86_64__)
asm(".text\n.type spin_unseen, @function\nspin_unseen:\n1: cmpb $0, (%rdi)\n je 1b\n ret\n.size spin_unseen, . - spin_unseen\n");
#else
asm(".text\n.type spin_unseen, %function\nspin_unseen:\n1: ldrb w1, [x0]\n cbz w1, 1b\n ret\n.size spin_unseen, . - spin_unseen\n");
#endif

TEST_F(root_stall_test, stall_whose_stack_cannot_be_found_is_reported_without_it) {
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer hands a signal over when the thread waits, which this one never does";
#endif
  stderr_reader seen;
  volatile char told = 0;
  run([&]() -> sc::task<> {
    const auto body = [&]() -> sc::task<> {
      const std::jthread teller([&] {
        while (seen.text().find("no other task can run") == std::string::npos) std::this_thread::sleep_for(1ms);
        told = 1;
      });
      spin_unseen(&told);
      co_return;
    };
    co_await tractor::open_root_actor(body, {.stall_bound = short_bound});
  });
  EXPECT_THAT(seen.text(), HasSubstr("tractor: actor 'root': task "));
}
#endif

TEST_F(root_stall_test, zero_turns_it_off) {
  stderr_reader seen;
  run([&]() -> sc::task<> {
    const auto body = [&]() -> sc::task<> {
      const auto until = sc::monotonic_now() + 4 * short_bound;
      while (sc::monotonic_now() < until) {
      }
      co_return;
    };
    co_await tractor::open_root_actor(body, {.stall_bound = sc::duration::zero()});
  });
  EXPECT_EQ("", seen.text());
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) line += (line.empty() ? "" : std::string(1, stall_mark)) + field;
  return line;
}

TEST(stall_text, numbers_of_a_child_become_text) {
  EXPECT_EQ(stall_text(line_of({"1500", "20", "7", "index", "app.cpp", "31", "10,0,/lib/libx.so", "20,0,=", "30,0,"})),
            "task 'index' (started at app.cpp:31) has held the loop for 1.50 s, 0.02 s of them on a processor; no other task can run:\n"
            "  #0 libx.so+0x10\n  #1 libx.so+0x20\n  #2 0x30");
  EXPECT_EQ(stall_text(line_of({"1", "0", "0", "", "", "0"})),
            "the run itself, between two tasks, has held the loop for 0.00 s, 0.00 s of them on a processor; no other task can run; its "
            "thread did not say where it is");
}

TEST(stall_text, what_is_none_is_told_apart) {
  EXPECT_EQ(stall_text(""), std::nullopt);
  EXPECT_EQ(stall_text("text of a program"), std::nullopt);
  EXPECT_EQ(stall_text(line_of({"1500", "20", "7", "index", "app.cpp"})), std::nullopt);
  EXPECT_EQ(stall_text(line_of({"-1", "20", "7", "index", "app.cpp", "31"})), std::nullopt);
  EXPECT_EQ(stall_text(line_of({"99999999999999999", "20", "7", "index", "app.cpp", "31"})), std::nullopt);
  EXPECT_EQ(stall_text(line_of({"1", "1", "7", "index", "app.cpp", "31", "zz,0,x"})), std::nullopt);
  EXPECT_EQ(stall_text(line_of({"1", "1", "7", "index", "app.cpp", "31", "10"})), std::nullopt);
}

}  // namespace
}  // namespace runtime_test
