// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/listener.hpp"

#include <gmock/gmock.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "tests/sc/socket_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/socket_file.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::ipc {
namespace {

using test::bytes_of;
using test::receive_text;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr uid_t somebody_else = 65534;

// This thread acts as another user while one lives.
class as_somebody_else {
 public:
  as_somebody_else() { EXPECT_EQ(::seteuid(somebody_else), 0); }
  as_somebody_else(const as_somebody_else&) = delete;
  as_somebody_else& operator=(const as_somebody_else&) = delete;
  ~as_somebody_else() { EXPECT_EQ(::seteuid(0), 0); }
};

// This process is in other groups while one lives.
class in_groups {
 public:
  in_groups(std::optional<gid_t> own, const std::vector<gid_t>& others) : before_(static_cast<std::size_t>(::getgroups(0, nullptr))) {
    EXPECT_GE(::getgroups(static_cast<int>(before_.size()), before_.data()), 0);
    EXPECT_EQ(::setgroups(others.size(), others.data()), 0);
    if (own) EXPECT_EQ(::setegid(*own), 0);
  }
  in_groups(const in_groups&) = delete;
  in_groups& operator=(const in_groups&) = delete;
  ~in_groups() {
    EXPECT_EQ(::setegid(::getgid()), 0);
    EXPECT_EQ(::setgroups(before_.size(), before_.data()), 0);
  }

 private:
  std::vector<gid_t> before_;
};

template <class Body>
std::string error_from(Body body) {
  try {
    static_cast<void>(body());
  } catch (const error& thrown) {
    return thrown.what();
  }
  return "";
}

class listener_test : public test::socket_test {
 protected:
  void SetUp() override {
    socket_test::SetUp();
    if (const char* const set = std::getenv("XDG_RUNTIME_DIR")) before_ = set;
    ::setenv("XDG_RUNTIME_DIR", directory().c_str(), 1);
  }
  void TearDown() override {
    before_ ? ::setenv("XDG_RUNTIME_DIR", before_->c_str(), 1) : ::unsetenv("XDG_RUNTIME_DIR");
    std::error_code not_empty;
    fs::remove(directory() + "/tractor", not_empty);  // a socket file left in it stays, and is found
    socket_test::TearDown();
  }
  [[nodiscard]] address on_uds() const { return uds_address{.dir = directory(), .file = "a@1.sock"}; }

 private:
  std::optional<std::string> before_;
};

class any_transport : public listener_test, public ::testing::WithParamInterface<transport> {
 protected:
  [[nodiscard]] address where() const {
    return GetParam() == transport::uds ? on_uds() : address(tcp_address{.host = "127.0.0.1", .port = 0});
  }
};

INSTANTIATE_TEST_SUITE_P(transports, any_transport, ::testing::Values(transport::uds, transport::tcp),
                         [](const auto& info) { return std::string(key_of(info.param)); });

// S-SRV-3, S-TCP-2
TEST_P(any_transport, connections_carry_bytes_both_ways_and_name_the_peer) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen(where());
    const auto client = co_await connect(listener->local());
    const connection server = co_await listener->accept();
    co_await client->send_all(bytes_of("ping"));
    co_await server.stream->send_all(bytes_of("pong"));

    EXPECT_EQ(co_await receive_text(*server.stream), "ping");
    EXPECT_EQ(co_await receive_text(*client), "pong");
    EXPECT_EQ(server.peer.transport(), GetParam());
    EXPECT_EQ(server.credentials.has_value(), GetParam() == transport::uds);
  });
}

// A machine that lost its power says nothing of it: both ends of a TCP connection ask, and give up after half a minute.
TEST_F(listener_test, ends_of_a_tcp_connection_ask_whether_the_other_is_there) {
  sc::run([]() -> sc::task<> {
    const auto listener = listen(tcp_address{.host = "127.0.0.1", .port = 0});
    const auto client = co_await connect(listener->local());
    const connection server = co_await listener->accept();
    for (const int fd : {client->fd(), server.stream->fd()}) {
      const auto option = [fd](int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        EXPECT_EQ(0, ::getsockopt(fd, level, name, &value, &size));
        return value;
      };
      EXPECT_EQ(1, option(SOL_SOCKET, SO_KEEPALIVE));
      EXPECT_EQ(keepalive_idle.count(), option(IPPROTO_TCP, TCP_KEEPIDLE));
      EXPECT_EQ(keepalive_interval.count(), option(IPPROTO_TCP, TCP_KEEPINTVL));
      EXPECT_EQ(keepalive_probes_max, option(IPPROTO_TCP, TCP_KEEPCNT));
    }
  });
}

TEST_P(any_transport, close_wakes_the_accept_that_waits) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen(where());
    std::string accepting;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon(
          [&]() -> sc::task<> { accepting = co_await test::error_of<sc::closed_resource_error>([&] { return listener->accept(); }); });
      co_await test::let_others_wait();
      listener->close();
    });
    EXPECT_NE(accepting, "");
    EXPECT_TRUE(listener->closed());
  });
}

TEST_P(any_transport, connect_to_a_closed_listener_is_an_error) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen(where());
    const address local = listener->local();
    listener->close();
    EXPECT_NE(co_await test::error_of<os_error>([&] { return connect(local); }), "");
  });
}

TEST_P(any_transport, second_listener_at_an_address_is_refused) {
  const auto first = listen(where());
  EXPECT_THAT(error_from([&] { return listen(first->local()); }), HasSubstr("EADDRINUSE"));
}

// S-SRV-3
TEST_F(listener_test, port_zero_becomes_the_port_that_was_chosen) {
  const auto listener = listen(tcp_address{.host = "127.0.0.1", .port = 0});
  EXPECT_NE(listener->local().tcp()->port, 0);
}

TEST_F(listener_test, tcp_that_others_can_reach_needs_to_be_called_insecure) {
  for (const char* host : {"0.0.0.0", "::"}) {
    const address open = tcp_address{.host = host, .port = 0};
    try {
      static_cast<void>(listen(open));
      ADD_FAILURE() << host;
    } catch (const usage_error& refused) {
      EXPECT_THAT(refused.message(), HasSubstr(std::string(host) + " is not a loopback address"));
      EXPECT_THAT(refused.message(), HasSubstr("give the tree a secret (TRACTOR_SECRET_FILE), or set insecure if that is meant"));
    }
  }
  const auto meant = listen(tcp_address{.host = "0.0.0.0", .port = 0}, {.insecure = true});
  EXPECT_FALSE(meant->closed());
}

TEST_F(listener_test, in_process_addresses_have_no_socket) {
  sc::run([]() -> sc::task<> {
    EXPECT_THAT(error_from([] { return listen(inproc_address{"x"}); }), HasSubstr("/inproc/x"));
    EXPECT_NE(co_await test::error_of<error>([] { return connect(inproc_address{"x"}); }), "");
  });
}

// S-UDS-5
TEST_F(listener_test, directory_of_the_socket_is_made_with_its_parents) {
  const address where = uds_address{.dir = directory() + "/x/y", .file = "a.sock"};
  static_cast<void>(listen(where));
  EXPECT_TRUE(fs::is_directory(directory() + "/x/y"));
  fs::remove_all(directory() + "/x");
}

// S-RTD-2
TEST_F(listener_test, default_address_is_listened_on_in_a_private_directory) {
  const auto listener = listen(default_uds_address("worker", ::getpid()));
  struct stat made{};
  ASSERT_EQ(::stat((directory() + "/tractor").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0777, 0700u);
}

// S-RTD-2
TEST_F(listener_test, runtime_directory_of_somebody_else_is_refused_with_path_and_owner) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving a directory to somebody else needs root";
  const std::string dir = runtime_directory();
  ASSERT_EQ(::chown(dir.c_str(), somebody_else, somebody_else), 0);

  EXPECT_THAT(error_from([] { return default_uds_address("worker", 1); }), HasSubstr(dir + ": it belongs to uid 65534"));
  const address where = uds_address{.dir = dir, .file = "a.sock"};
  EXPECT_THAT(error_from([&] { return listen(where); }), HasSubstr(dir + ": it belongs to uid 65534"));
  EXPECT_FALSE(fs::exists(dir + "/a.sock"));
}

// S-RTD-3
TEST_F(listener_test, directories_below_the_runtime_directory_are_checked_as_well) {
  fs::create_directory(directory() + "/target");
  fs::create_directory_symlink(directory() + "/target", runtime_directory() + "/sub");
  const address where = uds_address{.dir = runtime_directory() + "/sub", .file = "a.sock"};

  EXPECT_THAT(error_from([&] { return listen(where); }), HasSubstr("it is a symbolic link"));
  fs::remove(directory() + "/tractor/sub");
  fs::remove(directory() + "/target");
}

// A process that was killed leaves its file; a later one may get its pid, and with the same name the same file.
TEST_F(listener_test, dead_file_of_this_pid_is_taken_over_and_no_other) {
  const auto leave_dead_file = [&](const std::string& file) {
    const auto listener = sc::listen_unix(directory() + "/s");
    fs::rename(directory() + "/s", directory() + "/" + file);
  };
  const std::string ours = "worker@" + std::to_string(::getpid()) + ".sock", others = "worker@1.sock";
  leave_dead_file(ours);
  leave_dead_file(others);

  EXPECT_FALSE(listen(uds_address{.dir = directory(), .file = ours})->closed());
  EXPECT_THAT(error_from([&] { return listen(uds_address{.dir = directory(), .file = others}); }), HasSubstr("EADDRINUSE"));
  fs::remove(directory() + "/" + others);
}

// S-UDS-7
TEST_F(listener_test, only_processes_of_the_same_user_may_connect) {
  EXPECT_TRUE(may_connect({.pid = 1, .uid = 1000, .gid = 5}, 1000));
  EXPECT_FALSE(may_connect({.pid = 1, .uid = 1001, .gid = 1000}, 1000));
  EXPECT_FALSE(may_connect({.pid = 1, .uid = 0, .gid = 0}, 1000)) << "not even root";
  EXPECT_FALSE(may_connect({.pid = 1, .uid = 1000, .gid = 0}, 0));
}

// S-UDS-7, S-UDS-8
TEST_F(listener_test, peer_of_another_user_is_hung_up_on_and_the_next_one_served) {
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
  sc::run([&]() -> sc::task<> {
    const auto listener = listen(on_uds());
    // The file's mode would keep others out already: open everything, so that only the credentials are left.
    EXPECT_EQ(::chmod(on_uds().uds()->path().c_str(), 0666), 0);
    EXPECT_EQ(::chmod(directory().c_str(), 0755), 0);
    std::unique_ptr<sc::socket_stream> intruder;
    {
      const as_somebody_else disguise;
      intruder = co_await sc::connect_unix(on_uds().uds()->path());
    }
    const auto friendly = co_await connect(on_uds());

    const connection served = co_await listener->accept();

    EXPECT_EQ(served.peer, on_uds());
    EXPECT_EQ(served.credentials->uid, 0u);
    EXPECT_EQ(listener->refused_peers(), 1u);
    EXPECT_EQ(listener->last_refused()->uid, somebody_else);
    EXPECT_EQ(co_await receive_text(*intruder), "") << "it sees the end of the stream";
  });
}

// S-UDS-7
TEST_F(listener_test, listener_of_another_user_is_not_trusted) {
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
  EXPECT_EQ(::chmod(directory().c_str(), 0777), 0);
  sc::run([&]() -> sc::task<> {
    std::unique_ptr<sc::socket_listener> trap;
    {
      const as_somebody_else disguise;
      trap = sc::listen_unix(on_uds().uds()->path());
    }
    EXPECT_EQ(co_await test::error_of<os_error>([&] { return connect(on_uds()); }),
              "connect(" + on_uds().text() + "): its listener belongs to uid 65534: Operation not permitted [EPERM]");
  });
}

TEST_F(listener_test, trusted_group_may_connect_and_nobody_else_of_another_user) {
  constexpr gid_t trusted = 54321;
  EXPECT_TRUE(may_connect({.pid = 1, .uid = 1001, .gid = trusted}, 1000, trusted));
  EXPECT_FALSE(may_connect({.pid = 1, .uid = 1001, .gid = trusted + 1}, 1000, trusted));
  EXPECT_TRUE(may_connect({.pid = 1, .uid = 1000, .gid = trusted + 1}, 1000, trusted));
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
  EXPECT_EQ(::chmod(directory().c_str(), 0755), 0);
  sc::run([&]() -> sc::task<> {
    const auto listener = listen(on_uds(), {.group = trusted});
    struct stat file{};
    EXPECT_EQ(::stat(on_uds().uds()->path().c_str(), &file), 0);
    EXPECT_EQ(file.st_gid, trusted);
    EXPECT_EQ(file.st_mode & 0777U, 0660U);
    const auto connect_as = [&](std::optional<gid_t> own, std::vector<gid_t> others) -> sc::task<std::unique_ptr<sc::socket_stream>> {
      const in_groups member(own, others);
      const as_somebody_else disguise;
      co_return co_await sc::connect_unix(on_uds().uds()->path());
    };
    EXPECT_EQ(co_await test::error_of<os_error>([&] { return connect_as({}, {}); }),
              "connect_unix(" + on_uds().uds()->path() + "): Permission denied [EACCES]")
        << "the file's mode keeps them out";
    EXPECT_EQ(::chmod(on_uds().uds()->path().c_str(), 0666), 0);
    const auto stranger = co_await connect_as({}, {});
    const auto member = co_await connect_as(trusted, {});
    const auto also_member = co_await connect_as({}, {1, trusted, 2});

    for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await listener->accept()).credentials->uid, somebody_else);

    EXPECT_EQ(listener->refused_peers(), 1u);
    EXPECT_EQ(co_await receive_text(*stranger), "") << "it sees the end of the stream";
  });
}

TEST_F(listener_test, listener_of_another_user_in_the_trusted_group_is_trusted) {
  constexpr gid_t trusted = 54321;
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
  EXPECT_EQ(::chmod(directory().c_str(), 0777), 0);
  sc::run([&]() -> sc::task<> {
    std::unique_ptr<sc::socket_listener> theirs;
    {
      const in_groups member(trusted, {});
      const as_somebody_else disguise;
      theirs = sc::listen_unix(on_uds().uds()->path());
    }
    EXPECT_NE(co_await connect(on_uds(), trusted), nullptr);
    EXPECT_NE(co_await test::error_of<os_error>([&] { return connect(on_uds(), trusted + 1); }), "");
  });
}

TEST_F(listener_test, no_descriptors_left_for_a_listener_is_an_error_that_says_so) {
  for (const address& where : {on_uds(), address(tcp_address{.host = "127.0.0.1", .port = 0})}) {
    const auto listen_without_descriptors = [&] {
      const test::no_descriptors_left limit;
      return listen(where);
    };
    EXPECT_THAT(error_from(listen_without_descriptors), HasSubstr("EMFILE"));
  }
}

}  // namespace
}  // namespace tractor::ipc
