// SPDX-License-Identifier: Apache-2.0
//
// Addresses at which nobody says anything: a registrar that does not answer, an actor whose machine does not. Every wait for them is
// bounded. All in one run on the virtual clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <vector>

#include "raw_server.hpp"
#include "runtime_test.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace slow_registrar_test {

using namespace std::chrono_literals;
using raw::raw_peer;
using runtime_test::catch_as;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;

// The question that is given up is cancelled there too, which is not answered either.
constexpr auto unanswered_cancel = tractor::context_cancel_timeout;

// A listener whose queue is full: whoever connects hears nothing, as from a machine that is not there.
class unanswered {
 public:
  unanswered() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    auto* const any = reinterpret_cast<sockaddr*>(&name);
    EXPECT_EQ(0, ::bind(listening_.get(), any, size));
    EXPECT_EQ(0, ::listen(listening_.get(), 0));
    EXPECT_EQ(0, ::getsockname(listening_.get(), any, &size));
    port_ = ntohs(name.sin_port);
    for (auto& each : waiting_) {
      each.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      static_cast<void>(::connect(each.get(), any, size));
    }
  }
  [[nodiscard]] ipc::tcp_address address() const { return {"127.0.0.1", port_}; }

 private:
  tractor::unique_fd listening_;
  std::uint16_t port_ = 0;
  tractor::unique_fd waiting_[3];
};

// Runs `body` in a registrar.
void in_registrar(const std::function<sc::task<>(ipc::address own)>& body) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor([&]() -> sc::task<> { co_await body(tractor::accept_addresses().front()); },
                                      {.handle_signals = false, .registry_addrs = {{ipc::tcp_address{"127.0.0.1", 0}}}});
  });
}

// One that says who it is, and then nothing.
sc::task<> with_mute_registrar(std::function<sc::task<>(ipc::address)> body) {
  const auto listener = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
  sc::cancel_scope answering;
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      static_cast<void>(co_await answering.run([&]() -> sc::task<> {
        raw_peer mute((co_await listener->accept()).stream);
        co_await mute.shake_hands();
        while (co_await mute.answer() != "closed") continue;
      }));
    });
    co_await body(listener->local());
    answering.cancel("asked enough");
  });
}

TEST(slow_registrar, that_does_not_answer_is_an_error_of_the_lookup) {
  in_registrar([](ipc::address) -> sc::task<> {
    co_await with_mute_registrar([](ipc::address mute) -> sc::task<> {
      const auto before = sc::current_time();
      const auto error =
          co_await catch_as<tractor::runtime_failure>([&] { return tractor::query_actor("anybody", {.registry_addrs = {mute}}); });
      TRACTOR_REQUIRE(error);
      EXPECT_EQ(tractor::registry_answer_timeout + unanswered_cancel, sc::current_time() - before);
      EXPECT_THAT(error->what(), testing::HasSubstr("the registrar at " + mute.text() + " does not answer within 3000 ms"));
    });
  });
}

// S-DSC-2: also where nobody has the actor.
TEST(slow_registrar, that_does_not_answer_holds_up_no_other_for_long) {
  in_registrar([](ipc::address own) -> sc::task<> {
    co_await with_mute_registrar([&](ipc::address mute) -> sc::task<> {
      const auto before = sc::current_time();
      EXPECT_EQ(std::nullopt, co_await tractor::query_actor("nobody", {.registry_addrs = {mute, own}}));
      EXPECT_EQ(tractor::registry_others_timeout + unanswered_cancel, sc::current_time() - before);
    });
  });
}

TEST(slow_registrar, whose_machine_does_not_answer_is_given_up) {
  in_registrar([](ipc::address) -> sc::task<> {
    const unanswered nowhere;
    const auto before = sc::current_time();
    const auto error = co_await catch_as<tractor::runtime_failure>(
        [&] { return tractor::query_actor("anybody", {.registry_addrs = {nowhere.address()}}); });
    TRACTOR_REQUIRE(error);
    EXPECT_EQ(tractor::handshake_timeout, sc::current_time() - before);
    EXPECT_THAT(error->what(), testing::HasSubstr("nobody answers at " + ipc::address(nowhere.address()).text() + " within 10000 ms"));
  });
}

bool is_for(const tractor::msg::start& request, std::string_view name) {
  const auto kwargs = tractor::msg::decode<tractor::msg::value::map>(request.kwargs, {}, "kwargs");
  const auto* const given = kwargs.find("name");
  return given != nullptr && *given == tractor::msg::value(std::string(name));
}

// Shakes hands as a registrar and answers nothing, until the connection ends; counts how often it is asked to wait for an actor. Asked to
// find one, it hangs up; the first that is asked to wait for "leaving" ends in good order.
sc::task<> register_nobody(std::unique_ptr<sc::byte_stream> stream, std::set<raw_peer*>& connected, int& asked) {
  raw_peer registrar(std::move(stream));
  registrar.channel().send([](tractor::msg::buffer& out) {
    tractor::msg::encode_aid(out, {.name = "registrar", .uuid = "1", .pid = 1, .is_registrar = true, .is_probe = false});
  });
  connected.insert(&registrar);
  try {
    while (const auto message = co_await registrar.channel().receive())
      if (const auto* request = std::get_if<tractor::msg::start>(&*message)) {
        asked += request->func == "wait_for_actor" ? 1 : 0;
        if (request->func == "find_actor") registrar.hang_up();
        if (asked == 1 && request->func == "wait_for_actor" && is_for(*request, "leaving"))
          raw::send_error(registrar, raw::error_of_peer("ContextCancelled", std::string(request->cid)));
      }
  } catch (const tractor::transport_closed&) {
    // A probe, or as the test wants it.
  }
  connected.erase(&registrar);
}

// Runs `body` in the root of a tree whose registrar that is.
void with_registrar_of_nobody(const std::function<sc::task<>(std::set<raw_peer*>& connected, int& asked)>& body) {
  tractor::testing::run_test([&]() -> sc::task<> {
    const auto listener = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
    std::set<raw_peer*> connected;
    int asked = 0;
    co_await sc::open_nursery([&](sc::nursery& registrars) -> sc::task<> {
      registrars.start_soon([&]() -> sc::task<> {
        for (;;) {
          auto stream = (co_await listener->accept()).stream;
          registrars.start_soon([&, stream = std::move(stream)]() mutable { return register_nobody(std::move(stream), connected, asked); });
        }
      });
      co_await tractor::open_root_actor([&] { return body(connected, asked); },
                                        {.handle_signals = false, .registry_addrs = {{listener->local()}}});
      registrars.cancel("the root has ended");
    });
  });
}

// Its time counts from when it is gone, not from the question.
TEST(slow_registrar, that_goes_when_somebody_has_waited_for_long_is_asked_again) {
  with_registrar_of_nobody([](std::set<raw_peer*>& connected, int& asked) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& waiting) -> sc::task<> {
      waiting.start_soon([]() -> sc::task<> {
        co_await tractor::wait_for_actor("late", [](tractor::portal&) -> sc::task<> {
          ADD_FAILURE() << "nobody is registered";
          co_return;
        });
      });
      for (int times = 1; times <= 3; ++times) {
        co_await sc::sleep(2 * tractor::registry_failover_timeout);
        EXPECT_EQ(times, asked);
        for (raw_peer* const each : connected) each->hang_up();
      }
      waiting.cancel("waited enough");
    });
  });
}
TEST(slow_registrar, that_ends_in_good_order_while_somebody_waits_is_asked_again) {
  with_registrar_of_nobody([](std::set<raw_peer*>&, int& asked) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& waiting) -> sc::task<> {
      waiting.start_soon([]() -> sc::task<> {
        co_await tractor::wait_for_actor("leaving", [](tractor::portal&) -> sc::task<> {
          ADD_FAILURE() << "nobody is registered";
          co_return;
        });
      });
      co_await sc::sleep(tractor::registry_failover_timeout);
      EXPECT_EQ(2, asked);
      waiting.cancel("waited enough");
    });
  });
}
TEST(slow_registrar, that_hangs_up_on_every_question_is_given_up) {
  with_registrar_of_nobody([](std::set<raw_peer*>&, int&) -> sc::task<> {
    const auto before = sc::current_time();
    EXPECT_TRUE(co_await catch_as<tractor::runtime_failure>([] { return tractor::query_actor("anybody"); }));
    EXPECT_LE(sc::current_time() - before, tractor::registry_failover_timeout);
  });
}

// All who ask at the same time are told at the same time.
TEST(slow_registrar, whose_machine_does_not_answer_is_given_up_by_all_who_ask_at_once) {
  in_registrar([](ipc::address) -> sc::task<> {
    const unanswered nowhere;
    const auto before = sc::current_time();
    co_await sc::open_nursery([&](sc::nursery& n) {
      for (int i = 0; i < 3; ++i)
        n.start_soon([&]() -> sc::task<> {
          static_cast<void>(co_await catch_as<tractor::runtime_failure>(
              [&] { return tractor::query_actor("anybody", {.registry_addrs = {nowhere.address()}}); }));
        });
    });
    EXPECT_EQ(tractor::handshake_timeout, sc::current_time() - before);
  });
}

// What nobody has answered for three times is nobody's any more.
TEST(slow_registrar, lease_of_who_does_not_answer_ends) {
  in_registrar([](ipc::address own) -> sc::task<> {
    const unanswered nowhere;
    {
      raw_peer peer(co_await ipc::connect(own));
      co_await peer.shake_hands();
      peer.send_start("r1", "self", "register_actor",
                      {{"uid", tractor::msg::value::array{"gone", "1"}},
                       {"addr", tractor::msg::value::array{"127.0.0.1", static_cast<int>(nowhere.address().port)}}});
      EXPECT_EQ("StartAck", co_await peer.answer());
      EXPECT_EQ("Return", co_await peer.answer());
      peer.hang_up();
    }
    const auto& table = tractor::current_actor().directory().table();
    const auto round = tractor::lease_interval + tractor::registry_probe_attempt_timeout;
    co_await sc::sleep((tractor::lease_probes_max - 1) * round + tractor::lease_interval / 2);
    EXPECT_NE(nullptr, table.find("gone"));
    co_await sc::sleep(round);
    EXPECT_EQ(nullptr, table.find("gone"));
  });
}

}  // namespace slow_registrar_test
