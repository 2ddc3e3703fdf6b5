// SPDX-License-Identifier: Apache-2.0
//
// Peers that ask and do not listen, and strangers that do not even say who they are: they cost their own connection, a bounded amount
// of memory, and nothing else. What they asked for is done all the same.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include "raw_peer.hpp"
#include "tractor/msg/quoted.hpp"

namespace {

using namespace std::chrono_literals;
using raw::raw_peer;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

constexpr const char* long_cid = "a cid that is too long for the small string optimization, number ";

class deaf_peer : public testing::Test {
 protected:
  static constexpr std::size_t calls_to_fill_up = 40;
  // A refusal shows this much of the name, four characters a byte.
  const std::string no_function = std::string(msg::quoted_bytes_max, '\x01');
  // So a refusal has about this many bytes.
  static constexpr std::size_t refusal_bytes = 4 * msg::quoted_bytes_max;
  static void against_actor(const raw::attack& attack) {
    const std::string dir = testing::TempDir() + "tractor-deaf-" + std::to_string(::getpid());
    tractor::testing::run_test([&] { return raw::attack_actor(ipc::uds_address{dir, "target.sock"}, attack); });
    std::filesystem::remove(dir);
  }
  // From here on nothing can be sent to the peer; what it sends still arrives.
  static void stop_listening(raw_peer& peer) { EXPECT_EQ(::shutdown(peer.fd(), SHUT_RD), 0); }
  // Calls whose results are more than the channel takes, numbered: gives how many of them wait for room.
  static sc::task<std::size_t> fill_up(raw_peer& peer) {
    for (std::size_t i = 0; i < calls_to_fill_up; ++i)
      peer.send_start(long_cid + std::to_string(i), "hostile_target", "text", {{"bytes", 200'000}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_GT(running(), calls_to_fill_up / 2);
    co_return running();
  }
  // So many answers, counted by what they are.
  static sc::task<std::map<std::string, std::size_t>> answers_of(raw_peer& peer, std::size_t count) {
    std::map<std::string, std::size_t> counts{{"Error:RuntimeError", 0}, {"Error:ContextCancelled", 0}, {"CancelAck", 0}};
    for (std::size_t i = 0; i < count; ++i) ++counts[co_await peer.answer()];
    EXPECT_EQ(counts["closed"], 0U);
    co_return counts;
  }
  static std::size_t running() { return tractor::current_actor().running_calls(); }
  // Settles until no call runs, or only `left`.
  static sc::task<> wait_until_running(std::size_t left) {
    for (int i = 0; i < 1000 && running() != left; ++i) co_await sc_test::settle();
    EXPECT_EQ(running(), left);
  }
};

// S-RPC-6, S-RPC-11: the send fails, with the task that sends and nothing else; its error is in the log, for there is nobody to tell.
// Reference: rpc::test_rpc_runs_after_startack_disconnect.
TEST_F(deaf_peer, task_that_sends_to_a_peer_that_has_gone_fails_alone) {
  const tractor::log_level_scope levels("warning");
  raw::sends_refused = 0;
  int runs = 0;
  testing::internal::CaptureStderr();
  against_actor([&](raw_peer& peer) -> sc::task<> {
    ++runs;
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "send_too_late");
    co_await wait_until_running(1);
    peer.hang_up();
    co_await sc::sleep(2s);
    EXPECT_EQ(running(), 0U);
  });
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      testing::HasSubstr("the error of 'hostile_target:send_too_late' in actor 'root' cannot be told to actor 'intruder', which asked "
                         "for it: nobody hears this"));
  EXPECT_EQ(raw::sends_refused, runs);
}

// S-RPC-5, S-RPC-10, S-OOB-8: the first answer finds out that nobody listens; the tasks run, and end with the channel.
// Reference: rpc::test_rpc_runs_after_startack_disconnect.
TEST_F(deaf_peer, tasks_run_without_their_acknowledgement_and_end_with_the_channel) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    stop_listening(peer);
    for (std::size_t i = 1; i <= 3; ++i) {
      peer.send_start(long_cid + std::to_string(i), "hostile_target", "wait_for_ever");
      co_await wait_until_running(i);
    }

    peer.hang_up();

    co_await wait_until_running(0);
  });
}

// S-RPC-4, S-RPC-7: neither a refusal nor an acknowledgement that cannot be sent is the end of what comes after.
TEST_F(deaf_peer, requests_behind_an_answer_that_cannot_be_sent_are_done) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start(long_cid + std::string("1"), "hostile_target", "wait_for_ever");
    co_await wait_until_running(1);
    stop_listening(peer);
    peer.send_start("r1", "hostile_target", "nope");
    co_await sc_test::settle();
    peer.send_start("r2", "hostile_target", "nope");
    peer.send_start("k1", "self", "_cancel_task", {{"cid", long_cid + std::string("1")}});

    co_await wait_until_running(0);
  });
}

// S-RPC-6: what cannot be told to who asked ends nothing else.
// Reference: rpc::test_error_shipment_ignores_closed_response_channel.
TEST_F(deaf_peer, errors_that_cannot_be_delivered_are_dropped) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    stop_listening(peer);
    peer.send_start("t1", "hostile_target", "wait_for_ever");
    co_await wait_until_running(1);

    for (const char* cid : {"f1", "f2", "f3"}) peer.send_start(cid, "hostile_target", "fail", {{"bytes", 10}});
    peer.send_start("t2", "hostile_target", "wait_for_ever");
    co_await wait_until_running(2);

    peer.hang_up();

    co_await wait_until_running(0);
  });
}

// Refused requests, acknowledgements, errors: who does not read them loses its channel before they have filled the memory.
TEST_F(deaf_peer, answers_that_nobody_reads_end_the_channel) {
  const auto flood = [](std::string func, const msg::value::map& kwargs) {
    return [func, kwargs](raw_peer& peer) -> sc::task<> {
      co_await peer.shake_hands();
      constexpr int starts_max = 20'000;
      int sent = 0;
      try {
        for (; sent < starts_max; ++sent) {
          peer.send_start(long_cid + std::to_string(sent), "hostile_target", func, kwargs);
          if (peer.channel().congested()) co_await peer.channel().drained();
        }
      } catch (const tractor::transport_closed&) {
      }
      EXPECT_LT(sent, starts_max) << msg::quoted(func);
      co_await wait_until_running(0);
    };
  };
  against_actor(flood(no_function, {}));
  against_actor(flood("fail", {{"bytes", 100'000}}));
}

// S-POR-1: a result waits for room instead of piling up, and arrives when the peer reads at last.
TEST_F(deaf_peer, results_wait_until_the_peer_reads) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    constexpr std::size_t calls = 40;
    for (std::size_t i = 0; i < calls; ++i) peer.send_start(long_cid + std::to_string(i), "hostile_target", "text", {{"bytes", 200'000}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_GT(running(), calls / 2);
    std::size_t returned = 0;
    for (std::size_t i = 0; i < 2 * calls; ++i) returned += co_await peer.answer() == "Return" ? 1 : 0;

    EXPECT_EQ(returned, calls);
    co_await wait_until_running(0);
  });
}

// S-RPC-7, S-CTX-43: a result that waits for room does not keep its task from being cancelled.
TEST_F(deaf_peer, results_that_wait_can_be_cancelled) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    static_cast<void>(co_await fill_up(peer));

    peer.hang_up();

    co_await wait_until_running(0);
  });
}

// S-CTX-43, S-CTX-44, S-CTX-75: an error was there before the cancel that comes while it waits.
TEST_F(deaf_peer, error_that_waits_is_told_though_its_task_is_cancelled) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    const std::size_t waiting = co_await fill_up(peer);
    peer.send_start("failed", "hostile_target", "fail", {{"bytes", 1000}});
    co_await wait_until_running(waiting + 1);

    peer.send_start("cancel", "self", "_cancel_task", {{"cid", "failed"}});

    co_await wait_until_running(waiting);
    EXPECT_EQ((co_await answers_of(peer, 2 * calls_to_fill_up + 4)).at("Error:RuntimeError"), 1U);
    co_await wait_until_running(0);
  });
}

// S-CTX-75: what cannot be told, for it would be more than a peer may leave unread, is logged, and costs nobody the channel.
TEST_F(deaf_peer, errors_that_wait_and_are_cancelled_are_bounded) {
  const tractor::log_level_scope levels("warning");
  testing::internal::CaptureStderr();
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    constexpr std::size_t bytes = 100'000,
                          calls = tractor::detail::answer_bytes_unread_max / 2 / bytes;  // and as much for each one's trace
    const auto cid = [](std::size_t i) { return long_cid + std::to_string(i); };
    for (std::size_t i = 0; i < calls; ++i) peer.send_start(cid(i), "hostile_target", "fail", {{"bytes", bytes}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_GT(running(), calls / 2);

    for (std::size_t i = 0; i < calls; ++i) peer.send_start("cancel " + cid(i), "self", "_cancel_task", {{"cid", cid(i)}});

    co_await wait_until_running(0);
    const auto counts = co_await answers_of(peer, 4 * calls);
    EXPECT_EQ(counts.at("Error:RuntimeError") + counts.at("Error:ContextCancelled"), calls);
    EXPECT_EQ(counts.at("CancelAck"), calls);
    EXPECT_GT(counts.at("Error:RuntimeError"), 0U);
    EXPECT_GT(counts.at("Error:ContextCancelled"), 0U);
  });
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      testing::HasSubstr("the error of 'hostile_target:fail' in actor 'root' cannot be told to actor 'intruder', which asked for it: "));
}

// S-STR-2, S-STR-5: who waits for room on the channel ends with the stream, as who waits for room at the receiver does.
TEST_F(deaf_peer, send_that_waits_for_the_channel_ends_when_the_peer_ends_the_stream) {
  for (const bool by_error : {false, true})
    against_actor([by_error](raw_peer& peer) -> sc::task<> {
      raw::sends_ended = 0;
      co_await peer.shake_hands();
      peer.send_start("poured", "hostile_target", "pour");
      for (int i = 0; i < 100; ++i) co_await sc_test::settle();
      EXPECT_EQ(raw::sends_ended, 0);

      if (by_error) {
        tractor::msg::error_msg given_up;
        given_up.src_uid = raw::intruder;
        given_up.src_type_str = given_up.boxed_type_str = "RuntimeError";
        given_up.cid = "poured";
        peer.channel().send([&](msg::buffer& out) { msg::encode_error_msg(out, given_up); });
      } else {
        peer.channel().send([&](msg::buffer& out) { msg::encode_stop(out, "poured"); });
      }

      for (int i = 0; i < 1000 && raw::sends_ended == 0; ++i) co_await sc_test::settle();
      EXPECT_EQ(raw::sends_ended, raw::senders);
    });
}

// S-RPC-7: whose result is not sent does not wait for room, and who waits for it does so no longer than it is wanted.
TEST_F(deaf_peer, results_that_are_not_sent_do_not_wait) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    const std::size_t waiting = co_await fill_up(peer);
    for (const std::string cid : {"late 1", "late 2", "late 3"}) {
      peer.send_start(cid, "hostile_target", "text", {{"bytes", 200'000}});
      peer.send_start("cancel " + cid, "self", "_cancel_task", {{"cid", cid}});
    }
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();

    EXPECT_EQ(running(), waiting);
  });
}

TEST_F(deaf_peer, result_that_waits_can_be_cancelled_after_its_dialog_has_failed) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    static_cast<void>(co_await fill_up(peer));
    tractor::msg::error_msg given_up;
    given_up.src_uid = raw::intruder;
    given_up.src_type_str = given_up.boxed_type_str = "RuntimeError";
    for (std::size_t i = 0; i < calls_to_fill_up; ++i) {
      const std::string cid = long_cid + std::to_string(i);
      given_up.cid = cid;
      peer.channel().send([&](msg::buffer& out) { msg::encode_error_msg(out, given_up); });
      peer.send_start("cancel " + cid, "self", "_cancel_task", {{"cid", cid}});
    }

    co_await wait_until_running(0);
  });
}

// S-RPC-5: errors wait as results do. Who reads them at last gets them all, though they are more than may be queued.
TEST_F(deaf_peer, errors_wait_until_the_peer_reads) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    constexpr std::size_t bytes = 100'000, calls = 2 * tractor::detail::answer_bytes_unread_max / bytes;
    for (std::size_t i = 0; i < calls; ++i) peer.send_start(long_cid + std::to_string(i), "hostile_target", "fail", {{"bytes", bytes}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_GT(running(), calls / 2);
    std::size_t failed = 0;
    for (std::size_t i = 0; i < 2 * calls; ++i) failed += co_await peer.answer() == "Error:RuntimeError" ? 1 : 0;

    EXPECT_EQ(failed, calls);
    co_await wait_until_running(0);
  });
}

// What a peer has read counts no more, though there is always more for it than it has read.
TEST_F(deaf_peer, slow_reader_of_refusals_keeps_its_channel) {
  against_actor([this](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    constexpr std::size_t ahead = tractor::detail::answer_bytes_unread_max / 4 / refusal_bytes;
    const auto request = [&](std::size_t number) { peer.send_start("r" + std::to_string(number), "hostile_target", no_function); };
    for (std::size_t i = 0; i < ahead; ++i) request(i);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 4 * ahead; ++i) {
      request(ahead + i);
      if (i % 64 == 0) co_await peer.channel().flushed();
      refused += co_await peer.answer() == "Error:AttributeError" ? 1 : 0;
    }

    EXPECT_EQ(refused, 4 * ahead);
  });
}

// S-CTX-2: the first value of a context waits for room like all others.
TEST_F(deaf_peer, started_waits_until_the_peer_reads) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    raw::announced = 0;
    co_await peer.shake_hands();
    constexpr int calls = 40;
    for (int i = 0; i < calls; ++i) peer.send_start(long_cid + std::to_string(i), "hostile_target", "announce", {{"bytes", 200'000}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_LT(raw::announced, calls / 2);
    int started = 0;
    for (int i = 0; i < 3 * calls; ++i) started += co_await peer.answer() == "Started" ? 1 : 0;

    EXPECT_EQ(started, calls);
    EXPECT_EQ(raw::announced, calls);
    co_await wait_until_running(0);
  });
}

TEST_F(deaf_peer, started_that_waits_can_be_cancelled) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    raw::announced = 0;
    co_await peer.shake_hands();
    static_cast<void>(co_await fill_up(peer));
    peer.send_start("announced", "hostile_target", "announce", {{"bytes", 200'000}});
    for (int i = 0; i < 100; ++i) co_await sc_test::settle();
    EXPECT_EQ(raw::announced, 0);
    const std::size_t before = running();

    peer.send_start("cancel", "self", "_cancel_task", {{"cid", "announced"}});

    co_await wait_until_running(before - 1);
    EXPECT_EQ(raw::announced, 0);
  });
}

// S-CTX-33, S-ERR-2: an error that cannot be sent is told as such.
TEST_F(deaf_peer, error_without_a_form_on_the_wire_is_answered_all_the_same) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "fail_unsendably");
    EXPECT_EQ(co_await peer.answer(), "StartAck");

    EXPECT_EQ(co_await peer.answer(), "Error:RuntimeFailure");
    EXPECT_TRUE(sc_test::contains(peer.last_message(), "cannot be sent")) << peer.last_message();
  });
}

// S-CHN-2, S-RT-12: a stranger cannot have us hold more than a small frame.
TEST_F(deaf_peer, stranger_that_announces_a_big_frame_is_hung_up_on_at_once) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    const auto before = sc::current_time();
    peer.send_bytes(std::string_view("\0\0\1\0", 4));
    EXPECT_EQ(co_await peer.answer(), "Aid");
    EXPECT_EQ(co_await peer.answer(), "closed");
    EXPECT_LT(sc::current_time() - before, tractor::handshake_timeout);
  });
}

// S-SRV-5: who stays silent counts from the first moment on.
TEST_F(deaf_peer, strangers_count_towards_the_bound_of_connections) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    EXPECT_EQ(co_await peer.answer(), "Aid");
    auto& self = tractor::current_actor();
    EXPECT_EQ(self.handshakes.size(), 1u);
    for (std::size_t i = 1; i < tractor::connections_max; ++i) self.handshakes.emplace_back();

    raw_peer second(co_await ipc::connect(tractor::accept_addresses().at(0)));
    EXPECT_EQ(co_await second.answer(), "closed");

    for (std::size_t i = 1; i < tractor::connections_max; ++i) self.handshakes.pop_back();
    EXPECT_EQ(co_await peer.answer(), "closed");  // after its time
    EXPECT_TRUE(self.handshakes.empty());
  });
}

// S-OVR-2, S-OVR-6: what waits to be read is bounded in bytes too. One seed, because it is big.
TEST_F(deaf_peer, stream_of_big_messages_that_nobody_reads_overruns) {
  const std::string dir = testing::TempDir() + "tractor-deaf-" + std::to_string(::getpid());
  const raw::attack attack = [](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "hoard");
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Started");
    constexpr std::size_t message_bytes = std::size_t{50} << 20;
    for (std::size_t sent = 0; sent <= tractor::stream_buffer_bytes; sent += message_bytes) {
      peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, "c1", std::string(message_bytes, 'x')); });
      co_await peer.channel().flushed();
    }

    EXPECT_EQ(co_await peer.answer(), "Error:StreamOverrun");
    EXPECT_TRUE(sc_test::contains(peer.last_message(), "2 unread messages (")) << peer.last_message();
  };
  tractor::testing::run_seeded([&] { return raw::attack_actor(ipc::uds_address{dir, "target.sock"}, attack); }, 1);
  std::filesystem::remove(dir);
}

// A message whose handling throws what nobody foresaw ends its own channel: here the refusal does not fit a frame, for the cid
// takes all of it. One seed, because it is big.
TEST_F(deaf_peer, message_that_cannot_be_handled_ends_only_its_channel) {
  const std::string dir = testing::TempDir() + "tractor-deaf-" + std::to_string(::getpid());
  const raw::attack attack = [](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start(std::string(msg::frame_bytes_max_default - 300, 'x'), "hostile_target", "nope");
    EXPECT_EQ(co_await peer.answer(), "closed");
  };
  tractor::testing::run_seeded([&] { return raw::attack_actor(ipc::uds_address{dir, "target.sock"}, attack); }, 1);
  std::filesystem::remove(dir);
}

}  // namespace
