// SPDX-License-Identifier: Apache-2.0
//
// What peers that misbehave can do to an actor: lose their own connection, and nothing else. The actor and the raw peer are tasks of
// one run on the virtual clock; after each attack an honest peer is served.

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "raw_peer.hpp"

namespace {

using namespace std::chrono_literals;
using raw::raw_peer;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

enum class transport { uds, tcp };

class hostile_peer : public testing::TestWithParam<transport> {
 protected:
  // Runs `attack(raw_peer&)` against a listening actor, then checks that the actor serves others.
  static void against_actor(const raw::attack& attack) {
    const std::string dir = testing::TempDir() + "tractor-hostile-" + std::to_string(::getpid());
    const ipc::address where =
        GetParam() == transport::tcp ? ipc::address(ipc::tcp_address{"127.0.0.1", 0}) : ipc::address(ipc::uds_address{dir, "target.sock"});
    tractor::testing::run_test([&] { return raw::attack_actor(where, attack); });
    if (GetParam() == transport::uds) {
      EXPECT_FALSE(std::filesystem::exists(dir + "/target.sock")) << "the listener left its socket file";
      std::filesystem::remove(dir);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(transports, hostile_peer, testing::Values(transport::uds, transport::tcp),
                         [](const auto& tested) { return tested.param == transport::uds ? "uds" : "tcp"; });

msg::value credit_message(std::string_view cid, const msg::value& messages) {
  return msg::value::map{{"msg_type", "Credit"}, {"cid", std::string(cid)}, {"bytes", 0}, {"messages", messages}};
}

// What our own peers agree on beyond the reference is not seen by a peer that did not ask for it (S-OVR-9).
TEST_P(hostile_peer, that_does_not_know_flow_control_sees_nothing_of_it) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "mirror");
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_FALSE(peer.last_had_extra());
    EXPECT_EQ(co_await peer.answer(), "Started");
    for (int i = 0; i < 200; ++i) {
      peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, "c1", i); });
      EXPECT_EQ(co_await peer.answer(), "Yield");
    }
    peer.channel().send([&](msg::buffer& out) { msg::encode_stop(out, "c1"); });
    EXPECT_EQ(co_await peer.answer(), "Return");
    // Of plain calls nobody says anything of it, whatever the peer knows.
    peer.send_frame(msg::value::map{{"msg_type", "Start"},
                                    {"cid", "c2"},
                                    {"ns", "hostile_target"},
                                    {"func", "twice"},
                                    {"kwargs", msg::value::map{{"number", 2}}},
                                    {"uid", msg::value::array{raw::intruder.name, raw::intruder.uuid}},
                                    {"pld_spec", "typing.Any"},
                                    {"credit", 64}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_FALSE(peer.last_had_extra());
    EXPECT_EQ(co_await peer.answer(), "Return");
  });
}

TEST_P(hostile_peer, that_knows_flow_control_and_asks_for_one_message_gets_one_at_a_time) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_frame(msg::value::map{{"msg_type", "Start"},
                                    {"cid", "c1"},
                                    {"ns", "hostile_target"},
                                    {"func", "mirror"},
                                    {"kwargs", msg::value::map{}},
                                    {"uid", msg::value::array{raw::intruder.name, raw::intruder.uuid}},
                                    {"pld_spec", "typing.Any"},
                                    {"credit", 1}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_TRUE(peer.last_had_extra());
    EXPECT_EQ(co_await peer.answer(), "Started");
    for (int i = 0; i < 3; ++i) peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, "c1", i); });
    EXPECT_EQ(co_await peer.answer(), "Yield");
    bool more = false;
    EXPECT_FALSE(co_await sc::move_on_after(10s, [&]() -> sc::task<> {
      co_await peer.answer();
      more = true;
    }));
    EXPECT_FALSE(more);
    peer.send_frame(credit_message("c1", 1));
    EXPECT_EQ(co_await peer.answer(), "Yield");
    peer.send_frame(credit_message("c1", nullptr));
    EXPECT_EQ(co_await peer.answer(), "Yield");
    // Neither what belongs to nothing nor a number without end does harm.
    for (const char* cid : {"c1", "c9", ""}) peer.send_frame(credit_message(cid, std::numeric_limits<std::uint64_t>::max()));
    peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, "c1", 3); });
    EXPECT_EQ(co_await peer.answer(), "Yield");
  });
}

// What waits to be sent to it ends, though no cancel reaches it.
TEST_P(hostile_peer, that_hangs_up_while_a_send_waits_for_its_credit_ends_the_send) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_frame(msg::value::map{{"msg_type", "Start"},
                                    {"cid", "c1"},
                                    {"ns", "hostile_target"},
                                    {"func", "insist"},
                                    {"kwargs", msg::value::map{}},
                                    {"uid", msg::value::array{raw::intruder.name, raw::intruder.uuid}},
                                    {"pld_spec", "typing.Any"},
                                    {"credit", 1}});
    for (const char* answer : {"StartAck", "Started", "Yield"}) EXPECT_EQ(co_await peer.answer(), answer);
    EXPECT_EQ(tractor::current_actor().running_calls(), 1u);
    peer.hang_up();
    EXPECT_TRUE(co_await sc::move_on_after(1h, []() -> sc::task<> {
      while (tractor::current_actor().running_calls() != 0) co_await sc::sleep(1ms);
    }));
  });
}

// S-OOB-3, S-RPC-10: so does a receive.
TEST_P(hostile_peer, that_hangs_up_while_a_shielded_receive_waits_ends_it) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "await_stubbornly", {});
    for (const char* answer : {"StartAck", "Started"}) EXPECT_EQ(co_await peer.answer(), answer);
    EXPECT_EQ(tractor::current_actor().running_calls(), 1u);
    peer.hang_up();
    EXPECT_TRUE(co_await sc::move_on_after(1h, []() -> sc::task<> {
      while (tractor::current_actor().running_calls() != 0) co_await sc::sleep(1ms);
    }));
  });
}

TEST_P(hostile_peer, whose_credit_is_no_number_loses_its_channel) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_frame(credit_message("c1", -1));
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// S-OOB-8, S-CHN-2: text that is no frame at all: its first four bytes announce more than any frame may have.
TEST_P(hostile_peer, that_speaks_http_is_hung_up_on) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    peer.send_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(co_await peer.answer(), "Aid");
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// S-RT-12, S-SRV-5, S-CHN-2
TEST_P(hostile_peer, that_stays_silent_is_hung_up_on_after_the_handshake_timeout) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    EXPECT_EQ(co_await peer.answer(), "Aid");
    const auto before = sc::current_time();
    EXPECT_EQ(co_await peer.answer(), "closed");
    EXPECT_EQ(sc::current_time() - before, tractor::handshake_timeout);
  });
}

// S-CHN-2
TEST_P(hostile_peer, that_begins_with_another_message_is_hung_up_on) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    peer.send_start("c1", "hostile_target", "twice", {{"number", 1}});
    EXPECT_EQ(co_await peer.answer(), "Aid");
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// S-SRV-5: a probe is answered and never served.
TEST_P(hostile_peer, that_only_probes_is_answered_and_hung_up_on) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    peer.send_frame(
        {{"msg_type", "Aid"}, {"name", "registry-probe"}, {"uuid", "x"}, {"pid", 1}, {"is_registrar", nullptr}, {"is_probe", true}});
    EXPECT_EQ(co_await peer.answer(), "Aid");
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

struct bad_frame {
  const char* name;
  std::string bytes;
};

std::string nested_too_deep() {
  std::string body =
      "\x82\xa8msg_type\xa4Stop\xa3"
      "cid";
  body += std::string(2000, '\x91');
  body += '\xc0';
  std::string frame(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>(body.size() >> (8 * i));
  return frame + body;
}

const std::vector<bad_frame>& bad_frames() {
  static const std::vector<bad_frame> all{
      {"a frame of 4 GiB", std::string("\xff\xff\xff\xff", 4) + "x"},
      {"an empty frame", std::string("\0\0\0\0", 4)},
      {"a body that is no msgpack", std::string("\x03\0\0\0\xc1\xc1\xc1", 7)},
      {"an unknown tag", std::string("\x0f\0\0\0\x81\xa8msg_type\xa4Nope", 19)},
      {"no tag", std::string("\x01\0\0\0\x80", 5)},
      {"an array for the map", std::string("\x01\0\0\0\x90", 5)},
      {"a Start without its fields", std::string("\x10\0\0\0\x81\xa8msg_type\xa5Start", 20)},
      {"a map that is too deep", nested_too_deep()},
  };
  return all;
}

// S-FRM-7, S-FRM-8, S-RPC-14, R-1: whatever cannot be decoded ends its channel.
TEST_P(hostile_peer, that_sends_what_cannot_be_decoded_loses_its_channel) {
  for (const auto& bad : bad_frames()) {
    SCOPED_TRACE(bad.name);
    against_actor([&](raw_peer& peer) -> sc::task<> {
      co_await peer.shake_hands();
      peer.send_bytes(bad.bytes);
      EXPECT_EQ(co_await peer.answer(), "closed");
    });
  }
}

// S-FRM-6: an end in the middle of a frame.
TEST_P(hostile_peer, that_hangs_up_inside_a_frame_harms_nobody) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_bytes(std::string_view("\x64\0\0\0\x87\xa8msg", 9));
  });
}

// A second identity in the middle of the conversation.
TEST_P(hostile_peer, that_introduces_itself_twice_loses_its_channel) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_aid();
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// S-RPC-2
TEST_P(hostile_peer, that_lies_about_who_it_is_gets_an_error_and_loses_its_channel) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "hostile_target", "twice", {{"number", 1}}, {.name = "root", .uuid = "somebody-else"});
    EXPECT_EQ(co_await peer.answer(), "Error:MessagingError");
    EXPECT_TRUE(sc_test::contains(peer.last_message(), "'root' (somebody-else)")) << peer.last_message();
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// A name is shown for what it is: it neither breaks a line nor commands a terminal.
TEST_P(hostile_peer, whose_name_holds_control_characters_is_told_of_with_escapes) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    peer.send_aid({.name = "x\x1b[2J\n", .uuid = raw::intruder.uuid});
    EXPECT_EQ(co_await peer.answer(), "Aid");
    peer.send_start("c1", "hostile_target", "twice", {{"number", 1}}, {.name = "y\x1b[2J\n", .uuid = "another"});
    EXPECT_EQ(co_await peer.answer(), "Error:MessagingError");

    EXPECT_TRUE(sc_test::contains(peer.last_message(), R"(actor 'x\x1b[2J\n' sent a Start in the name of 'y\x1b[2J\n')"))
        << peer.last_message();
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

TEST_P(hostile_peer, whose_cid_is_too_long_loses_its_channel) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start(std::string(tractor::detail::cid_bytes_max, 'c'), "nowhere", "f");
    EXPECT_EQ(co_await peer.answer(), "Error:ModuleNotExposed");
    peer.send_start(std::string(tractor::detail::cid_bytes_max + 1, 'c'), "nowhere", "f");
    EXPECT_EQ(co_await peer.answer(), "closed");
  });
}

// S-POR-4, S-RPC-4, S-RPC-12: a request that cannot be served is refused; the channel lives on.
TEST_P(hostile_peer, whose_requests_cannot_be_served_gets_an_error_for_each) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("c1", "secret_module", "f");
    EXPECT_EQ(co_await peer.answer(), "Error:ModuleNotExposed");
    EXPECT_TRUE(sc_test::contains(peer.last_message(), "enable_modules")) << peer.last_message();
    peer.send_start("c2", "hostile_target", "nope");
    EXPECT_EQ(co_await peer.answer(), "Error:AttributeError");
    peer.send_start("c3", "hostile_target", "twice", {{"number", "many"}});
    EXPECT_EQ(co_await peer.answer(), "Error:TypeError");
    peer.send_start("c4", "hostile_target", "twice", {{"numbr", 1}});
    EXPECT_EQ(co_await peer.answer(), "Error:TypeError");
    peer.send_start("c5", "hostile_target", "twice");
    EXPECT_EQ(co_await peer.answer(), "Error:TypeError");
    peer.send_start("c6", "self", "__class__");
    EXPECT_EQ(co_await peer.answer(), "Error:AttributeError");
    peer.send_start("c7", "self", "_cancel_task");
    EXPECT_EQ((co_await peer.answer()).substr(0, 6), "Error:");
    peer.send_start("c8", "hostile_target", "twice", {{"number", 4}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Return");
  });
}

// S-RPC-1, S-OOB-7: messages for dialogs that do not exist, or not any more, are dropped.
TEST_P(hostile_peer, whose_messages_belong_to_no_dialog_is_ignored) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("over", "hostile_target", "twice", {{"number", 3}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Return");
    for (const char* cid : {"nobody", "over"}) {
      peer.send_frame({{"msg_type", "Yield"}, {"cid", cid}, {"pld", 1}});
      peer.send_frame({{"msg_type", "Return"}, {"cid", cid}, {"pld", 1}});
      peer.send_frame({{"msg_type", "Stop"}, {"cid", cid}});
      peer.send_frame({{"msg_type", "CancelAck"}, {"cid", cid}, {"pld", true}});
    }
    peer.send_start("c1", "hostile_target", "twice", {{"number", 4}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Return");
  });
}

// S-RPC-4: the kind of what was started, before anything that it says.
TEST_P(hostile_peer, that_starts_something_is_told_of_what_kind_it_is) {
  using kind = msg::function_kind;
  const auto kind_of = [](std::string func, msg::value::map kwargs) {
    std::optional<kind> told;
    against_actor([&](raw_peer& peer) -> sc::task<> {
      co_await peer.shake_hands();
      peer.send_start("c1", "hostile_target", func, kwargs);
      EXPECT_EQ(co_await peer.answer(), "StartAck");
      told = peer.last_kind();
    });
    return told;
  };
  EXPECT_EQ(kind::asyncfunc, kind_of("twice", {{"number", 4}}));
  EXPECT_EQ(kind::context, kind_of("mirror", {}));
  EXPECT_EQ(kind::asyncgen, kind_of("count_to", {{"n", 1}}));
}

// S-RPC-7: a cancel of an unknown task is acknowledged; one of a running task when that has ended.
TEST_P(hostile_peer, that_cancels_tasks_is_acknowledged_after_their_end) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("k0", "self", "_cancel_task", {{"cid", "nobody"}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "CancelAck");
    peer.send_start("t1", "hostile_target", "wait_for_ever");
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    peer.send_start("k1", "self", "_cancel_task", {{"cid", "t1"}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "Error:ContextCancelled");
    EXPECT_EQ(co_await peer.answer(), "CancelAck");
  });
}

// S-RPC-7: a cid is its connection's, whoever it is that has both.
TEST_P(hostile_peer, that_cancels_the_task_of_another_connection_does_not) {
  against_actor([](raw_peer& owner) -> sc::task<> {
    co_await owner.shake_hands();
    owner.send_start("t1", "hostile_target", "wait_for_ever");
    EXPECT_EQ(co_await owner.answer(), "StartAck");
    for (const tractor::uid& who : {raw::intruder, tractor::uid{.name = "another", .uuid = "5f0c2f6e-0000-4000-8000-000000000002"}}) {
      raw_peer other(co_await ipc::connect(tractor::accept_addresses().at(0)));
      other.send_aid(who);
      EXPECT_EQ(co_await other.answer(), "Aid");
      other.send_start("k1", "self", "_cancel_task", {{"cid", "t1"}}, who);
      EXPECT_EQ(co_await other.answer(), "StartAck");
      EXPECT_EQ(co_await other.answer(), "CancelAck") << "as of a task that there is not";
      other.hang_up();
      co_await sc_test::settle();
      EXPECT_EQ(tractor::current_actor().running_calls(), 1u);
    }
    owner.send_start("k2", "self", "_cancel_task", {{"cid", "t1"}});
    EXPECT_EQ(co_await owner.answer(), "StartAck");
    EXPECT_EQ(co_await owner.answer(), "Error:ContextCancelled");
    EXPECT_EQ(co_await owner.answer(), "CancelAck");
  });
}

// S-RPC-10, S-OOB-6: tasks of a peer that is gone are cancelled; the actor can end.
TEST_P(hostile_peer, that_hangs_up_takes_its_tasks_along) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("t1", "hostile_target", "wait_for_ever");
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(tractor::current_actor().running_calls(), 1u);
    peer.hang_up();
    co_await sc_test::settle();
    EXPECT_EQ(tractor::current_actor().running_calls(), 0u);
  });
}

// S-RPC-6
// Reference: rpc::test_error_shipment_ignores_closed_response_channel.
TEST_P(hostile_peer, that_hangs_up_while_its_task_fails_harms_nobody) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    peer.send_start("f1", "hostile_target", "fail", {{"bytes", 10}});

    peer.hang_up();

    co_await sc_test::settle();
    EXPECT_EQ(tractor::current_actor().running_calls(), 0u);
  });
}

// S-RT-22: an Error that belongs to no dialog is the end of all of them.
TEST_P(hostile_peer, whose_runtime_has_failed_loses_its_channel_and_its_tasks) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    for (const char* cid : {"t1", "t2"}) {
      peer.send_start(cid, "hostile_target", "wait_for_ever");
      EXPECT_EQ(co_await peer.answer(), "StartAck");
    }
    EXPECT_EQ(tractor::current_actor().running_calls(), 2u);
    msg::error_msg failure;
    failure.src_uid = raw::intruder;
    failure.src_type_str = failure.boxed_type_str = "RuntimeError";

    peer.channel().send([&](msg::buffer& out) { msg::encode_error_msg(out, failure); });

    EXPECT_EQ(co_await peer.answer(), "closed");
    co_await sc_test::settle();
    EXPECT_EQ(tractor::current_actor().running_calls(), 0u);
  });
}

// S-MSG-10: and nothing comes behind the message that ends it.
TEST_P(hostile_peer, that_listens_gets_the_messages_of_a_dialog_in_their_order) {
  against_actor([](raw_peer& peer) -> sc::task<> {
    co_await peer.shake_hands();
    const auto expect_dialog = [&](std::string_view func, const msg::value::map& kwargs,
                                   const std::vector<std::string>& messages) -> sc::task<> {
      peer.send_start(func, "hostile_target", func, kwargs);
      for (const auto& message : messages) EXPECT_EQ(co_await peer.answer(), message) << func;
    };
    std::vector<std::string> stream{"StartAck", "Started"};
    stream.resize(12, "Yield");
    stream.insert(stream.end(), {"Stop", "Return"});

    co_await expect_dialog("insist", {}, stream);
    co_await expect_dialog("fail", {{"bytes", 10}}, {"StartAck", "Error:RuntimeError"});
    co_await expect_dialog("twice", {{"number", 4}}, {"StartAck", "Return"});
    peer.send_start("k1", "self", "_cancel_task", {{"cid", "insist"}});
    EXPECT_EQ(co_await peer.answer(), "StartAck");
    EXPECT_EQ(co_await peer.answer(), "CancelAck");
  });
}

}  // namespace
