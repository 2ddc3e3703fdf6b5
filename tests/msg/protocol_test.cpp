// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "msg_test.hpp"

namespace tractor::msg {
namespace {

constexpr std::string_view cid = "6f63cb36-af91-4424-aa60-ba87f005ce1e";
const uid server{"server", "27a83cba-b2cd-418b-b911-fa243e5e7d14"};

// A body as the value says, keys in that order.
bytes body_of(const value& from) {
  buffer out;
  encode(out, from);
  return {out.view().begin(), out.view().end()};
}

std::string complaint_about_body(bytes_view body, const decode_limits& limits = {}) {
  try {
    static_cast<void>(decode_envelope(body, limits));
  } catch (const protocol_error& error) {
    EXPECT_EQ(error.category(), error_category::protocol);
    return error.message();
  }
  ADD_FAILURE() << "decoded without an error";
  return {};
}
std::string complaint_about(const value& from) { return complaint_about_body(body_of(from)); }

template <class Message>
Message decode_as(const bytes& body) {
  const envelope message = decode_envelope(body);
  EXPECT_TRUE(std::holds_alternative<Message>(message)) << wire_name(kind_of(message));
  return std::get<Message>(message);
}

// S-COD-1
TEST(envelope, payload_and_cid_are_views_into_the_frame) {
  buffer out;
  encode_yield(out, cid, std::map<std::string, int>{{"k", 1}});
  const bytes_view body = out.view().subspan(frame_header_bytes);

  const auto message = decode_envelope(body);

  const auto& y = std::get<yield>(message);
  EXPECT_EQ(y.cid, cid);
  EXPECT_EQ(test::hex(y.pld), "81a16b01");
  const auto within = [&](const void* p) { return p >= body.data() && p < body.data() + body.size(); };
  EXPECT_TRUE(within(y.cid.data()));
  EXPECT_TRUE(within(y.pld.data.data()));
  EXPECT_EQ((decode<std::map<std::string, int>>(y.pld)), (std::map<std::string, int>{{"k", 1}}));
}

// S-MSG-6
TEST(envelope, start_is_read_in_full) {
  buffer kwargs, out;
  encode(kwargs, value({{"a", 1}, {"b", "x"}}));
  encode_start(out, {.cid = cid, .ns = "mod", .func = "fn", .kwargs = {kwargs.view()}, .uid = server, .pld_spec = "int"});

  const bytes body(out.data() + frame_header_bytes, out.data() + out.size());
  const auto message = decode_as<start>(body);

  EXPECT_EQ(message.cid, cid);
  EXPECT_EQ(message.ns, "mod");
  EXPECT_EQ(message.func, "fn");
  EXPECT_EQ(decode<value>(message.kwargs), value({{"a", 1}, {"b", "x"}}));
  EXPECT_EQ(message.uid, uid_view(server));
  EXPECT_EQ(message.pld_spec, "int");
  EXPECT_FALSE(message.has_extra);
}

TEST(envelope, start_without_arguments_has_an_empty_map) {
  buffer out;
  encode_start(out, start{.cid = cid, .ns = "self", .func = "cancel", .kwargs = {}, .uid = server});
  const auto message = decode_envelope(out.view().subspan(frame_header_bytes));
  EXPECT_EQ(test::hex(std::get<start>(message).kwargs), "80");
}

// S-MSG-2, S-MSG-4, S-MSG-14: a map becomes the message that its tag names; fields with a default may be missing, in any order, among
// unknown ones.
TEST(envelope, missing_fields_take_their_defaults) {
  const auto message = decode_as<aid>(body_of({{"uuid", "u"}, {"future", value::array{1}}, {"name", "n"}, {"msg_type", "Aid"}}));
  EXPECT_EQ(message.name, "n");
  EXPECT_EQ(message.uuid, "u");
  EXPECT_EQ(message.pid, std::nullopt);
  EXPECT_EQ(message.is_registrar, std::nullopt);
  EXPECT_FALSE(message.is_probe);

  const auto call = decode_as<start>(body_of(
      {{"msg_type", "Start"}, {"cid", cid}, {"ns", "m"}, {"func", "f"}, {"kwargs", value::map{}}, {"uid", value::array{"n", "u"}}}));
  EXPECT_EQ(call.pld_spec, "typing.Any");
  EXPECT_FALSE(call.has_extra);

  const auto error = decode_as<error_msg>(body_of({{"msg_type", "Error"},
                                                   {"src_uid", value::array{"n", "u"}},
                                                   {"src_type_str", "ValueError"},
                                                   {"boxed_type_str", "ValueError"},
                                                   {"relay_path", value::array{}}}));
  EXPECT_EQ(error.tb_str, "");
  EXPECT_EQ(error.message, std::nullopt);
  EXPECT_EQ(error.cid, std::nullopt);
}

// S-MSG-2
TEST(envelope, the_tag_may_come_last) {
  const bytes body = body_of({{"pld", 7}, {"unknown", nullptr}, {"cid", "c"}, {"msg_type", "Return"}});
  const auto message = decode_as<return_>(body);
  EXPECT_EQ(message.cid, "c");
  EXPECT_EQ(decode<int>(message.pld), 7);
}

TEST(envelope, longer_forms_are_accepted) {
  // map 16, str 8, str 32, int 64
  const bytes body = test::unhex(
      "de0003d9086d73675f74797065a5"
      "5969656c64"
      "db00000003636964a163a3706c64cf0000000000000007");
  const auto message = decode_as<yield>(body);
  EXPECT_EQ(message.cid, "c");
  EXPECT_EQ(decode<int>(message.pld), 7);
}

// S-MSG-2, S-FRM-8: what is none of the messages says why. S-MSG-8: what an acknowledgement carries is a strict bool.
TEST(envelope, malformed_messages_are_refused_with_a_reason) {
  EXPECT_EQ(complaint_about_body({}), "a frame without a body is no message");
  EXPECT_EQ(complaint_about(value(7)), "undecodable message: expected map, got int 7");
  EXPECT_EQ(complaint_about(value(value::array{1})), "undecodable message: expected map, got array of 1");
  EXPECT_EQ(complaint_about(value(value::map{})), "undecodable message: the map has no msg_type");
  EXPECT_EQ(complaint_about({{"cid", "c"}}), "undecodable message: the map has no msg_type");
  EXPECT_EQ(complaint_about({{"msg_type", "Nope"}}), "undecodable message: 'Nope' (msg_type) is none of the messages");
  EXPECT_EQ(complaint_about({{"cid", "c"}, {"msg_type", 3}}), "undecodable message: expected the name of a message as msg_type, got int 3");
  EXPECT_EQ(complaint_about({{"msg_type", 3}}), "undecodable message: expected the name of a message as msg_type, got int 3");
  EXPECT_EQ(complaint_about({{"msg_type", "Yield"}, {"cid", "c"}}), "undecodable message: Yield: the field 'pld' is missing");
  EXPECT_EQ(complaint_about({{"msg_type", "Yield"}, {"cid", 5}, {"pld", 1}}), "undecodable message: Yield.cid: expected str, got int 5");
  EXPECT_EQ(complaint_about({{"msg_type", "Yield"}, {"pld", 1}, {"cid", 5}}), "undecodable message: Yield.cid: expected str, got int 5");
  EXPECT_EQ(complaint_about({{"msg_type", "Stop"}, {"cid", "c"}, {"cid", "d"}}),
            "undecodable message: Stop: expected each field once, got str 'cid'");
  EXPECT_EQ(complaint_about({{"msg_type", "StartAck"}, {"cid", "c"}, {"functype", "generator"}}),
            "undecodable message: StartAck.functype: expected one of 'asyncfunc', 'asyncgen', 'context', got str 'generator'");
  EXPECT_EQ(complaint_about({{"msg_type", "CancelAck"}, {"cid", "c"}, {"pld", 1}}),
            "undecodable message: CancelAck.pld: expected bool, got int 1");
  EXPECT_EQ(complaint_about({{"msg_type", "Aid"}, {"name", "n"}, {"uuid", "u"}, {"pid", "1"}}),
            "undecodable message: Aid.pid: expected int, got str '1'");
  EXPECT_EQ(complaint_about({{"msg_type", "Aid"}, {"name", bytes{}}, {"uuid", "u"}}),
            "undecodable message: Aid.name: expected str, got bytes b''");
}

TEST(envelope, malformed_starts_are_refused_with_a_reason) {
  const auto start_with = [](const char* key, value replaced) {
    value::map fields{{"msg_type", "Start"},          {"cid", "c"}, {"ns", "m"}, {"func", "f"}, {"kwargs", value::map{}},
                      {"uid", value::array{"n", "u"}}};
    fields[key] = std::move(replaced);
    return value(fields);
  };
  EXPECT_EQ(complaint_about(start_with("kwargs", value::array{})), "undecodable message: Start.kwargs: expected map, got array of 0");
  EXPECT_EQ(complaint_about(start_with("uid", value::array{"n"})), "undecodable message: Start.uid: expected array of 2, got array of 1");
  EXPECT_EQ(complaint_about(start_with("uid", value::array{"n", 7})), "undecodable message: Start.uid: expected str, got int 7");
  EXPECT_EQ(complaint_about(start_with("uid", "n")), "undecodable message: Start.uid: expected array, got str 'n'");
  EXPECT_EQ(complaint_about(start_with("ns", nullptr)), "undecodable message: Start.ns: expected str, got nil");
}

TEST(envelope, every_truncation_and_every_extension_is_refused) {
  for (const auto& recorded : test::recorded_frames("golden_min.txt")) {
    const bytes frame = recorded.frame();
    if (frame.size() > 1000) continue;
    const bytes_view body = bytes_view(frame).subspan(frame_header_bytes);
    for (std::size_t size = 0; size < body.size(); ++size) {
      const bytes part(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_THROW(static_cast<void>(decode_envelope(part)), protocol_error) << recorded.name << ' ' << size;
    }
    bytes longer(body.begin(), body.end());
    longer.push_back(std::byte{0xc0});
    EXPECT_THAT(complaint_about_body(longer), testing::HasSubstr("1 bytes follow the value")) << recorded.name;
  }
}

TEST(envelope, a_payload_that_is_no_msgpack_is_refused) {
  for (const char* payload : {"c1", "92c0", "a3616", "d9"}) {
    const bytes body = test::unhex("83a86d73675f74797065a55969656c64a3636964a163a3706c64" +
                                   std::string(payload, std::string_view(payload).size() / 2 * 2));
    EXPECT_THAT(complaint_about_body(body), testing::HasSubstr("Yield.pld")) << payload;
  }
}

TEST(envelope, limits_apply_to_what_is_decoded) {
  value deep;
  for (int i = 0; i < 60; ++i) deep = value::array{std::move(deep)};
  const bytes body = body_of({{"msg_type", "Error"},
                              {"src_uid", value::array{"n", "u"}},
                              {"src_type_str", "t"},
                              {"boxed_type_str", "t"},
                              {"relay_path", value::array{}},
                              {"_bad_msg_as_dict", {{"x", deep}}}});
  EXPECT_TRUE(decode_as<error_msg>(body).bad_msg_as_dict);
  EXPECT_THAT(complaint_about_body(body, {.depth_max = 30}), testing::HasSubstr("deeper than 30 levels"));
}

TEST(envelope, the_bad_message_of_an_error_must_carry_a_payload) {
  const auto error_with = [](value bad) {
    return value({{"msg_type", "Error"},
                  {"src_uid", value::array{"n", "u"}},
                  {"src_type_str", "t"},
                  {"boxed_type_str", "t"},
                  {"relay_path", value::array{}},
                  {"_bad_msg", std::move(bad)}});
  };
  const auto good = decode_as<error_msg>(body_of(error_with({{"msg_type", "Return"}, {"cid", "c"}, {"pld", 7}})));
  ASSERT_TRUE(good.bad_msg);
  EXPECT_EQ(good.bad_msg->kind, message_kind::return_);
  EXPECT_EQ(good.bad_msg->cid, "c");
  EXPECT_EQ(decode<int>(good.bad_msg->pld), 7);

  EXPECT_THAT(complaint_about(error_with({{"msg_type", "Stop"}, {"cid", "c"}})),
              testing::HasSubstr("Error._bad_msg: expected a Started, Yield or Return, got map of 2"));
  EXPECT_THAT(complaint_about(error_with({{"cid", "c"}})), testing::HasSubstr("expected a Started, Yield or Return"));
  EXPECT_THAT(complaint_about(error_with({{"msg_type", 5}})), testing::HasSubstr("expected a Started, Yield or Return"));
  EXPECT_THAT(complaint_about(error_with({{"msg_type", "Yield"}, {"cid", "c"}})),
              testing::HasSubstr("Error._bad_msg: the field 'pld' is missing"));
  EXPECT_THAT(complaint_about(error_with(7)), testing::HasSubstr("Error._bad_msg: expected a message, got int 7"));
}

TEST(envelope, extra_keys_are_written_last_and_found_by_who_knows_them) {
  buffer credits, out;
  encode(credits, 64);
  const extra_field extra[] = {{"_credits", credits.view()}};

  encode_start(out, cid, "m", "f", [](writer& to) { to.map_header(0); }, server, extra);
  const bytes_view start_body = out.view().subspan(frame_header_bytes);
  const auto call = decode_envelope(start_body);
  EXPECT_TRUE(std::get<start>(call).has_extra);
  ASSERT_TRUE(find_key(start_body, "_credits"));
  EXPECT_EQ(decode<int>(*find_key(start_body, "_credits")), 64);
  EXPECT_FALSE(find_key(start_body, "_other"));

  buffer ack;
  encode_start_ack(ack, cid, function_kind::context, extra);
  const bytes_view ack_body = ack.view().subspan(frame_header_bytes);
  const auto answer = decode_envelope(ack_body);
  EXPECT_EQ(std::get<start_ack>(answer).functype, function_kind::context);
  EXPECT_TRUE(std::get<start_ack>(answer).has_extra);
  EXPECT_EQ(decode<int>(*find_key(ack_body, "_credits")), 64);
}

// S-MSG-2: one that announces nothing is written as the reference writes it.
TEST(envelope, aid_may_say_what_it_knows_beyond_the_reference) {
  const aid plain{.name = "a", .uuid = "u", .pid = 1};
  aid knowing = plain;
  knowing.extensions = {"detail"};
  buffer out, more;

  encode_aid(out, plain);
  encode_aid(more, knowing);

  const bytes_view body = out.view().subspan(frame_header_bytes), more_body = more.view().subspan(frame_header_bytes);
  EXPECT_FALSE(find_key(body, "extensions"));
  EXPECT_EQ(std::get<aid>(decode_envelope(body)).extensions, std::nullopt);
  EXPECT_EQ(std::get<aid>(decode_envelope(more_body)).extensions, (std::vector<std::string>{"detail"}));
  EXPECT_EQ(std::get<aid>(decode_envelope(more_body)).pid, 1);
}

TEST(envelope, keys_that_are_no_text_are_passed_over_by_find_key) {
  EXPECT_EQ(test::hex(*find_key(test::unhex("83010292c0c003a16b07"), "k")), "07");
  EXPECT_THROW(static_cast<void>(find_key(test::unhex("91c0"), "k")), decode_error);
}

TEST(envelope, cid_of_tells_the_dialog) {
  EXPECT_EQ(cid_of(yield{.cid = "c", .pld = {}}), "c");
  EXPECT_EQ(cid_of(stop{.cid = "c"}), "c");
  EXPECT_EQ(cid_of(error_msg{.cid = "c"}), "c");
  EXPECT_EQ(cid_of(error_msg{}), "");
  EXPECT_EQ(cid_of(aid{}), "");
  EXPECT_EQ(cid_of(spawn_spec{}), "");
}

TEST(encoders, several_messages_share_a_buffer) {
  buffer out;
  encode_yield(out, cid, 1);
  encode_stop(out, cid);
  frame_splitter splitter;
  const auto tail = splitter.writable_tail(out.size());
  std::ranges::copy(out.view(), tail.begin());
  splitter.commit(out.size());

  EXPECT_TRUE(std::holds_alternative<yield>(decode_envelope(splitter.next().value())));
  EXPECT_TRUE(std::holds_alternative<stop>(decode_envelope(splitter.next().value())));
  EXPECT_FALSE(splitter.next());
}

template <class Call>
std::string encode_complaint_of(buffer& out, Call call) {
  try {
    call();
  } catch (const encode_error& error) {
    EXPECT_EQ(as_text(out.view()), "queued") << "what was queued before must survive, and nothing else";
    return error.message();
  }
  ADD_FAILURE() << "encoded without an error";
  return {};
}

// S-COD-12
TEST(encoders, a_payload_without_a_msgpack_form_leaves_the_buffer_as_it_was) {
  buffer out;
  out.append("queued");
  const std::string reason = R"(text that is not UTF-8 has no msgpack form (send it as bytes): '\xff')";
  EXPECT_EQ(encode_complaint_of(out, [&] { encode_yield(out, cid, std::map<std::string, std::string>{{"k", "\xff"}}); }),
            "pld['k']: " + reason);
  EXPECT_EQ(encode_complaint_of(out, [&] { encode_start(out, cid, "m", "f", [](writer& to) { to.str("\xff"); }, server); }),
            "kwargs: " + reason);
  EXPECT_EQ(encode_complaint_of(out, [&] { encode_stop(out, "\xff"); }), reason);
  EXPECT_EQ(encode_complaint_of(out, [&] { encode_error_msg(out, {.tb_str = "\xff"}); }), "Error.tb_str: " + reason);
}

TEST(encoders, a_frame_above_the_bound_leaves_the_buffer_as_it_was) {
  buffer out;
  out.append("queued");
  EXPECT_EQ(encode_complaint_of(out, [&] { encode_yield(out, cid, bytes(1000), 1000); }),
            "a message of 1065 bytes is above the bound of 1000 (frame_bytes_max)");
}

TEST(encoders, random_messages_survive_shuffled_keys) {
  test::seeded random;
  const auto frames = test::recorded_frames("recorded_frames.txt");
  for (int round = 0; round < 2'000; ++round) {
    const bytes frame = frames[random.below(frames.size())].frame();
    const auto original = decode<value::map>(bytes_view(frame).subspan(frame_header_bytes));
    std::vector<std::pair<value, value>> entries(original.begin(), original.end());
    std::ranges::shuffle(entries, random.engine());
    value::map shuffled;
    for (auto& [key, mapped] : entries) {
      if (random.below(5) == 0) shuffled.append("unknown " + std::to_string(shuffled.size()), value::array{1, nullptr});
      shuffled.append(key, mapped);
    }

    const bytes body = body_of(shuffled);
    buffer again;
    encode_envelope(again, decode_envelope(body));

    ASSERT_EQ(test::hex(again.view()), test::hex(frame));
  }
}

}  // namespace
}  // namespace tractor::msg
