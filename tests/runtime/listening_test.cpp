// SPDX-License-Identifier: Apache-2.0
//
// An actor that listens: where, for whom, until when; and what its peers see of its end. One run on the virtual clock, real sockets.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raw_peer.hpp"
#include "tests/sc/sc_test.hpp"
#include "tractor/tractor.hpp"

namespace listening_test {
namespace {

using raw::raw_peer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;
namespace fs = std::filesystem;

const ipc::address any_port = ipc::tcp_address{.host = "127.0.0.1", .port = 0};

// An address of this machine on one of its links, such as "fe80::1%eth0"; empty when it has none.
std::string address_on_a_link() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(all, &::freeifaddrs);
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET6) continue;
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
    char text[NI_MAXHOST] = {};
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
        ::getnameinfo(each->ifa_addr, sizeof *v6, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      return text;
  }
  return "";
}

class listening : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(dir_); }
  void TearDown() override { fs::remove_all(dir_); }
  [[nodiscard]] ipc::uds_address at(std::string file) const { return {.dir = dir_, .file = std::move(file)}; }

  // In a root that listens nowhere yet, and exposes "hostile_target".
  static void in_root(const std::function<sc::task<>()>& body) {
    tractor::testing::run_test([&] { return open_root(body); });
  }
  static sc::task<> open_root(const std::function<sc::task<>()>& body) {
    co_await tractor::open_root_actor([&] { return body(); }, {.enable_modules = {"hostile_target"}, .handle_signals = false});
  }
  static std::size_t peers() { return tractor::current_actor().peer_count(); }

  static sc::task<std::unique_ptr<raw_peer>> visitor_at(ipc::address where) {
    auto visitor = std::make_unique<raw_peer>(co_await ipc::connect(std::move(where)));
    co_await visitor->shake_hands();
    co_await sc_test::settle();
    co_return visitor;
  }
  static sc::task<> expect_served(raw_peer& visitor) {
    visitor.send_start("call", "hostile_target", "twice", {{"number", 21}});
    EXPECT_EQ(co_await visitor.answer(), "StartAck");
    EXPECT_EQ(co_await visitor.answer(), "Return");
  }
  // The number that the next descriptor gets.
  static int next_descriptor() {
    const tractor::unique_fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return next.get();
  }
  static int epoll_of_this_run() {
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (fs::read_symlink(entry.path(), gone) == "anon_inode:[eventpoll]") return std::stoi(entry.path().filename());
    }
    ADD_FAILURE() << "no epoll descriptor";
    return -1;
  }
  // Whether somebody accepts there.
  static sc::task<bool> is_listened_at(ipc::address where) {
    try {
      co_await ipc::connect(std::move(where));
    } catch (const tractor::os_error&) {
      co_return false;
    }
    co_return true;
  }

 private:
  std::string dir_ = testing::TempDir() + "tractor-listening-" + std::to_string(::getpid());
};

// S-SRV-1, S-SRV-2, S-SRV-12
TEST_F(listening, actor_tells_where_it_listens_and_how_many_are_connected) {
  in_root([this]() -> sc::task<> {
    EXPECT_THAT(tractor::accept_addresses(), IsEmpty());

    const auto tcp = tractor::listen_on(any_port);
    const auto uds = tractor::listen_on(at("a.sock"));

    EXPECT_NE(tcp.tcp()->port, 0);
    EXPECT_EQ(uds, ipc::address(at("a.sock")));
    EXPECT_THAT(tractor::accept_addresses(), ElementsAre(tcp, uds));
    EXPECT_EQ(peers(), 0u);
    std::vector<std::unique_ptr<raw_peer>> visitors;
    for (const auto& where : {tcp, uds}) {
      visitors.push_back(co_await visitor_at(where));
      co_await expect_served(*visitors.back());
      EXPECT_EQ(peers(), visitors.size());
    }
    for (const auto& visitor : visitors) visitor->hang_up();
    co_await sc_test::settle();
    EXPECT_EQ(peers(), 0u);
  });
}

// S-SRV-2: nobody would be served.
TEST_F(listening, actor_that_has_ended_its_tasks_listens_nowhere_any_more) {
  std::string refused;
  in_root([&]() -> sc::task<> {
    tractor::current_actor().on_exit([&] {
      try {
        tractor::listen_on(at("late.sock"));
      } catch (const tractor::runtime_failure& why) {
        refused = why.what();
      }
    });
    co_return;
  });
  EXPECT_EQ(refused, "actor 'root' has ended its tasks and listens nowhere any more");
  EXPECT_FALSE(fs::exists(at("late.sock").path()));
}

// S-SRV-4
TEST_F(listening, who_is_connected_stays_when_the_actor_stops_to_listen) {
  in_root([this]() -> sc::task<> {
    const auto where = tractor::listen_on(at("a.sock")), other = tractor::listen_on(any_port);
    const auto visitor = co_await visitor_at(where);

    tractor::current_actor().stop_listening(where);

    EXPECT_FALSE(co_await is_listened_at(where));
    EXPECT_TRUE(co_await is_listened_at(other));
    EXPECT_THAT(tractor::accept_addresses(), ElementsAre(other));
    co_await expect_served(*visitor);
    visitor->hang_up();
    co_await sc_test::settle();
  });
}

// S-SRV-6: by one identity, and served each for itself.
TEST_F(listening, peer_may_have_several_connections) {
  in_root([this]() -> sc::task<> {
    const auto where = tractor::listen_on(at("a.sock"));
    const auto first = co_await visitor_at(where), second = co_await visitor_at(where);
    EXPECT_EQ(peers(), 2u);
    for (const auto& each : tractor::current_actor().peers()) EXPECT_EQ(each->remote_uid(), raw::intruder);
    co_await expect_served(*first);

    first->hang_up();
    co_await sc_test::settle();

    EXPECT_EQ(peers(), 1u);
    co_await expect_served(*second);
    second->hang_up();
    co_await sc_test::settle();
  });
}

// S-TCP-3: the link is a part of such an address, also of the peer's.
TEST_F(listening, peer_on_the_same_link_is_served) {
  const std::string host = address_on_a_link();
  if (host.empty()) GTEST_SKIP() << "no interface of this machine has an IPv6 address of its link";
  in_root([&]() -> sc::task<> {
    const auto everywhere = tractor::listen_on(ipc::tcp_address{.host = "::", .port = 0}, {.insecure = true});
    raw_peer visitor(co_await sc::connect_tcp(host, everywhere.tcp()->port));
    co_await visitor.shake_hands();
    co_await expect_served(visitor);
    EXPECT_EQ(tractor::current_actor().peers().at(0)->channel().ends()->remote.tcp()->host, host);
    visitor.hang_up();
    co_await sc_test::settle();
  });
}

// S-SRV-10: of files that cannot be removed, because they are gone or are somebody else's by now.
TEST_F(listening, listener_that_cannot_be_closed_as_it_should_harms_none_of_the_others) {
  in_root([this]() -> sc::task<> {
    fs::remove(at("taken.sock").path());
    const auto before = tractor::listen_on(at("before.sock"));
    tractor::listen_on(at("gone.sock"));
    tractor::listen_on(at("taken.sock"));
    const auto behind = tractor::listen_on(at("behind.sock"));
    fs::remove(at("gone.sock").path());
    fs::remove(at("taken.sock").path());
    fs::create_directory(at("taken.sock").path());
    EXPECT_TRUE(co_await is_listened_at(before) && co_await is_listened_at(behind));
    co_await sc_test::settle();
  });
  for (const char* file : {"before.sock", "behind.sock", "gone.sock"}) EXPECT_FALSE(fs::exists(at(file).path())) << file;
  EXPECT_TRUE(fs::is_directory(at("taken.sock").path()));
}

// S-OOB-8, S-SRV-10: what cannot be accepted from any more costs that listener, and an error in the log.
TEST_F(listening, listener_that_fails_for_good_is_given_up_and_harms_nobody_else) {
  testing::internal::CaptureStderr();
  tractor::testing::run_seeded(
      [this]() -> sc::task<> {
        co_await open_root([this]() -> sc::task<> {
          const auto other = tractor::listen_on(at("other.sock"));
          const int next_free = next_descriptor();
          tractor::listen_on(at("failing.sock"));
          // Before the first accept: the descriptor is that of a socket on which nobody listens.
          const tractor::unique_fd deaf(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
          EXPECT_EQ(::dup3(deaf.get(), next_free, O_CLOEXEC), next_free);
          co_await sc_test::settle();

          EXPECT_THAT(tractor::accept_addresses(), ElementsAre(other));
          EXPECT_FALSE(fs::exists(at("failing.sock").path()));
          const auto visitor = co_await visitor_at(other);
          co_await expect_served(*visitor);
          visitor->hang_up();
          co_await sc_test::settle();
        });
      },
      1);
  const auto printed = testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, HasSubstr("[ERROR] tractor.runtime.server"));
  EXPECT_THAT(printed, HasSubstr("nobody can connect at " + ipc::address(at("failing.sock")).text() + " any more: accept(): "));
}

// S-OOB-8: a failure that may pass is told of once, and the listener tries again: whoever has connected meanwhile is served then.
TEST_F(listening, listener_that_fails_for_a_time_serves_who_comes_later) {
  testing::internal::CaptureStderr();
  tractor::testing::run_seeded(
      [this]() -> sc::task<> {
        co_await open_root([this]() -> sc::task<> {
          const int next_free = next_descriptor();
          const auto where = tractor::listen_on(at("a.sock"));
          // The kernel watches a descriptor once: the listener, which comes second, is refused.
          epoll_event nothing{};
          EXPECT_EQ(::epoll_ctl(epoll_of_this_run(), EPOLL_CTL_ADD, next_free, &nothing), 0);
          const auto before = sc::current_time();
          co_await sc::sleep(5 * tractor::accept_retry_pause);
          EXPECT_THAT(tractor::accept_addresses(), ElementsAre(where));
          EXPECT_EQ(::epoll_ctl(epoll_of_this_run(), EPOLL_CTL_DEL, next_free, nullptr), 0);

          const auto visitor = co_await visitor_at(where);
          co_await expect_served(*visitor);
          EXPECT_LE(sc::current_time() - before, 7 * tractor::accept_retry_pause);
          visitor->hang_up();
          co_await sc_test::settle();
        });
      },
      1);
  const auto printed = testing::internal::GetCapturedStderr();
  const std::string said = "a connection at " + ipc::address(at("a.sock")).text() + " was not accepted: epoll_ctl(ADD, ";
  EXPECT_THAT(printed, HasSubstr(said));
  EXPECT_EQ(printed.find(said), printed.rfind(said)) << printed;
}

// S-SRV-13, S-RT-16: the dialogs with it have ended, so there is nothing to wait for.
TEST_F(listening, peer_that_stays_connected_does_not_hold_up_the_end) {
  tractor::testing::run_test([this]() -> sc::task<> {
    std::unique_ptr<raw_peer> visitor;
    sc::time_point ends_at;
    co_await open_root([&]() -> sc::task<> {
      visitor = co_await visitor_at(tractor::listen_on(at("a.sock")));
      visitor->send_start("call", "hostile_target", "wait_for_ever");
      EXPECT_EQ(co_await visitor->answer(), "StartAck");
      ends_at = sc::current_time();
    });
    EXPECT_EQ(sc::current_time(), ends_at);
    EXPECT_EQ(co_await visitor->answer(), "Error:ContextCancelled");
    EXPECT_EQ(co_await visitor->answer(), "closed");
  });
}

// S-SRV-13, S-RT-16: one that reads nothing of what there still is for it costs a bounded time, and is named.
TEST_F(listening, peer_that_does_not_read_holds_up_the_end_for_a_bounded_time) {
  testing::internal::CaptureStderr();
  tractor::testing::run_seeded(
      [this]() -> sc::task<> {
        const tractor::log_level_scope levels("warning");
        std::unique_ptr<raw_peer> visitor;
        sc::time_point ends_at;
        co_await open_root([&]() -> sc::task<> {
          visitor = co_await visitor_at(tractor::listen_on(at("a.sock")));
          auto& channel = tractor::current_actor().peers().at(0)->channel();
          channel.send([](msg::buffer& out) { msg::encode_stop(out, std::string(8 << 20, 'x')); });
          EXPECT_TRUE(channel.congested());
          ends_at = sc::current_time();
        });
        EXPECT_EQ(sc::current_time() - ends_at, tractor::last_words_timeout);
        EXPECT_EQ(co_await visitor->answer(), "closed") << "what it had not read is cut off";
      },
      1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("what was still to be sent to actor 'intruder' was not read within 500 ms, and is lost (last_words_timeout)"));
}

// S-RT-16, S-RT-17: whoever looks for it then, by name or by address, does not find one that tears down what it works with.
TEST_F(listening, exit_callbacks_run_when_nobody_reaches_the_actor_any_more) {
  bool ran = false;
  in_root([&]() -> sc::task<> {
    const auto visitor = co_await visitor_at(tractor::listen_on(at("a.sock")));
    auto& self = tractor::current_actor();
    self.on_exit([&] {
      ran = true;
      EXPECT_THAT(tractor::accept_addresses(), IsEmpty());
      EXPECT_FALSE(fs::exists(at("a.sock").path()));
      EXPECT_EQ(peers(), 0u);
      EXPECT_TRUE(self.cancel_complete());
    });
    EXPECT_EQ(peers(), 1u);
  });
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace listening_test
