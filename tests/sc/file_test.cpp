// SPDX-License-Identifier: Apache-2.0
//
// Files by worker threads: what is read and written, bounds, errors, and that a file is replaced whole or not at all.

#include "tractor/sc/file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::test {
namespace {

namespace fs = std::filesystem;

// Files in a directory of the test's own, which must be empty in the end.
class file_test : public socket_test {
 protected:
  void TearDown() override {
    for (const std::string& each : made_) fs::remove(each);
    socket_test::TearDown();
  }
  // The path of a file that the test makes.
  [[nodiscard]] std::string mine(std::string_view name) {
    made_.insert(file(name));
    return file(name);
  }
  [[nodiscard]] std::string made(std::string_view name, std::string_view text) {
    std::ofstream(mine(name)) << text;
    return file(name);
  }
  [[nodiscard]] static std::string content(const std::string& path) {
    std::ifstream from(path);
    return {std::istreambuf_iterator<char>(from), {}};
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory()), fs::directory_iterator()));
  }

 private:
  std::set<std::string> made_;
};

// No file can become longer than this while one lives. The signal that comes with it is blocked in worker threads.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;
  ~file_size_limit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

template <class Error, class Body>
std::string error_of_run(Body body) {
  std::string message;
  sc::run([&]() -> sc::task<> { message = co_await error_of<Error>([&]() -> sc::task<> { static_cast<void>(co_await body()); }); });
  return message;
}

// --- read_file ---

TEST_F(file_test, read_file_gives_all_of_a_file) {
  const std::string text(100'000, 'x');
  const std::string path = made("long", text), empty = made("empty", "");
  sc::run([&]() -> sc::task<> {
    EXPECT_EQ(co_await sc::read_file(path), text);
    EXPECT_EQ(co_await sc::read_file(empty), "");
  });
}

TEST_F(file_test, read_file_reads_files_that_do_not_know_their_size) {
  sc::run([]() -> sc::task<> {
    EXPECT_TRUE((co_await sc::read_file("/proc/self/status")).starts_with("Name:"));
    const std::string maps = co_await sc::read_file("/proc/self/maps");
    EXPECT_EQ(maps.back(), '\n');
  });
}

TEST_F(file_test, read_file_gives_a_file_as_long_as_its_bound) {
  const std::string path = made("f", "12345");
  sc::run([&]() -> sc::task<> { EXPECT_EQ(co_await sc::read_file(path, 5), "12345"); });
}

TEST_F(file_test, read_file_over_its_bound_is_an_error_that_says_bound_and_path) {
  const std::string path = made("f", "123456");

  EXPECT_EQ(error_of_run<sc::too_long_error>([&] { return sc::read_file(path, 5); }), "read_file(" + path + "): it has more than 5 bytes");
  EXPECT_EQ(error_of_run<sc::too_long_error>([] { return sc::read_file("/proc/self/status", 5); }),
            "read_file(/proc/self/status): it has more than 5 bytes");
}

TEST_F(file_test, read_file_of_what_cannot_be_read_is_an_error_that_names_it) {
  EXPECT_EQ(error_of_run<os_error>([] { return sc::read_file("/nonexistent/file"); }),
            "read_file(/nonexistent/file): No such file or directory [ENOENT]");
  EXPECT_EQ(error_of_run<os_error>([&] { return sc::read_file(directory()); }), "read_file(" + directory() + "): Is a directory [EISDIR]");
  EXPECT_EQ(error_of_run<os_error>([] { return sc::read_file(std::string("/etc\0/passwd", 12)); }),
            "read_file(/etc…): the path has a NUL byte: Invalid argument [EINVAL]");
}

// --- write_file ---

TEST_F(file_test, write_file_makes_a_file_with_the_mode_given) {
  sc::run([&]() -> sc::task<> { co_await sc::write_file(mine("f"), bytes_of("hello"), {.mode = 0640}); });

  struct stat found{};
  ASSERT_EQ(::stat(file("f").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777 & ~0640u, 0u);
  EXPECT_EQ(found.st_mode & 0600, 0600u);
  EXPECT_EQ(content(file("f")), "hello");
  EXPECT_EQ(files(), 1u);
}

TEST_F(file_test, write_file_replaces_a_file_and_leaves_the_old_one_to_who_has_it_open) {
  const std::string path = made("f", "old");
  std::ifstream reader(path);
  sc::run([&]() -> sc::task<> { co_await sc::write_file(path, bytes_of("new"), {.durable = false}); });

  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old");
  EXPECT_EQ(content(path), "new");
  EXPECT_EQ(files(), 1u);
}

TEST_F(file_test, write_file_writes_much_and_nothing) {
  const std::string much(3'000'000, 'x');
  sc::run([&]() -> sc::task<> {
    co_await sc::write_file(mine("much"), bytes_of(much), {.durable = false});
    co_await sc::write_file(mine("nothing"), {});
  });

  EXPECT_EQ(content(file("much")), much);
  EXPECT_EQ(fs::file_size(file("nothing")), 0u);
}

TEST_F(file_test, write_file_takes_the_longest_name_there_is) {
  const std::string name(255, 'n');
  sc::run([&]() -> sc::task<> { co_await sc::write_file(mine(name), bytes_of("x")); });

  EXPECT_EQ(content(file(name)), "x");
}

TEST_F(file_test, write_file_replaces_a_symbolic_link_not_what_it_points_to) {
  const std::string target = made("target", "precious");
  fs::create_symlink(target, mine("link"));
  sc::run([&]() -> sc::task<> { co_await sc::write_file(file("link"), bytes_of("new")); });

  EXPECT_EQ(content(target), "precious");
  EXPECT_FALSE(fs::is_symlink(file("link")));
}

TEST_F(file_test, write_file_that_fails_leaves_the_old_file_and_nothing_else) {
  const std::string path = made("f", "old");
  const std::string much(100'000, 'x');
  std::string message;
  {
    const file_size_limit limit(50'000);
    message = error_of_run<os_error>([&]() -> sc::task<int> {
      co_await sc::write_file(path, bytes_of(much));
      co_return 0;
    });
  }

  EXPECT_EQ(message, "write_file(" + path + "): File too large [EFBIG]");
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(file_test, write_file_to_where_no_file_can_be_is_an_error_and_leaves_nothing) {
  fs::create_directory(mine("directory"));
  const auto writing = [](std::string path) -> sc::task<int> {
    co_await sc::write_file(path, bytes_of("x"));
    co_return 0;
  };

  EXPECT_EQ(error_of_run<os_error>([&] { return writing(file("directory")); }),
            "write_file(" + file("directory") + "): rename(): Is a directory [EISDIR]");
  EXPECT_EQ(error_of_run<os_error>([&] { return writing(file("missing/f")); }),
            "write_file(" + file("missing/f") + "): its temporary file: No such file or directory [ENOENT]");
  EXPECT_EQ(files(), 1u);
}

// As somebody who may add names to the directory, and not read it.
TEST_F(file_test, write_file_is_durable_in_a_directory_that_cannot_be_read) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  fs::create_directory(mine("drop"));
  fs::permissions(mine("drop"), fs::perms(0333));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(file("drop").c_str()) != 0 || ::setegid(65534) != 0 || ::seteuid(65534) != 0) ::_exit(2);
    try {
      sc::run([&]() -> sc::task<> { co_await sc::write_file("f", bytes_of("x")); });
    } catch (const std::exception& failed) {
      std::fprintf(stderr, "%s\n", failed.what());
      ::_exit(3);
    }
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content(file("drop/f")), "x");
  fs::remove(file("drop/f"));
}

TEST_F(file_test, write_file_passes_over_a_temporary_file_that_is_there) {
  // Two runs with one seed ask for the same name.
  const auto write_seeded = [&](const std::string& path) {
    sc::run({.seed = 7}, [&]() -> sc::task<> { co_await sc::write_file(path, bytes_of("x"), {.durable = false}); });
  };
  std::uint64_t first = 0;
  sc::run({.seed = 7}, [&]() -> sc::task<> {
    first = sc::runner::current()->random();
    co_return;
  });
  char name[40];
  std::snprintf(name, sizeof name, ".tractor-%016llx.tmp", static_cast<unsigned long long>(first));
  const std::string in_the_way = made(name, "somebody else's");

  write_seeded(mine("f"));

  EXPECT_EQ(content(file("f")), "x");
  EXPECT_EQ(content(in_the_way), "somebody else's");
}

TEST_F(file_test, write_file_in_a_cancelled_scope_writes_nothing) {
  sc::run([&]() -> sc::task<> {
    sc::cancel_scope scope;
    scope.cancel("before it began");

    EXPECT_FALSE(co_await scope.run([&] { return sc::write_file(file("f"), bytes_of("x")); }));
  });

  EXPECT_EQ(files(), 0u);
}

// --- open files ---

TEST_F(file_test, open_file_reads_and_writes_at_its_position_and_at_others) {
  sc::run([&]() -> sc::task<> {
    const auto both = co_await sc::open_file(mine("f"), O_RDWR | O_CREAT);
    std::vector<std::byte> buffer(100);

    co_await both->write(bytes_of("hello "));
    co_await both->write(bytes_of("world"));
    co_await both->pwrite(bytes_of("W"), 6);
    co_await both->fsync();

    EXPECT_EQ(co_await both->read(buffer), 0u) << "the position is at the end";
    EXPECT_EQ(co_await both->pread(buffer, 6), 5u);
    EXPECT_EQ(static_cast<char>(buffer[0]), 'W');
    EXPECT_EQ(co_await both->pread(buffer, 11), 0u);
    co_await both->close();
  });

  EXPECT_EQ(content(file("f")), "hello World");
}

TEST_F(file_test, open_file_reads_as_much_as_fits) {
  const std::string path = made("f", "abcde");
  sc::run([&]() -> sc::task<> {
    const auto opened = co_await sc::open_file(path);
    std::vector<std::byte> buffer(3);

    EXPECT_EQ(co_await opened->read(buffer), 3u);
    EXPECT_EQ(co_await opened->read(buffer), 2u);
    EXPECT_EQ(co_await opened->read(buffer), 0u);
  });
}

TEST_F(file_test, open_file_appends_when_asked) {
  const std::string path = made("log", "one\n");
  sc::run([&]() -> sc::task<> {
    const auto log = co_await sc::open_file(path, O_WRONLY | O_APPEND);
    co_await log->write(bytes_of("two\n"));
  });

  EXPECT_EQ(content(path), "one\ntwo\n");
}

TEST_F(file_test, descriptor_of_an_open_file_is_closed_on_exec) {
  const std::string path = made("f", "");
  sc::run([&]() -> sc::task<> {
    const auto opened = co_await sc::open_file(path);
    EXPECT_NE(::fcntl(opened->fd(), F_GETFD) & FD_CLOEXEC, 0);
  });
}

TEST_F(file_test, errors_of_an_open_file_name_call_and_path) {
  const std::string path = made("f", "");
  std::vector<std::byte> buffer(10);
  EXPECT_EQ(error_of_run<os_error>([] { return sc::open_file("/nonexistent/file"); }),
            "open_file(/nonexistent/file): No such file or directory [ENOENT]");
  sc::run([&]() -> sc::task<> {
    const auto reading = co_await sc::open_file(path);
    const auto writing = co_await sc::open_file(path, O_WRONLY);
    const auto full = co_await sc::open_file("/dev/full", O_WRONLY);

    EXPECT_EQ(co_await error_of<os_error>([&] { return reading->write(bytes_of("x")); }),
              "write(" + path + "): Bad file descriptor [EBADF]");
    EXPECT_EQ(co_await error_of<os_error>([&]() -> sc::task<> { static_cast<void>(co_await writing->read(buffer)); }),
              "read(" + path + "): Bad file descriptor [EBADF]");
    EXPECT_EQ(co_await error_of<os_error>([&] { return full->write(bytes_of("x")); }),
              "write(/dev/full): No space left on device [ENOSPC]");
    EXPECT_EQ(co_await error_of<os_error>([&] { return writing->pwrite(bytes_of("x"), ~std::uint64_t{0}); }),
              "pwrite(" + path + "): Invalid argument [EINVAL]");
  });
}

TEST_F(file_test, close_is_idempotent_and_refuses_later_calls) {
  const std::string path = made("f", "");
  sc::run([&]() -> sc::task<> {
    const auto opened = co_await sc::open_file(path, O_RDWR);
    co_await opened->close();
    co_await opened->close();

    EXPECT_TRUE(opened->closed());
    EXPECT_EQ(co_await error_of<sc::closed_resource_error>([&] { return opened->write(bytes_of("x")); }),
              "write(" + path + "): the file was closed on this side");
    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&] { return opened->fsync(); }), "");
  });
}

TEST_F(file_test, close_in_a_cancelled_scope_closes_all_the_same) {
  const std::string path = made("f", "");
  sc::run([&]() -> sc::task<> {
    const auto opened = co_await sc::open_file(path);
    sc::cancel_scope scope;
    scope.cancel("before it began");

    EXPECT_FALSE(co_await scope.run([&] { return opened->close(); }));

    EXPECT_TRUE(opened->closed());
  });
}

// A FIFO keeps the thread in open() until somebody opens the other end.
TEST_F(file_test, call_that_a_thread_has_begun_is_not_abandoned_by_a_cancel) {
  ASSERT_EQ(::mkfifo(mine("fifo").c_str(), 0600), 0);
  sc::run([&]() -> sc::task<> {
    std::unique_ptr<sc::file> opened;
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon(
          [&]() -> sc::task<> { co_await scope.run([&]() -> sc::task<> { opened = co_await sc::open_file(file("fifo"), O_WRONLY); }); });
      co_await let_others_wait();
      scope.cancel("enough");
      co_await let_others_wait();
      EXPECT_EQ(n.task_count(), 1u) << "it waits for the thread";

      const unique_fd reading(::open(file("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      while (n.task_count() != 0) co_await sc::checkpoint();
    });
    EXPECT_NE(opened, nullptr) << "the result is given";
  });
}

TEST_F(file_test, close_is_refused_while_a_thread_uses_the_file) {
  ASSERT_EQ(::mkfifo(mine("fifo").c_str(), 0600), 0);
  sc::run([&]() -> sc::task<> {
    const auto both = co_await sc::open_file(file("fifo"), O_RDWR);
    std::vector<std::byte> buffer(10);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_EQ(co_await both->read(buffer), 1u); });
      co_await let_others_wait();

      EXPECT_EQ(co_await error_of<sc::busy_resource_error>([&] { return both->close(); }),
                "close(" + file("fifo") + "): another call of this file is under way");
      co_await both->write(bytes_of("x"));
    });
  });
}

}  // namespace
}  // namespace tractor::test
