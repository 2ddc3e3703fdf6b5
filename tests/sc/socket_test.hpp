// SPDX-License-Identifier: Apache-2.0
//
// What the tests of sockets share: a fixture with a directory of its own that fails a test which leaves a file in it or a
// descriptor open, and small helpers for bytes and tasks.

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/base/fd.hpp"
#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/socket_stream.hpp"

namespace tractor::test {

inline std::set<std::string> open_descriptors() {
  std::set<std::string> found;
  // The iteration's own descriptor is gone when its target cannot be read any more.
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || target.string().ends_with("/fd")) continue;
    found.insert(entry.path().filename().string() + " -> " + target.string());
  }
  return found;
}

// UBSan's check of virtual classes needs a pipe when it meets a class first: let it meet these while there are descriptors.
inline void rehearse_error_and_cancel() {
  const auto rehearsal = []() -> sc::task<> {
    static_cast<void>(co_await sc::move_on_after(sc::duration::zero(), []() -> sc::task<> { co_await sc::checkpoint(); }));
    throw os_error("rehearsal", EMFILE);
  };
  try {
    sc::run(rehearsal);
    FAIL() << "the rehearsal did not throw";
  } catch (const os_error& thrown) {
    EXPECT_EQ(thrown.errno_value(), EMFILE);
  }
}

class socket_test : public ::testing::Test {
 protected:
  void SetUp() override {
    rehearse_error_and_cancel();
    before_ = open_descriptors();
    std::string pattern = (std::filesystem::temp_directory_path() / "tractor-socket-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    EXPECT_TRUE(std::filesystem::is_empty(directory_)) << "left in the directory: " << *std::filesystem::directory_iterator(directory_);
    std::filesystem::remove_all(directory_);
    EXPECT_EQ(open_descriptors(), before_) << "descriptors were left open";
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string file(std::string_view name) const { return directory_ + "/" + std::string(name); }

 private:
  std::string directory_;
  std::set<std::string> before_;
};

// No further descriptor can be made while one lives.
class no_descriptors_left {
 public:
  no_descriptors_left() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const unique_fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  no_descriptors_left(const no_descriptors_left&) = delete;
  no_descriptors_left& operator=(const no_descriptors_left&) = delete;
  ~no_descriptors_left() { end(); }
  void end() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// `count` bytes that tell where in the sequence they are.
inline std::vector<std::byte> pattern(std::size_t count, std::size_t from = 0) {
  std::vector<std::byte> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = from + i;
    made[i] = static_cast<std::byte>(at ^ (at >> 8) ^ (at >> 16));
  }
  return made;
}

inline sc::task<std::string> receive_text(sc::byte_stream& stream, std::size_t bytes_max = 4096) {
  std::string text(bytes_max, '\0');
  text.resize(co_await stream.receive_some(std::as_writable_bytes(std::span(text))));
  co_return text;
}

// Everything up to the end of the stream, in reads of `chunk` bytes.
inline sc::task<std::vector<std::byte>> receive_all(sc::byte_stream& stream, std::size_t chunk = 65536) {
  std::vector<std::byte> all, buffer(chunk);
  while (const std::size_t got = co_await stream.receive_some(buffer))
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
  co_return all;
}

// Lets the other tasks run until each of them waits.
inline sc::task<> let_others_wait() {
  for (int i = 0; i < 10; ++i) co_await sc::checkpoint();
}

// What was sent over a connection arrives when the system gets to it, also within one machine. These wait for that, outside of the run.
inline void wait_until_readable(int fd) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&wanted, 1, -1) != 1) {
  }
}
inline void wait_until_hung_up(int fd) {
  pollfd wanted{.fd = fd, .events = 0, .revents = 0};
  while (::poll(&wanted, 1, -1) != 1) {
  }
}

// The error that the task ends with; "" for none.
template <class Error, class Body>
sc::task<std::string> error_of(Body body) {
  try {
    co_await body();
  } catch (const Error& thrown) {
    co_return thrown.what();
  }
  co_return "";
}

}  // namespace tractor::test
