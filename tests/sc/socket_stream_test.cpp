// SPDX-License-Identifier: Apache-2.0
//
// What a socket stream does beyond what every byte stream does (stream_conformance_test.cpp).

#include "tractor/sc/socket_stream.hpp"

#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "sc/socket_calls.hpp"
#include "socket_test.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/event.hpp"

namespace tractor::test {
namespace {

using socket_stream_test = socket_test;

int socket_option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
  return value;
}

// Of link-local addresses the link is part of the name.
TEST(socket_name, keeps_the_link_of_an_address) {
  const auto of = [](const std::string& host) { return sc::detail::to_endpoint(sc::detail::tcp_name("test", host, 80)); };
  const std::string number = std::to_string(::if_nametoindex("lo"));

  EXPECT_EQ(of("fe80::1%lo").value().host, "fe80::1%lo");
  EXPECT_EQ(of("fe80::1%" + number).value().host, "fe80::1%lo");
  EXPECT_EQ(of("fe80::1%4294967295").value().host, "fe80::1%4294967295") << "no link has that number, yet";
  EXPECT_EQ(of("fe80::1").value().host, "fe80::1");
  try {
    static_cast<void>(of("fe80::1%nowhere"));
    ADD_FAILURE() << "nowhere is a link";
  } catch (const os_error& failed) {
    EXPECT_EQ(failed.code().value(), ENODEV);
    EXPECT_EQ(failed.message(), "test([fe80::1%nowhere]:80): there is no network interface of that name: No such device [ENODEV]");
  }
}

// Sends `text` together with a descriptor.
void send_with_descriptor(int socket, std::string_view text) {
  const unique_fd sent(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = sent.get();
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof number)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof number);
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  EXPECT_EQ(::sendmsg(socket, &message, 0), static_cast<ssize_t>(text.size()));
}

// Until the other side's system has acknowledged everything that was sent over a TCP connection.
void wait_until_delivered(int fd) {
  for (int unacknowledged = 1; unacknowledged != 0;) check_syscall(::ioctl(fd, SIOCOUTQ, &unacknowledged), "ioctl(SIOCOUTQ)");
}

TEST_F(socket_stream_test, a_blocking_descriptor_is_made_non_blocking_and_close_on_exec) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const unique_fd other(ends[1]);

  const sc::socket_stream stream{unique_fd(ends[0])};

  EXPECT_EQ(stream.fd(), ends[0]);
  EXPECT_NE(::fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(ends[0], F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(socket_stream_test, a_descriptor_that_is_not_open_is_refused) { EXPECT_THROW(sc::socket_stream{unique_fd()}, os_error); }

TEST_F(socket_stream_test, both_ends_of_a_pair_are_non_blocking_and_close_on_exec) {
  const auto [left, right] = sc::open_socketpair();
  for (const int fd : {left->fd(), right->fd()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(socket_stream_test, no_descriptors_left_for_a_pair_is_an_error_that_says_so) {
  try {
    const no_descriptors_left limit;
    static_cast<void>(sc::open_socketpair());
    FAIL() << "a pair was made";
  } catch (const os_error& failed) {
    EXPECT_EQ(failed.errno_value(), EMFILE);
    EXPECT_EQ(failed.category(), error_category::overloaded);
  }
}

// S-UDS-7
TEST_F(socket_stream_test, credentials_of_a_pair_are_those_of_this_process) {
  const auto [left, right] = sc::open_socketpair();
  EXPECT_EQ(left->credentials(), (sc::peer_credentials{.pid = ::getpid(), .uid = ::geteuid(), .gid = ::getegid()}));
  EXPECT_EQ(left->local_endpoint(), std::nullopt);
  EXPECT_EQ(left->remote_endpoint(), std::nullopt);
}

// S-UDS-7
TEST_F(socket_stream_test, credentials_of_a_connected_peer_name_its_process) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_unix(file("s.sock"));
    const pid_t child = ::fork();
    if (child == 0) {
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      std::memcpy(name.sun_path, listener->path().c_str(), listener->path().size());
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      ::_exit(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0 ? 0 : 1);
    }
    const auto stream = co_await listener->accept();

    EXPECT_EQ(stream->credentials()->pid, child);
    EXPECT_EQ(stream->credentials()->uid, ::geteuid());
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
}

TEST_F(socket_stream_test, endpoints_of_a_tcp_connection_mirror_each_other) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const auto client = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
    const auto server = co_await listener->accept();

    EXPECT_EQ(client->remote_endpoint(), listener->local_endpoint());
    EXPECT_EQ(server->remote_endpoint(), client->local_endpoint());
    EXPECT_EQ(server->remote_endpoint()->host, "127.0.0.1");
    EXPECT_EQ(client->credentials(), std::nullopt);
  });
}

TEST_F(socket_stream_test, tcp_connections_send_without_delay_on_both_ends) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const auto client = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
    const auto server = co_await listener->accept();

    EXPECT_EQ(socket_option(client->fd(), IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(socket_option(server->fd(), IPPROTO_TCP, TCP_NODELAY), 1);
  });
}

TEST_F(socket_stream_test, eof_to_a_peer_that_reset_the_connection_is_broken) {
  sc::run([&]() -> sc::task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const auto client = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
    const auto server = co_await listener->accept();
    co_await client->send_all(bytes_of("never read"));
    wait_until_readable(server->fd());
    server->close();
    wait_until_hung_up(client->fd());

    EXPECT_THROW(client->send_eof(), sc::broken_resource_error);
    client->close();
  });
}

// A peer that goes while nobody waits must not raise SIGPIPE.
TEST_F(socket_stream_test, send_to_a_peer_that_is_gone_raises_no_signal) {
  sc::run([&]() -> sc::task<> {
    const auto [left, right] = sc::open_socketpair();
    right->close();
    EXPECT_NE(co_await error_of<sc::broken_resource_error>([&]() -> sc::task<> { co_await left->send_all(bytes_of("x")); }), "");
  });
}

TEST_F(socket_stream_test, a_stream_is_usable_without_a_run_as_long_as_nothing_waits) {
  const auto [left, right] = sc::open_socketpair();
  std::byte buffer[8];

  EXPECT_TRUE(right->try_receive(buffer).would_block());
  EXPECT_EQ(left->try_send(bytes_of("abc")).bytes, 3u);
  EXPECT_EQ(right->try_receive(buffer).bytes, 3u);

  // What was tried outside can be waited for inside.
  sc::run([&]() -> sc::task<> {
    co_await left->send_all(bytes_of("def"));
    EXPECT_EQ(co_await receive_text(*right), "def");
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_EQ(co_await receive_text(*right), "ghi"); });
      co_await let_others_wait();
      co_await left->send_all(bytes_of("ghi"));
    });
    right->close();
  });
}

// Everything up to the end of what was sent: "abc", something that ends a read, then "defgh".
sc::task<std::string> receive_rest(sc::byte_stream& stream) {
  std::string all;
  while (all.size() < 8) all += co_await receive_text(stream);
  co_return all;
}

// A virtual clock: a wake-up that is lost is a deadlock, not a test that hangs.
TEST_F(socket_stream_test, bytes_behind_descriptors_that_nobody_takes_are_received) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock}, [&]() -> sc::task<> {
    const auto [ours, theirs] = sc::open_socketpair();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_EQ(co_await receive_rest(*ours), "abcdefgh"); });
      co_await let_others_wait();
      send_with_descriptor(theirs->fd(), "abc");
      EXPECT_EQ(theirs->try_send(bytes_of("defgh")).bytes, 5u);
    });
  });
}

TEST_F(socket_stream_test, bytes_behind_urgent_ones_are_received) {
  sc::virtual_clock clock;
  sc::run({.clock = &clock}, [&]() -> sc::task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const auto ours = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
    const auto theirs = co_await listener->accept();
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { EXPECT_EQ(co_await receive_rest(*ours), "abcdefgh"); });
      co_await let_others_wait();
      // The last byte is the urgent one, and comes out of band.
      EXPECT_EQ(::send(theirs->fd(), "abc!", 4, MSG_OOB), 4);
      EXPECT_EQ(theirs->try_send(bytes_of("defgh")).bytes, 5u);
      wait_until_delivered(theirs->fd());
    });
  });
}

TEST_F(socket_stream_test, a_stream_destroyed_while_a_task_waits_in_it_stops_the_program) {
  EXPECT_DEATH(sc::run([]() -> sc::task<> {
                 auto ends = sc::open_socketpair();
                 co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
                   n.start_soon([&]() -> sc::task<> { co_await receive_text(*ends.first); });
                   co_await let_others_wait();
                   ends.first.reset();
                 });
               }),
               "a socket is destroyed while a task waits in it");
}

}  // namespace
// A task held the loop until a deadline had passed: what had come by then counts, also for a task that hears of it from the one that reads.
TEST_F(socket_stream_test, bytes_that_came_before_the_loop_saw_the_deadline_count) {
  sc::virtual_clock clock(false);
  const auto body = [&]() -> sc::task<> {
    const auto [ours, theirs] = sc::open_socketpair();
    sc::event told;
    std::array<std::byte, 1> byte{};
    const auto deadline = sc::current_time() + std::chrono::seconds(1);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        static_cast<void>(co_await ours->receive_some(byte));
        told.set();
      });
      n.start_soon([&]() -> sc::task<> {
        co_await theirs->send_all(byte);
        clock.advance(std::chrono::seconds(2));  // it computes that long
      });
      EXPECT_TRUE(co_await sc::move_on_at(deadline, [&]() -> sc::task<> { co_await told.wait(); }));
    });
  };
  sc::run({.clock = &clock}, body);
}

}  // namespace tractor::test
