// SPDX-License-Identifier: Apache-2.0
//
// Byte for byte what the reference writes, in both directions.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "msg_test.hpp"
#include "tractor/msg/protocol.hpp"

namespace tractor::msg {
namespace {

constexpr std::string_view cid = "6f63cb36-af91-4424-aa60-ba87f005ce1e";
const uid server{"server", "27a83cba-b2cd-418b-b911-fa243e5e7d14"};

using encoder = std::function<void(buffer&)>;
using encoders = std::map<std::string, encoder>;

void add_payload_messages(encoders& all, const std::string& suffix, const auto& payload) {
  all["started_" + suffix] = [payload](buffer& out) { encode_started(out, cid, payload); };
  all["yield_" + suffix] = [payload](buffer& out) { encode_yield(out, cid, payload); };
  all["return_" + suffix] = [payload](buffer& out) { encode_return(out, cid, payload); };
}

encoder aid_encoder(aid message) {
  return [message = std::move(message)](buffer& out) { encode_aid(out, message); };
}

encoder error_encoder(const std::string& type, std::function<void(error_msg&)> change) {
  error_msg message{.src_uid = server, .src_type_str = type, .boxed_type_str = type, .relay_path = {server}, .cid = std::string(cid)};
  change(message);
  return [message](buffer& out) { encode_error_msg(out, message); };
}

void add_errors(encoders& all) {
  all["error_value"] = error_encoder("ValueError", [](error_msg& e) {
    e.message = "";
    e.tb_str = "Traceback...\nValueError: boom\n";
  });
  all["error_ctxc"] = error_encoder("ContextCancelled", [](error_msg& e) {
    e.message = "msg";
    e.tb_str = "tb";
    e.canceller = uid{"root", "r"};
  });
  all["error_overrun"] = error_encoder("StreamOverrun", [](error_msg& e) {
    e.message = "msg";
    e.tb_str = "tb";
    e.sender = uid{"root", "r"};
  });
  all["error_mte"] = error_encoder("MsgTypeError", [](error_msg& e) {
    e.message = "msg";
    e.bad_msg = bad_message{message_kind::yield, std::string(cid), raw(test::unhex("a3626164"))};
  });
  all["error_mte_dict"] = error_encoder("MsgTypeError", [](error_msg& e) {
    e.message = "msg";
    e.bad_msg_as_dict = value::map{{"cid", cid}, {"pld", "bad"}};
  });
  all["error_nocid"] = error_encoder("RuntimeError", [](error_msg& e) { e.cid = std::nullopt; });
}

void add_spawn_specs(encoders& all) {
  all["spawnspec_tcp"] = [](buffer& out) {
    const value address = value::array{"127.0.0.1", 1616};
    encode_spawn_spec(out, {.parent_main_data = {{"init_main_from_path", "/a/b.py"}},
                            .runtime_vars = {{"_is_root", false},
                                             {"_root_mailbox", address},
                                             {"_root_addrs", value::array{address}},
                                             {"_enable_tpts", value::array{"tcp"}},
                                             {"_registry_addrs", value::array{address}},
                                             {"_debug_mode", false},
                                             {"repl_fixture", false},
                                             {"use_greenback", false},
                                             {"use_stackscope", false},
                                             {"_is_infected_aio", false}},
                            .enable_modules = {{"mod", "/a/mod.py"}},
                            .reg_addrs = {{"127.0.0.1", 1616}},
                            .bind_addrs = std::nullopt});
  };
  all["spawnspec_uds_bind"] = [](buffer& out) {
    encode_spawn_spec(out, {.parent_main_data = {},
                            .runtime_vars = {},
                            .enable_modules = {},
                            .reg_addrs = {{"/run/user/0/tractor", "registry@1616.sock"}},
                            .bind_addrs = std::vector<wire_address>{{"/run/user/0/tractor", "x@1.sock"}}});
  };
}

void add_starts(encoders& all) {
  all["start"] = [](buffer& out) {
    const auto kwargs = [](writer& to) {
      to.map_header(2);
      to.str("a");
      encode_item(to, 1);
      to.str("b");
      encode_item(to, "x");
    };
    encode_start(out, cid, "mod", "fn", kwargs, server);
  };
  all["start_nokw"] = [](buffer& out) { encode_start(out, cid, "self", "cancel", [](writer& to) { to.map_header(0); }, server); };
  all["start_cancel_task"] = [](buffer& out) {
    buffer kwargs;
    encode(kwargs, std::map<std::string, std::string>{{"cid", "other"}});
    encode_start(out, start{.cid = cid, .ns = "self", .func = "_cancel_task", .kwargs = {kwargs.view()}, .uid = server});
  };
  all["startack_asyncfunc"] = [](buffer& out) { encode_start_ack(out, cid, function_kind::asyncfunc); };
  all["startack_asyncgen"] = [](buffer& out) { encode_start_ack(out, cid, function_kind::asyncgen); };
  all["startack_context"] = [](buffer& out) { encode_start_ack(out, cid, function_kind::context); };
}

encoders all_encoders() {
  encoders all;
  all["aid_sub"] = aid_encoder({.name = "server", .uuid = server.uuid, .pid = 23840, .is_registrar = false});
  all["aid_registrar"] = aid_encoder({.name = "root", .uuid = "78fe7ba2-5eb1-454e-bb60-69db1834ea9c", .pid = 65536, .is_registrar = true});
  all["aid_probe"] = aid_encoder(
      {.name = "registry-probe", .uuid = "9fda8f20-791f-4a39-a573-2d2fe0531be1", .pid = 1, .is_registrar = std::nullopt, .is_probe = true});
  add_spawn_specs(all);
  add_starts(all);
  add_payload_messages(all, "nil", nullptr);
  add_payload_messages(all, "true", true);
  add_payload_messages(all, "fixint", 7);
  add_payload_messages(all, "i64", -1099511627776);
  add_payload_messages(all, "u64", 9223372036854775808U);
  add_payload_messages(all, "f64", 1.5);
  add_payload_messages(all, "str", std::string("hé"));
  add_payload_messages(all, "bin", bytes{std::byte{0}, std::byte{0xff}});
  add_payload_messages(all, "arr", value::array{1, value::array{2}});
  add_payload_messages(all, "map", std::map<std::string, int>{{"k", 1}});
  add_payload_messages(all, "intkey", std::map<int, int>{{1, 2}});
  all["return_bin64k"] = [](buffer& out) { encode_return(out, cid, bytes(65536, std::byte{'x'})); };
  all["return_raw"] = [](buffer& out) { encode_return(out, cid, raw(test::unhex("c3"))); };
  all["stop"] = [](buffer& out) { encode_stop(out, cid); };
  all["cancelack_true"] = [](buffer& out) { encode_cancel_ack(out, cid, true); };
  all["cancelack_false"] = [](buffer& out) { encode_cancel_ack(out, cid, false); };
  add_errors(all);
  return all;
}

// S-MSG-1, S-MSG-3 to S-MSG-9, S-FRM-1
TEST(golden, every_frame_is_encoded_as_the_reference_does) {
  const encoders all = all_encoders();
  std::size_t compared = 0;
  for (const auto& recorded : test::recorded_frames("golden_min.txt")) {
    const auto found = all.find(recorded.name);
    ASSERT_NE(found, all.end()) << recorded.name;
    buffer out;
    found->second(out);
    EXPECT_EQ(test::hex(out.view()), test::hex(recorded.frame())) << recorded.name;
    ++compared;
  }
  EXPECT_EQ(compared, 55U);
}

void expect_same_frame_again(const test::recorded_frame& recorded) {
  SCOPED_TRACE(recorded.name);
  const bytes frame = recorded.frame();
  frame_splitter splitter;
  const auto tail = splitter.writable_tail(frame.size());
  std::ranges::copy(frame, tail.begin());
  splitter.commit(frame.size());
  const auto body = splitter.next();
  ASSERT_TRUE(body);
  ASSERT_TRUE(splitter.at_frame_boundary());

  buffer again;
  encode_envelope(again, decode_envelope(*body));

  EXPECT_EQ(test::hex(again.view()), test::hex(frame));
}

TEST(golden, every_frame_decodes_and_encodes_to_itself) {
  for (const auto& recorded : test::recorded_frames("golden_min.txt")) expect_same_frame_again(recorded);
}

TEST(golden, every_recorded_frame_of_the_reference_decodes_and_encodes_to_itself) {
  const auto frames = test::recorded_frames("recorded_frames.txt");
  EXPECT_GT(frames.size(), 600U);
  for (const auto& recorded : frames) expect_same_frame_again(recorded);
}

TEST(golden, recorded_bodies_are_the_same_as_dynamic_values) {
  for (const auto& recorded : test::recorded_frames("recorded_frames.txt")) {
    const bytes frame = recorded.frame();
    const bytes_view body = bytes_view(frame).subspan(frame_header_bytes);
    buffer again;
    encode(again, decode<value>(body));
    EXPECT_EQ(test::hex(again.view()), test::hex(body)) << recorded.name;
  }
}

}  // namespace
}  // namespace tractor::msg
