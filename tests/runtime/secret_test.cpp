// SPDX-License-Identifier: Apache-2.0
//
// Who gets in over TCP where the tree has a secret: nobody but who knows it. One run on the virtual clock, real sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raw_peer.hpp"
#include "tests/sc/sc_test.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/tractor.hpp"

namespace secret_test {

using raw::raw_peer;
using testing::HasSubstr;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;
using namespace std::chrono_literals;

const ipc::tree_secret secret("the secret of this tree");
const ipc::tree_secret another("the secret of another tree");

sc::task<int> answer() { co_return 42; }
TRACTOR_MODULE(secret_test) { mod.def<&answer>("answer"); }

// Runs `body(address)` beside a root that listens there with a secret, or without.
void beside_root(std::optional<ipc::tree_secret> of_root, const std::function<sc::task<>(ipc::address)>& body) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> { co_await body(tractor::accept_addresses().front()); },
        {.enable_modules = {"secret_test"}, .bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}, .handle_signals = false, .secret = of_root});
  });
}

// A peer that does by hand what one with the secret does.
class knowing_peer {
 public:
  explicit knowing_peer(std::unique_ptr<sc::byte_stream> stream, const ipc::tree_secret& knows) : peer_(std::move(stream)), knows_(knows) {}

  sc::task<> begin(bool with_challenge = true) {
    peer_.channel().send([&](msg::buffer& out) { msg::encode_aid(out, first_aid(with_challenge)); });
    co_await receive_first();
  }
  [[nodiscard]] msg::aid first_aid(bool with_challenge = true) {
    own_ = ipc::fresh_challenge();
    msg::aid said{.name = raw::intruder.name, .uuid = raw::intruder.uuid, .pid = 1, .is_registrar = false};
    if (with_challenge) said.challenge.emplace(own_.begin(), own_.end());
    return said;
  }
  sc::task<> receive_first() {
    const auto first = co_await peer_.channel().receive();
    const auto* aid = first ? std::get_if<msg::aid>(&*first) : nullptr;
    EXPECT_TRUE(aid != nullptr && aid->challenge.has_value());
    if (aid != nullptr) theirs_ = *aid;
  }
  [[nodiscard]] ipc::proof proof(ipc::connection_end as = ipc::connection_end::connector) const {
    return knows_.prove(as, {.connector_challenge = own_,
                             .acceptor_challenge = *theirs_.challenge,
                             .connector_uuid = raw::intruder.uuid,
                             .acceptor_uuid = theirs_.uuid});
  }
  void send_proof(std::span<const std::byte> given) {
    peer_.channel().send([&](msg::buffer& out) { msg::encode_aid(out, aid_with(given)); });
  }
  [[nodiscard]] static msg::aid aid_with(std::span<const std::byte> proof) {
    msg::aid said{.name = raw::intruder.name, .uuid = raw::intruder.uuid, .pid = 1, .is_registrar = false};
    said.proof.emplace(proof.begin(), proof.end());
    return said;
  }
  // Byte by byte.
  sc::task<> drip(msg::aid said, sc::duration pause) {
    msg::buffer whole;
    msg::encode_aid(whole, said);
    for (const std::byte byte : whole.view()) {
      peer_.channel().send([&](msg::buffer& out) { out.push_back(byte); });
      co_await sc::sleep(pause);
    }
  }
  // Whether a call is answered; else what was said instead.
  sc::task<std::string> call() {
    peer_.send_start("c", "secret_test", "answer");
    std::string last;
    for (std::string next; (next = co_await peer_.answer()) != "closed"; last = next) {
      if (next == "Return") co_return "answered";
      if (next.starts_with("Error")) last_error_ = peer_.last_message();
    }
    co_return "refused: " + last_error_;
  }
  raw_peer& raw() { return peer_; }

 private:
  raw_peer peer_;
  const ipc::tree_secret& knows_;
  ipc::challenge own_{};
  msg::aid theirs_;
  std::string last_error_;
};

sc::task<std::unique_ptr<knowing_peer>> reach(ipc::address where, const ipc::tree_secret& knows) {
  co_return std::make_unique<knowing_peer>(co_await ipc::connect(where), knows);
}

TEST(secret, peer_that_knows_it_is_served) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    co_await peer->begin();
    peer->send_proof(peer->proof());
    EXPECT_EQ("answered", co_await peer->call());
  });
}

TEST(secret, peer_that_knows_another_is_not) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, another);
    co_await peer->begin();
    peer->send_proof(peer->proof());
    EXPECT_EQ("refused: actor 'intruder' does not know the secret of this tree", co_await peer->call());
  });
}

TEST(secret, answer_that_is_empty_or_that_of_the_other_end_is_refused) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    for (const bool empty : {true, false}) {
      const auto peer = co_await reach(where, secret);
      co_await peer->begin();
      const ipc::proof reflected = peer->proof(ipc::connection_end::acceptor);
      peer->send_proof(empty ? std::span<const std::byte>() : reflected);
      EXPECT_EQ("refused: actor 'intruder' does not know the secret of this tree", co_await peer->call());
    }
  });
}

TEST(secret, answer_of_another_connection_is_refused) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto honest = co_await reach(where, secret);
    co_await honest->begin();
    const ipc::proof overheard = honest->proof();
    honest->send_proof(overheard);
    EXPECT_EQ("answered", co_await honest->call());
    const auto replaying = co_await reach(where, another);
    co_await replaying->begin();
    replaying->send_proof(overheard);
    EXPECT_EQ("refused: actor 'intruder' does not know the secret of this tree", co_await replaying->call());
  });
}

// A peer of the reference neither asks nor answers, and is told.
TEST(secret, peer_of_the_reference_is_told_why_it_is_refused) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    co_await peer->begin(false);
    const std::string told = co_await peer->call();
    EXPECT_THAT(told, HasSubstr("refused: this tree has a secret, which a peer has to prove that it knows"));
    EXPECT_THAT(told, HasSubstr("is a peer of the reference"));
  });
}

TEST(secret, call_before_the_answer_is_refused) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    co_await peer->begin();
    EXPECT_EQ("refused: actor 'intruder' does not know the secret of this tree", co_await peer->call());
  });
}

TEST(secret, peer_that_begins_and_says_no_more_is_hung_up_on) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    co_await peer->begin();
    const auto began = sc::current_time();
    std::string last;
    while ((last = co_await peer->raw().answer()) != "closed") EXPECT_EQ("Aid", last);  // its own answer
    EXPECT_EQ(tractor::handshake_timeout, sc::current_time() - began);
  });
}

// The proof says who it is, not how fast it comes.
TEST(secret, peer_that_knows_it_and_drips_its_handshake_is_served) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    const auto began = sc::current_time();
    co_await peer->drip(peer->first_aid(), 1ms);
    co_await peer->receive_first();
    co_await peer->drip(peer->aid_with(peer->proof()), 1ms);
    EXPECT_LT(sc::current_time() - began, tractor::handshake_timeout);
    EXPECT_EQ("answered", co_await peer->call());
  });
}

// The bound is one for the whole handshake: no byte that comes earns the next one more time.
TEST(secret, peer_that_drips_its_handshake_too_slowly_is_hung_up_on_whatever_it_knows) {
  for (const bool in_the_proof : {false, true})
    beside_root(secret, [=](ipc::address where) -> sc::task<> {
      constexpr sc::duration pause = sc::duration(tractor::handshake_timeout) / 20;  // both messages have more bytes than that
      const auto peer = co_await reach(where, secret);
      const auto began = sc::current_time();
      if (in_the_proof) co_await peer->begin();
      const msg::aid dripped = in_the_proof ? peer->aid_with(peer->proof()) : peer->first_aid();
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&] { return peer->drip(dripped, pause); });
        std::string last;
        while ((last = co_await peer->raw().answer()) != "closed") EXPECT_EQ("Aid", last);  // its own answer
        EXPECT_EQ(tractor::handshake_timeout, sc::current_time() - began);
        n.cancel("hung up on");
      });
    });
}

// A proof that is right and comes behind garbage proves nothing.
TEST(secret, garbage_between_challenge_and_proof_is_refused) {
  using namespace std::string_view_literals;
  for (const auto garbage : {"\0\0\0\4\xc1\xc1\xc1\xc1"sv, "GET / HTTP/1.1\r\n\r\n"sv, "\0"sv, "\xff\xff\xff\xff"sv, "\0\0\0\0"sv})
    beside_root(secret, [=](ipc::address where) -> sc::task<> {
      const auto peer = co_await reach(where, secret);
      co_await peer->begin();
      peer->raw().send_bytes(garbage);
      peer->send_proof(peer->proof());
      EXPECT_THAT(co_await peer->call(), testing::StartsWith("refused: "));
    });
}

TEST(secret, second_challenge_in_place_of_the_proof_is_refused) {
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    const auto peer = co_await reach(where, secret);
    co_await peer->begin();
    const ipc::proof right = peer->proof();
    peer->raw().channel().send([&](msg::buffer& out) { msg::encode_aid(out, peer->first_aid()); });
    peer->send_proof(right);
    EXPECT_EQ("refused: actor 'intruder' does not know the secret of this tree", co_await peer->call());
  });
}

// What a portal to an actor of another tree throws.
std::string portal_error(std::optional<ipc::tree_secret> of_root, const std::function<sc::task<>(raw_peer&)>& listener) {
  std::string thrown = "nothing";
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto listening = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> {
              raw_peer peer((co_await listening->accept()).stream);
              co_await listener(peer);
              while (co_await peer.answer() != "closed") continue;
            });
            try {
              co_await tractor::open_portal(listening->local(), [](tractor::portal&) -> sc::task<> { co_return; });
            } catch (const tractor::transport_closed& closed) {
              thrown = closed.what();
            }
          });
        },
        {.handle_signals = false, .secret = of_root});
  });
  return thrown;
}

TEST(secret, actor_proves_nothing_to_who_does_not_ask_and_trusts_nobody_who_does_not_prove) {
  EXPECT_THAT(portal_error(secret, [](raw_peer& peer) -> sc::task<> { co_await peer.shake_hands(); }),
              HasSubstr("this tree has a secret, which a peer has to prove that it knows"));
  EXPECT_THAT(portal_error(secret,
                           [](raw_peer& peer) -> sc::task<> {
                             const auto first = co_await peer.channel().receive();
                             msg::aid mirrored = std::get<msg::aid>(*first);
                             mirrored.name = raw::intruder.name;
                             mirrored.uuid = raw::intruder.uuid;
                             peer.channel().send([&](msg::buffer& out) { msg::encode_aid(out, mirrored); });
                           }),
              HasSubstr("a challenge was sent back"));
}

// What is connected to is no probe, which nobody would ask for a proof.
TEST(secret, actor_that_says_that_it_is_a_probe_is_not_trusted_for_it) {
  for (const auto& of_root : {std::optional(secret), std::optional<ipc::tree_secret>()})
    EXPECT_THAT(portal_error(of_root,
                             [](raw_peer& peer) -> sc::task<> {
                               peer.channel().send([](msg::buffer& out) {
                                 msg::encode_aid(out, {.name = raw::intruder.name, .uuid = raw::intruder.uuid, .is_probe = true});
                               });
                               co_return;
                             }),
                HasSubstr("says that it is a probe"));
}

TEST(secret, actor_without_one_is_told_that_the_other_has_one) {
  EXPECT_THAT(portal_error(std::nullopt,
                           [](raw_peer& peer) -> sc::task<> {
                             msg::aid said{.name = raw::intruder.name, .uuid = raw::intruder.uuid};
                             const auto asked = ipc::fresh_challenge();
                             said.challenge.emplace(asked.begin(), asked.end());
                             peer.channel().send([&](msg::buffer& out) { msg::encode_aid(out, said); });
                             co_return;
                           }),
              HasSubstr("actor 'intruder' belongs to a tree with a secret, and actor 'root' to one without"));
}

TEST(secret, beyond_loopback_needs_one_or_the_word_insecure) {
  const auto open = [](std::optional<ipc::tree_secret> of_root, bool insecure) -> std::string {
    std::string thrown;
    tractor::testing::run_test([&]() -> sc::task<> {
      try {
        co_await tractor::open_root_actor(
            []() -> sc::task<> { co_return; },
            {.bind_addrs = {ipc::tcp_address{"0.0.0.0", 0}}, .handle_signals = false, .secret = of_root, .insecure = insecure});
      } catch (const tractor::usage_error& refused) {
        thrown = refused.what();
      }
    });
    return thrown;
  };
  EXPECT_THAT(open(std::nullopt, false), HasSubstr("0.0.0.0 is not a loopback address"));
  testing::internal::CaptureStderr();
  EXPECT_EQ("", open(std::nullopt, true));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("insecurely: whoever reaches it can run the actor's functions"));
  testing::internal::CaptureStderr();
  EXPECT_EQ("", open(secret, false));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("what is sent is not encrypted"));
}

TEST(secret, thousand_connections_that_say_nothing_keep_nobody_out) {
  constexpr int strangers_count = 1000;
  beside_root(secret, [](ipc::address where) -> sc::task<> {
    std::vector<std::unique_ptr<sc::socket_stream>> strangers;
    for (int i = 0; i < strangers_count; ++i) strangers.push_back(co_await ipc::connect(where));
    const auto peer = co_await reach(where, secret);
    co_await peer->begin();
    peer->send_proof(peer->proof());
    EXPECT_EQ("answered", co_await peer->call());
    // Each is hung up on in the end.
    std::array<std::byte, 4096> buffer;
    for (const auto& stranger : strangers)
      while (co_await stranger->receive_some(buffer) != 0) continue;
  });
}

}  // namespace secret_test
