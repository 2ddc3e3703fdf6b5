// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/socket_listener.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fstream>

#include "sc/socket_calls.hpp"
#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using socket_listener_test = socket_test;

// The errno of what `body` throws; 0 for nothing.
template <class Body>
int errno_of(Body body) {
  try {
    static_cast<void>(body());
  } catch (const os_error& failed) {
    return failed.errno_value();
  }
  return 0;
}

template <class Body>
sc::task<int> errno_of_task(Body body) {
  try {
    co_await body();
  } catch (const os_error& failed) {
    co_return failed.errno_value();
  }
  co_return 0;
}

// A listening UDS socket whose backlog holds a single connection.
unique_fd narrow_listener(const std::string& path) {
  const auto name = sc::detail::unix_name("test", path);
  unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), name.pointer(), name.length), 0);
  EXPECT_EQ(::listen(fd.get(), 0), 0);
  return fd;
}

// --- UDS listeners and their files ---

TEST_F(socket_listener_test, socket_file_is_private_to_the_user) {
  const auto listener = sc::listen_unix(file("s.sock"));
  struct stat made{};
  ASSERT_EQ(::stat(file("s.sock").c_str(), &made), 0);
  EXPECT_TRUE(S_ISSOCK(made.st_mode));
  EXPECT_EQ(made.st_mode & 0777, 0600u);
}

// S-UDS-6
TEST_F(socket_listener_test, close_removes_the_file_and_later_connects_fail) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(file("s.sock"));
    listener->close();
    listener->close();

    EXPECT_TRUE(listener->closed());
    EXPECT_FALSE(fs::exists(file("s.sock")));
    EXPECT_EQ(co_await errno_of_task([&] { return sc::connect_unix(file("s.sock")); }), ENOENT);
  });
}

// S-UDS-6
TEST_F(socket_listener_test, file_that_is_gone_already_does_not_trouble_close) {
  const auto listener = sc::listen_unix(file("s.sock"));
  fs::remove(file("s.sock"));
  listener->close();
}

TEST_F(socket_listener_test, file_of_somebody_else_at_the_path_stays) {
  const auto first = sc::listen_unix(file("s.sock"));
  fs::remove(file("s.sock"));
  const auto second = sc::listen_unix(file("s.sock"));

  first->close();

  EXPECT_TRUE(fs::exists(file("s.sock")));
}

TEST_F(socket_listener_test, forked_copy_leaves_the_file_alone) {
  const auto listener = sc::listen_unix(file("s.sock"));
  const pid_t child = ::fork();
  if (child == 0) {
    listener->close();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(fs::exists(file("s.sock")));
}

// S-UDS-4
TEST_F(socket_listener_test, path_of_107_bytes_is_taken_and_one_of_108_refused_with_both_numbers) {
  const std::string longest = file(std::string(107 - directory().size() - 1, 'a'));
  ASSERT_EQ(longest.size(), 107u);
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(longest);
    const auto stream = co_await sc::connect_unix(longest);
    const std::string too_long = longest + "a";

    EXPECT_EQ(errno_of([&] { return sc::listen_unix(too_long); }), ENAMETOOLONG);
    const auto message = co_await error_of<os_error>([&] { return sc::connect_unix(too_long); });
    EXPECT_EQ(message,
              "connect_unix(" + too_long + "): the path has 108 bytes, a socket's may have 107: File name too long [ENAMETOOLONG]");
  });
}

TEST_F(socket_listener_test, paths_that_are_none_are_refused) {
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(""); }), EINVAL);
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("a") + std::string(1, '\0') + "b"); }), EINVAL);
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("missing/s.sock")); }), ENOENT);
}

// S-UDS-5, S-SRV-11
TEST_F(socket_listener_test, second_listener_at_a_path_is_refused) {
  const auto first = sc::listen_unix(file("s.sock"));
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("s.sock")); }), EADDRINUSE);
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("s.sock"), {.replace_stale = true}); }), EADDRINUSE) << "it is alive";
  EXPECT_TRUE(fs::exists(file("s.sock")));
}

TEST_F(socket_listener_test, dead_socket_file_is_taken_over_only_when_asked) {
  static_cast<void>(narrow_listener(file("s.sock")));  // closed at once, the file stays

  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("s.sock")); }), EADDRINUSE);
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(file("s.sock"), {.replace_stale = true});
    const auto stream = co_await sc::connect_unix(file("s.sock"));
  });
}

TEST_F(socket_listener_test, file_that_is_no_socket_is_never_replaced) {
  std::ofstream(file("s.sock")) << "precious";
  EXPECT_EQ(errno_of([&] { return sc::listen_unix(file("s.sock"), {.replace_stale = true}); }), EADDRINUSE);
  EXPECT_EQ(fs::file_size(file("s.sock")), 8u);
  fs::remove(file("s.sock"));
}

TEST_F(socket_listener_test, full_file_system_is_an_error_that_names_the_path) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "mounting a file system of one file needs root";
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string mounted = file("full");
  fs::create_directory(mounted);
  ASSERT_EQ(::mount("tractor-test", mounted.c_str(), "tmpfs", 0, "nr_inodes=2"), 0);
  {
    const auto first = sc::listen_unix(mounted + "/a.sock");
    try {
      static_cast<void>(sc::listen_unix(mounted + "/b.sock"));
      ADD_FAILURE() << "a file was made on a full file system";
    } catch (const os_error& failed) {
      EXPECT_EQ(failed.errno_value(), ENOSPC);
      EXPECT_EQ(failed.message(), "listen_unix(" + mounted + "/b.sock): No space left on device [ENOSPC]");
    }
  }
  EXPECT_EQ(::umount(mounted.c_str()), 0);
  fs::remove(mounted);
}

// --- accepting ---

struct kind {
  const char* name;
  std::unique_ptr<sc::socket_listener> (*listen)(const std::string& path);
  sc::task<std::unique_ptr<sc::socket_stream>> (*connect)(const sc::socket_listener& to);
  friend void PrintTo(const kind& which, std::ostream* out) { *out << which.name; }
};

class any_listener : public socket_test, public ::testing::WithParamInterface<kind> {
 protected:
  [[nodiscard]] std::unique_ptr<sc::socket_listener> listen() const { return GetParam().listen(file("s.sock")); }
  [[nodiscard]] static sc::task<std::unique_ptr<sc::socket_stream>> connect(const sc::socket_listener& to) {
    return GetParam().connect(to);
  }
};

INSTANTIATE_TEST_SUITE_P(sockets, any_listener,
                         ::testing::Values(kind{"unix_socket", [](const std::string& path) { return sc::listen_unix(path); },
                                                [](const sc::socket_listener& to) { return sc::connect_unix(to.path()); }},
                                           kind{"tcp", [](const std::string&) { return sc::listen_tcp("127.0.0.1", 0); },
                                                [](const sc::socket_listener& to) {
                                                  return sc::connect_tcp("127.0.0.1", to.local_endpoint()->port);
                                                }}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(any_listener, accept_gives_the_connections_that_were_made) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    for (int i = 0; i < 3; ++i) {
      const auto client = co_await connect(*listener);
      const auto server = co_await listener->accept();
      co_await client->send_all(bytes_of("hello"));
      EXPECT_EQ(co_await receive_text(*server), "hello");
    }
  });
}

TEST_P(any_listener, accept_that_waits_is_woken_by_each_connection) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    int accepted = 0;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (; accepted < 5; ++accepted) static_cast<void>(co_await listener->accept());
      });
      co_await let_others_wait();
      for (int i = 0; i < 5; ++i) static_cast<void>(co_await connect(*listener));
    });
    EXPECT_EQ(accepted, 5);
  });
}

TEST_P(any_listener, connections_that_wait_in_the_backlog_are_all_accepted) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    std::vector<std::unique_ptr<sc::socket_stream>> clients;
    for (int i = 0; i < sc::listen_backlog; ++i) clients.push_back(co_await connect(*listener));
    for (int i = 0; i < sc::listen_backlog; ++i) {
      const auto server = co_await listener->accept();
      EXPECT_FALSE(server->closed());
    }
  });
}

TEST_P(any_listener, cancel_of_an_accept_that_waits_loses_no_connection) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_FALSE(co_await scope.run([&] { return listener->accept(); })); });
      co_await let_others_wait();
      scope.cancel("enough");
    });
    const auto client = co_await connect(*listener);

    EXPECT_FALSE((co_await listener->accept())->closed());
  });
}

TEST_P(any_listener, accept_in_a_cancelled_scope_takes_no_connection) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    const auto client = co_await connect(*listener);
    sc::cancel_scope scope;
    scope.cancel("before it began");

    EXPECT_FALSE(co_await scope.run([&] { return listener->accept(); }));
    EXPECT_FALSE((co_await listener->accept())->closed());
  });
}

TEST_P(any_listener, second_accept_at_a_time_is_refused) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await listener->accept()); });
      co_await let_others_wait();
      EXPECT_NE(co_await error_of<sc::busy_resource_error>([&] { return listener->accept(); }), "");
      n.cancel("done");
    });
  });
}

TEST_P(any_listener, close_wakes_the_accept_that_waits) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    std::string accepting;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { accepting = co_await error_of<sc::closed_resource_error>([&] { return listener->accept(); }); });
      co_await let_others_wait();
      listener->close();
    });
    EXPECT_EQ(accepting, "accept(): the listener was closed on this side");
    EXPECT_NE(co_await error_of<sc::closed_resource_error>([&] { return listener->accept(); }), "") << "and later ones";
  });
}

TEST_P(any_listener, connection_that_its_peer_gave_up_does_not_harm_the_listener) {
  sc::run([&]() -> sc::task<> {
    const auto listener = listen();
    for (int i = 0; i < 3; ++i) {
      const auto gone = co_await connect(*listener);
      const linger reset{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(gone->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      gone->close();
    }
    const auto stays = co_await connect(*listener);
    co_await stays->send_all(bytes_of("here"));
    for (std::string heard; heard != "here";) {
      const auto server = co_await listener->accept();
      try {
        heard = co_await receive_text(*server);
      } catch (const sc::broken_resource_error&) {
        heard = "reset";
      }
    }
  });
}

// The listener neither dies nor spins: it waits longer and longer, and goes on when there are descriptors again.
TEST_P(any_listener, accept_without_descriptors_backs_off_and_goes_on) {
  sc::virtual_clock clock(false);  // moved by hand: with real sockets an idle run may be about to hear from one
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    const auto listener = listen();
    const auto client = co_await connect(*listener);
    wait_until_readable(listener->fd());
    std::unique_ptr<sc::socket_stream> server;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      no_descriptors_left limit;
      n.start_soon([&]() -> sc::task<> { server = co_await listener->accept(); });
      for (const auto began = clock.now(); clock.now() - began < 10s; clock.advance(5ms)) {
        for (int i = 0; i < 100; ++i) co_await sc::checkpoint();
        EXPECT_EQ(server, nullptr);
      }
      limit.end();
      // The wait that is under way is the last one.
      clock.advance(sc::back_off_max);
    });
    co_await client->send_all(bytes_of("at last"));
    EXPECT_EQ(co_await receive_text(*server), "at last");
    EXPECT_GE(listener->back_offs(), 10s / sc::back_off_max);
    EXPECT_LE(listener->back_offs(), 10s / sc::back_off_max + 8);
  });
}

TEST_P(any_listener, close_wakes_an_accept_that_backs_off) {
  sc::virtual_clock clock(false);
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    const auto listener = listen();
    const auto client = co_await connect(*listener);
    wait_until_readable(listener->fd());
    std::string accepting;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      no_descriptors_left limit;
      n.start_soon([&]() -> sc::task<> { accepting = co_await error_of<sc::closed_resource_error>([&] { return listener->accept(); }); });
      co_await let_others_wait();
      EXPECT_EQ(listener->back_offs(), 1u);
      limit.end();
      listener->close();
    });
    EXPECT_EQ(accepting, "accept(): the listener was closed on this side");
  });
}

TEST_F(socket_listener_test, errors_of_accept_are_told_apart) {
  using sc::detail::accept_failure;
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM})
    EXPECT_EQ(sc::detail::classify_accept_error(error), accept_failure::out_of_resources) << errno_name(error);
  for (const int error : {ECONNABORTED, EPROTO, EINTR, ENETDOWN, EHOSTUNREACH, EPERM})
    EXPECT_EQ(sc::detail::classify_accept_error(error), accept_failure::connection_lost) << errno_name(error);
  for (const int error : {EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP})
    EXPECT_EQ(sc::detail::classify_accept_error(error), accept_failure::fatal) << errno_name(error);
  EXPECT_EQ(sc::detail::classify_accept_error(EAGAIN), accept_failure::would_block);
}

TEST_F(socket_listener_test, a_descriptor_that_does_not_listen_is_an_error_of_accept) {
  sc::run([&]() -> sc::task<> {
    sc::socket_listener listener(sc::detail::open_socket(AF_UNIX));
    EXPECT_EQ(co_await errno_of_task([&] { return listener.accept(); }), EINVAL);
  });
}

// --- connecting ---

// S-UDS-5
TEST_F(socket_listener_test, connect_to_a_path_where_nobody_listens_is_an_error_that_names_it) {
  sc::run([&]() -> sc::task<> {
    EXPECT_EQ(co_await error_of<os_error>([&] { return sc::connect_unix("/nowhere/s.sock"); }),
              "connect_unix(/nowhere/s.sock): No such file or directory [ENOENT]");
    static_cast<void>(narrow_listener(file("s.sock")));
    EXPECT_EQ(co_await errno_of_task([&] { return sc::connect_unix(file("s.sock")); }), ECONNREFUSED);
    fs::remove(file("s.sock"));
  });
}

// S-TCP-4
TEST_F(socket_listener_test, connect_to_a_port_where_nobody_listens_is_refused) {
  sc::run([&]() -> sc::task<> {
    // Bound, so that nobody else gets the port, but not listening.
    const unique_fd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sc::detail::socket_name name = sc::detail::tcp_name("test", "127.0.0.1", 0);
    EXPECT_EQ(::bind(taken.get(), name.pointer(), name.length), 0);
    EXPECT_EQ(::getsockname(taken.get(), name.pointer(), &name.length), 0);
    const std::uint16_t port = sc::detail::to_endpoint(name)->port;

    EXPECT_EQ(co_await error_of<os_error>([&] { return sc::connect_tcp("127.0.0.1", port); }),
              "connect_tcp(127.0.0.1:" + std::to_string(port) + "): Connection refused [ECONNREFUSED]");
  });
}

// S-TCP-1
TEST_F(socket_listener_test, host_names_are_not_resolved) {
  sc::run([&]() -> sc::task<> {
    for (const char* host : {"localhost", "", "127.0.0.1 ", "300.0.0.1", "127.0.0.1%lo"}) {
      EXPECT_EQ(errno_of([&] { return sc::listen_tcp(host, 0); }), EINVAL) << host;
      EXPECT_EQ(co_await errno_of_task([&] { return sc::connect_tcp(host, 1); }), EINVAL) << host;
    }
  });
}

TEST_F(socket_listener_test, ipv6_loopback_connects) {
  sc::run([&]() -> sc::task<> {
    std::unique_ptr<sc::socket_listener> listener;
    try {
      listener = sc::listen_tcp("::1", 0);
    } catch (const os_error& failed) {
      std::cout << "this machine has no IPv6 loopback: " << failed.what() << '\n';
      co_return;
    }
    const auto client = co_await sc::connect_tcp("::1", listener->local_endpoint()->port);
    const auto server = co_await listener->accept();
    EXPECT_EQ(server->remote_endpoint()->host, "::1");
  });
}

TEST_F(socket_listener_test, connect_without_descriptors_is_an_error_that_says_so) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(file("s.sock"));
    const auto over_unix = [&]() -> sc::task<> {
      const no_descriptors_left limit;
      static_cast<void>(co_await sc::connect_unix(listener->path()));
    };
    const auto over_tcp = []() -> sc::task<> {
      const no_descriptors_left limit;
      static_cast<void>(co_await sc::connect_tcp("127.0.0.1", 1));
    };
    EXPECT_EQ(co_await errno_of_task(over_unix), EMFILE);
    EXPECT_EQ(co_await errno_of_task(over_tcp), EMFILE);
  });
}

TEST_F(socket_listener_test, connect_in_a_cancelled_scope_connects_nothing) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(file("s.sock"));
    sc::cancel_scope scope;
    scope.cancel("before it began");
    EXPECT_FALSE(co_await scope.run([&] { return sc::connect_unix(file("s.sock")); }));
    EXPECT_LT(::accept(listener->fd(), nullptr, nullptr), 0);
    EXPECT_EQ(errno, EAGAIN);
  });
}

TEST_F(socket_listener_test, connect_waits_for_room_in_a_full_backlog) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    sc::socket_listener listener(narrow_listener(file("s.sock")));
    const auto first = co_await sc::connect_unix(file("s.sock"));
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        co_await sc::sleep(3s);
        static_cast<void>(co_await listener.accept());
      });
      const auto second = co_await sc::connect_unix(file("s.sock"));
      EXPECT_FALSE(second->closed());
    });
  });
  fs::remove(file("s.sock"));
}

TEST_F(socket_listener_test, connect_gives_up_on_a_backlog_that_stays_full) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    const unique_fd listener = narrow_listener(file("s.sock"));
    const auto first = co_await sc::connect_unix(file("s.sock"));
    const auto began = sc::current_time();

    EXPECT_EQ(co_await errno_of_task([&] { return sc::connect_unix(file("s.sock")); }), EAGAIN);
    EXPECT_GT(sc::current_time() - began, 20s);
    EXPECT_LT(sc::current_time() - began, 40s);
  });
  fs::remove(file("s.sock"));
}

TEST_F(socket_listener_test, cancel_of_a_connect_that_waits_for_the_backlog_leaves_nothing) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock, .seed = {}}, [&]() -> sc::task<> {
    const unique_fd listener = narrow_listener(file("s.sock"));
    const auto first = co_await sc::connect_unix(file("s.sock"));
    EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return sc::connect_unix(file("s.sock")); }));
  });
  fs::remove(file("s.sock"));
}

// With the queue of the listener full its system drops requests to connect, so the connect stays under way.
TEST_F(socket_listener_test, cancel_of_a_tcp_connect_under_way_leaves_nothing) {
  sc::run([&]() -> sc::task<> {
    unique_fd narrow = sc::detail::open_socket(AF_INET);
    sc::detail::socket_name name = sc::detail::tcp_name("test", "127.0.0.1", 0);
    EXPECT_EQ(::bind(narrow.get(), name.pointer(), name.length), 0);
    EXPECT_EQ(::listen(narrow.get(), 0), 0);
    EXPECT_EQ(::getsockname(narrow.get(), name.pointer(), &name.length), 0);
    const std::uint16_t port = sc::detail::to_endpoint(name)->port;
    const auto first = co_await sc::connect_tcp("127.0.0.1", port);
    wait_until_readable(narrow.get());

    sc::cancel_scope scope;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_FALSE(co_await scope.run([&] { return sc::connect_tcp("127.0.0.1", port); })); });
      co_await let_others_wait();
      scope.cancel("enough");
    });
  });
}

// In a network of its own, with one free port, a connect to that port gets it for its own end as well.
TEST_F(socket_listener_test, connect_that_meets_itself_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "a network namespace needs root";
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(77);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    const unique_fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) ::_exit(77);
    std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
    range << "40001 40001" << std::flush;
    if (!range) ::_exit(77);
    const int error =
        sc::run([]() -> sc::task<int> { co_return co_await errno_of_task([] { return sc::connect_tcp("127.0.0.1", 40001); }); });
    ::_exit(error == ECONNREFUSED ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no network namespace to be had here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tractor::test
