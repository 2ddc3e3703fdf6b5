// SPDX-License-Identifier: Apache-2.0
//
// What a registrar answers on the wire, to a peer that speaks as the reference does: over a connection that it closes again, so that what
// it registers is on lease. All in one run on the virtual clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "raw_peer.hpp"
#include "tests/sc/sc_test.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/tractor.hpp"

namespace registrar_methods_test {

using namespace std::chrono_literals;
using raw::raw_peer;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;
using map = msg::value::map;
using array = msg::value::array;

// Runs `talk(raw_peer&)` with a peer that has shaken hands with a registrar.
void with_registrar(const raw::attack& talk) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          raw_peer peer(co_await ipc::connect(tractor::accept_addresses().front()));
          co_await peer.shake_hands();
          co_await talk(peer);
          peer.hang_up();
        },
        {.name = "registrar", .handle_signals = false, .registry_addrs = {{ipc::tcp_address{"127.0.0.1", 0}}}});
  });
}

// The result of a method of the registrar, or "Error: …".
sc::task<msg::value> ask(raw_peer& peer, std::string method, map arguments) {
  static int last = 0;
  const std::string cid = "q" + std::to_string(++last);
  peer.send_start(cid, "self", method, arguments);
  for (;;) {
    const auto message = co_await peer.channel().receive();
    if (!message) co_return "closed";
    if (const auto* error = std::get_if<msg::error_msg>(&*message)) co_return "Error: " + error->message.value_or("");
    if (const auto* result = std::get_if<msg::return_>(&*message)) co_return msg::decode<msg::value>(result->pld);
    EXPECT_EQ(msg::wire_name(msg::kind_of(*message)), "StartAck");
  }
}

array uid(const char* name, const char* uuid) { return {name, uuid}; }
msg::value list_of(array one) {
  array list;
  list.emplace_back(std::move(one));
  return list;
}
array file(const char* name) { return {"/run/t", name}; }

// S-REG-2, S-REG-3, S-REG-6, S-REG-7
TEST(registrar_methods, of_the_reference_are_answered_as_it_does) {
  with_registrar([](raw_peer& peer) -> sc::task<> {
    EXPECT_TRUE((co_await ask(peer, "register_actor", {{"uid", uid("a", "1")}, {"addr", file("a.sock")}})).is_nil());
    EXPECT_EQ(list_of(file("a.sock")), co_await ask(peer, "find_actor", {{"name", "a"}}));
    EXPECT_EQ(list_of(file("a.sock")), co_await ask(peer, "find_actor", {{"name", "1"}}));
    EXPECT_TRUE((co_await ask(peer, "find_actor", {{"name", "b"}})).is_nil());
    // Of another uid: the former owner is evicted.
    EXPECT_TRUE((co_await ask(peer, "register_actor", {{"uid", uid("b", "2")}, {"addr", file("a.sock")}})).is_nil());
    EXPECT_TRUE((co_await ask(peer, "find_actor", {{"name", "a"}})).is_nil());
    const msg::value all = co_await ask(peer, "get_registry", {});
    EXPECT_EQ(2U, all.size());
    EXPECT_EQ(list_of(file("a.sock")), all.at("b.2"));
    EXPECT_TRUE(all.as_map().begin()->first.as_str().starts_with("registrar."));  // itself, first
    EXPECT_EQ(msg::value(uid("b", "2")), co_await ask(peer, "delete_addr", {{"addr", file("a.sock")}}));
    EXPECT_TRUE((co_await ask(peer, "delete_addr", {{"addr", file("a.sock")}})).is_nil());
    EXPECT_TRUE((co_await ask(peer, "unregister_actor", {{"uid", uid("nobody", "9")}})).is_nil());
    EXPECT_EQ(1U, (co_await ask(peer, "get_registry", {})).size());
  });
}

// S-REG-5: the StartAck at once, the Return when there is one.
TEST(registrar_methods, wait_is_answered_when_there_is_one) {
  with_registrar([](raw_peer& peer) -> sc::task<> {
    peer.send_start("w1", "self", "wait_for_actor", {{"name", "late"}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    peer.send_start("r1", "self", "register_actor", {{"uid", uid("late", "1")}, {"addr", file("x.sock")}});
    std::vector<std::string> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(co_await peer.answer());
    EXPECT_THAT(answers, testing::UnorderedElementsAre("StartAck", "Return", "Return"));
    EXPECT_EQ(list_of(file("x.sock")), co_await ask(peer, "wait_for_actor", {{"name", "1"}}));  // by its uuid
  });
}

// S-REG-3: a bad address is refused, and harms nobody.
TEST(registrar_methods, what_cannot_be_read_is_an_error_and_no_more) {
  with_registrar([](raw_peer& peer) -> sc::task<> {
    for (const map& wrong :
         {map{{"uid", uid("a", "1")}, {"addr", array{"localhost", 80}}}, map{{"uid", uid("a", "1")}, {"addr", array{"127.0.0.1", 99999}}},
          map{{"uid", "a"}, {"addr", file("a.sock")}}, map{{"uid", array{std::string(2000, 'n'), "1"}}, {"addr", file("a.sock")}},
          map{{"uid", uid("a", "1")}}, map{}}) {
      const msg::value answer = co_await ask(peer, "register_actor", wrong);
      EXPECT_TRUE(answer.get_if<std::string>() != nullptr && answer.as_str().starts_with("Error: ")) << answer.text();
    }
    EXPECT_EQ(1U, (co_await ask(peer, "get_registry", {})).size());
    EXPECT_EQ("Error: the runtime of actor 'registrar' has no method 'reboot' that a peer may call", co_await ask(peer, "reboot", {}));
  });
}

TEST(registrar_methods, entry_of_who_has_closed_its_connection_stands_as_long_as_somebody_listens) {
  const std::string dir = testing::TempDir() + "tractor-lease-" + std::to_string(::getpid());
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto listening = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
          const auto& here = *listening->local().tcp();
          {
            raw_peer peer(co_await ipc::connect(tractor::accept_addresses().front()));
            co_await peer.shake_hands();
            co_await ask(peer, "register_actor", {{"uid", uid("here", "1")}, {"addr", array{here.host, static_cast<int>(here.port)}}});
            co_await ask(peer, "register_actor", {{"uid", uid("gone", "2")}, {"addr", array{dir, "gone.sock"}}});
            peer.hang_up();
          }
          const auto& table = tractor::current_actor().directory().table();
          co_await sc::sleep(tractor::lease_interval / 2);
          EXPECT_TRUE(table.find("here") != nullptr && table.find("gone") != nullptr);
          co_await sc::sleep(tractor::lease_interval);
          EXPECT_TRUE(table.find("here") != nullptr);
          EXPECT_TRUE(table.find("gone") == nullptr);
        },
        {.handle_signals = false, .registry_addrs = {{ipc::tcp_address{"127.0.0.1", 0}}}});
  });
}

// S-RPC-12
TEST(registrar_methods, are_none_of_an_actor_that_is_not_the_registrar) {
  tractor::testing::run_test([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          raw_peer peer(co_await ipc::connect(tractor::accept_addresses().front()));
          co_await peer.shake_hands();
          for (const auto* method : {"find_actor", "register_actor", "get_registry"})
            EXPECT_EQ("Error: the runtime of actor 'plain' has no method '" + std::string(method) +
                          "' that a peer may call: it is not the registrar",
                      co_await ask(peer, method, {}));
          peer.hang_up();
        },
        {.name = "plain", .bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}, .handle_signals = false});
  });
}

// S-BOOT-9, S-REG-1
TEST(registrar_methods, registrar_says_in_its_identity_that_it_is_one) {
  tractor::testing::run_test([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          EXPECT_EQ("root", tractor::current_actor().name());
          ipc::channel link(co_await ipc::connect(tractor::accept_addresses().front()));
          link.send([](msg::buffer& out) { msg::encode_aid(out, {.name = "registry-probe", .uuid = "p", .is_probe = true}); });
          const auto answer = co_await link.receive();
          const auto* aid = answer ? std::get_if<msg::aid>(&*answer) : nullptr;
          EXPECT_TRUE(aid != nullptr && aid->is_registrar == true);
          // A probe is no peer.
          EXPECT_FALSE(co_await link.receive());
          EXPECT_EQ(0U, tractor::current_actor().peer_count());
        },
        {.handle_signals = false, .registry_addrs = {{ipc::tcp_address{"127.0.0.1", 0}}}});
  });
}

}  // namespace registrar_methods_test
