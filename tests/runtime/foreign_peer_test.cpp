// SPDX-License-Identifier: Apache-2.0
//
// Peers that misbehave, of an actor in a process of its own, forked or executed: the raw peer is in the test, and what it did to the actor
// is seen by the parent. In one process, and in more ways: hostile_peer_test.cpp, deaf_peer_test.cpp, listening_test.cpp.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "raw_peer.hpp"
#include "runtime_test.hpp"
#include "tractor/base/fd.hpp"

namespace foreign_peer {
namespace {

namespace sc = tractor::sc;

sc::task<std::size_t> peers_here() { co_return tractor::current_actor().peer_count(); }

// Closes the descriptor under the connection that it is called by.
sc::task<> close_the_descriptor(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    static_cast<void>(co_await stream.receive());
    ctx.kernel_link().via().channel().stream().close();
    static_cast<void>(co_await stream.receive());
  });
}

bool connects_to(std::uint16_t port) {
  const tractor::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}
// Has the actor write at its end whether it is still to be reached at the two addresses that it was told to listen at.
sc::task<> note_at_exit(std::string path, std::string socket_file) {
  std::uint16_t port = 0;
  for (const auto& each : tractor::accept_addresses())
    if (each.tcp()) port = each.tcp()->port;
  if (!connects_to(port) || !std::filesystem::exists(socket_file)) throw std::logic_error("it does not listen");
  tractor::current_actor().on_exit([=] {
    std::ofstream(path) << "uds " << std::filesystem::exists(socket_file) << ", tcp " << connects_to(port) << ", tasks have ended "
                        << tractor::current_actor().cancel_complete();
  });
  co_return;
}

}  // namespace
}  // namespace foreign_peer

TRACTOR_MODULE(foreign_peer) {
  mod.def<&foreign_peer::peers_here>("peers_here");
  mod.def<&foreign_peer::close_the_descriptor>("close_the_descriptor");
  mod.def<&foreign_peer::note_at_exit>("note_at_exit", "path", "socket_file");
}

namespace runtime_test {
namespace {

using raw::raw_peer;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

class foreign_peer_test : public both_methods {
 protected:
  [[nodiscard]] ipc::uds_address target() const { return {.dir = left_behind().temporary_directory(), .file = "target.sock"}; }
  // Runs `body` with an actor that listens there, and over TCP.
  void with_listening(const std::function<sc::task<>(actor_nursery&, portal actor, ipc::address)>& body) const {
    run_in_nursery([&](actor_nursery& an) -> sc::task<> {
      auto more = options();
      more.enable_modules = {"kit", "hostile_target", "foreign_peer"};
      more.bind_addrs = {target(), ipc::tcp_address{.host = "127.0.0.1", .port = 0}};
      auto actor = co_await an.start_actor("target", more);
      co_await actor.run<&kit::nothing>();  // by then it listens
      co_await body(an, actor, target());
      co_await an.cancel();
    });
  }
  // Until the actor serves no connection but that to its parent; who comes then is served.
  static sc::task<> expect_unharmed(const portal& actor, const ipc::address& where) {
    while (co_await actor.run<&foreign_peer::peers_here>() != 1) continue;
    EXPECT_EQ(1U, co_await actor.run<&kit::running_calls>());
    raw_peer honest(co_await ipc::connect(where));
    co_await honest.shake_hands();
    co_await expect_served(honest);
    honest.hang_up();
  }
  static sc::task<> expect_served(raw_peer& peer) {
    peer.send_start("honest", "hostile_target", "twice", {{"number", 21}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Return");
  }
};
RT_BOTH_METHODS(foreign_peer_test);

// S-OOB-8: text, a message in front of the handshake, and nothing at all.
TEST_P(foreign_peer_test, that_does_not_shake_hands_is_hung_up_on_and_nobody_else) {
  with_listening([](actor_nursery&, portal actor, ipc::address where) -> sc::task<> {
    raw_peer text(co_await ipc::connect(where)), hasty(co_await ipc::connect(where)), silent(co_await ipc::connect(where));
    text.send_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hasty.send_start("c1", "hostile_target", "twice", {{"number", 1}});
    silent.hang_up();
    for (auto* each : {&text, &hasty}) {
      EXPECT_EQ(co_await each->answer(), "Aid");
      EXPECT_EQ(co_await each->answer(), "closed");
    }
    co_await expect_unharmed(actor, where);
  });
}

// S-OOB-5: whoever ends the connection in the middle of a stream, that is the end of its message loop and its tasks, and of nothing else.
TEST_P(foreign_peer_test, whose_connection_breaks_loses_that_and_the_actor_serves_on) {
  for (const bool by_the_peer : {true, false})
    with_listening([=](actor_nursery&, portal actor, ipc::address where) -> sc::task<> {
      raw_peer peer(co_await ipc::connect(where));
      co_await peer.shake_hands();
      peer.send_start("waits", "hostile_target", "wait_for_ever");
      EXPECT_EQ(co_await peer.answer(), "StartAck");
      peer.send_start("streams", "foreign_peer", "close_the_descriptor");
      EXPECT_EQ(co_await peer.answer(), "StartAck");
      EXPECT_EQ(co_await peer.answer(), "Started");
      EXPECT_EQ(3U, co_await actor.run<&kit::running_calls>());

      if (by_the_peer) {
        peer.hang_up();
      } else {
        peer.channel().send([](msg::buffer& out) { msg::encode_yield(out, "streams", 1); });
        EXPECT_EQ(co_await peer.answer(), "closed");
      }

      co_await expect_unharmed(actor, where);
    });
}

// S-OOB-7: for dialogs that there never were, or that are over.
TEST_P(foreign_peer_test, whose_messages_come_too_late_is_served_on) {
  with_listening([](actor_nursery&, portal actor, ipc::address where) -> sc::task<> {
    raw_peer peer(co_await ipc::connect(where));
    co_await peer.shake_hands();
    co_await expect_served(peer);
    for (const char* cid : {"honest", "nobody"}) {
      peer.send_frame({{"msg_type", "Started"}, {"cid", cid}, {"pld", 1}});
      peer.send_frame({{"msg_type", "Yield"}, {"cid", cid}, {"pld", 1}});
      peer.send_frame({{"msg_type", "Stop"}, {"cid", cid}});
      peer.send_frame({{"msg_type", "Return"}, {"cid", cid}, {"pld", 1}});
      peer.send_frame({{"msg_type", "CancelAck"}, {"cid", cid}, {"pld", true}});
    }
    co_await expect_served(peer);
    EXPECT_EQ(2U, co_await actor.run<&foreign_peer::peers_here>());
    peer.hang_up();
    co_await expect_unharmed(actor, where);
  });
}

// S-RT-16: its dialogs end, it is not reached any more, and then its callbacks run; a peer that stays is not waited for.
TEST_P(foreign_peer_test, that_stays_connected_does_not_hold_up_the_end_of_the_actor) {
  const std::string noted = left_behind().temporary_directory() + "/noted";
  with_listening([&](actor_nursery& an, portal actor, ipc::address where) -> sc::task<> {
    co_await actor.run<&foreign_peer::note_at_exit>(noted, target().path());
    raw_peer peer(co_await ipc::connect(where));
    co_await peer.shake_hands();
    peer.send_start("call", "hostile_target", "wait_for_ever");
    EXPECT_EQ(co_await peer.answer(), "StartAck");

    co_await an.cancel();

    EXPECT_EQ(co_await peer.answer(), "Error:ContextCancelled");
    EXPECT_EQ(co_await peer.answer(), "closed");
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
  std::ifstream file(noted);
  EXPECT_EQ("uds 0, tcp 0, tasks have ended 1", std::string(std::istreambuf_iterator<char>(file), {}));
  std::filesystem::remove(noted);
}

}  // namespace
}  // namespace runtime_test
