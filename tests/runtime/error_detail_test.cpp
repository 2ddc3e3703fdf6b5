// SPDX-License-Identifier: Apache-2.0
//
// What of an error does not fit the reference's message: the members of a group, and the stack of the throw. It rides in a key of its
// own, for peers that say they know it.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "raw_peer.hpp"
#include "runtime_test.hpp"

namespace runtime_test {
namespace {

namespace msg = tractor::msg;
using tractor::exception_ptr_cast;
using tractor::remote_actor_error;

class error_detail_test : public runtime_test {};

// --- stacks ---

std::vector<std::string> functions(const std::vector<tractor::code_place>& stack) {
  std::vector<std::string> names;
  for (const auto& frame : tractor::symbolise_places(stack)) names.push_back(frame.function);
  return names;
}

TEST_F(error_detail_test, stack_of_the_throw_is_named_by_who_prints_it) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail_in_a_function>("a broken seal"); });
    RT_REQUIRE(error);
    const auto names = functions(error->stack());
    const auto at = [&](std::string_view part) {
      return std::ranges::find_if(names, [&](const std::string& each) { return each.find(part) != std::string::npos; }) - names.begin();
    };
    EXPECT_LT(at("check_the_seal"), at("open_the_box"));
    EXPECT_LT(at("open_the_box"), at("fail_in_a_function"));
    EXPECT_LT(at("fail_in_a_function"), std::ssize(names));
    const std::string text = error->what();
    EXPECT_THAT(text, ::testing::StartsWith("the task in actor 'worker' raised 'ValueError': a broken seal\n"));
    EXPECT_THAT(text, ::testing::ContainsRegex("\n \\|   thrown in .*check_the_seal.*\n \\|   called in .*open_the_box.*\n"));
    EXPECT_EQ(error->message(), "the task in actor 'worker' raised 'ValueError': a broken seal");
    co_await an.cancel();
  });
}

// The way on has nothing to add to it, and does not name it.
TEST_F(error_detail_test, stack_survives_every_hop) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await start(an, "top");
    co_await top.run<&kit::fail_below>(2, "out_of_range");
  });
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  ASSERT_FALSE(remote->stack().empty());
  EXPECT_THAT(functions(remote->stack()), ::testing::Contains(HasSubstr("kit::fail(")));
  EXPECT_THAT(remote->tb_str(), ::testing::Not(HasSubstr("thrown in")));
}

// --- groups ---

// S-ERR-7
TEST_F(error_detail_test, group_keeps_its_members) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("group", "of them"); });
    RT_REQUIRE(error);
    RT_REQUIRE(error->members().size() == 2);
    const auto* first = as<remote_actor_error>(error->members()[0]);
    const auto* second = as<remote_actor_error>(error->members()[1]);
    RT_REQUIRE(first != nullptr && second != nullptr);
    EXPECT_TRUE(first->is<std::invalid_argument>());
    EXPECT_EQ(first->fields().message, "first of them");
    EXPECT_EQ(first->src_uid(), worker.peer_uid());
    EXPECT_EQ(second->src_type_str(), "IndexError");
    EXPECT_TRUE(error->is<sc::exception_group>());
    try {
      error->rethrow_boxed();
    } catch (const sc::exception_group& group) {
      EXPECT_EQ(group.title(), "two");
      RT_REQUIRE(group.exceptions().size() == 2);
      EXPECT_NE(exception_ptr_cast<std::invalid_argument>(group.exceptions()[0]), nullptr);
      EXPECT_NE(exception_ptr_cast<std::out_of_range>(group.exceptions()[1]), nullptr);
    }
    co_await an.cancel();
  });
}

// S-ERR-3, S-ERR-7
TEST_F(error_detail_test, group_in_a_group_keeps_its_members_over_two_hops) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await start(an, "top");
    co_await top.run<&kit::fail_below>(1, "group_in_a_group");
  });
  const auto* outer = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, outer);
  EXPECT_EQ("ExceptionGroup", outer->src_type_str());
  ASSERT_EQ(outer->members().size(), 2U);
  const auto* inner = as<remote_actor_error>(outer->members()[0]);
  ASSERT_NE(nullptr, inner);
  ASSERT_EQ(inner->members().size(), 2U);
  EXPECT_EQ(as<remote_actor_error>(inner->members()[0])->src_uid().name, "hop1");
  const auto boxed = outer->boxed();
  const auto* group = exception_ptr_cast<sc::exception_group>(boxed);
  ASSERT_NE(nullptr, group);
  const auto* inner_group = exception_ptr_cast<sc::exception_group>(group->exceptions()[0]);
  ASSERT_NE(nullptr, inner_group);
  EXPECT_NE(exception_ptr_cast<kit::custom_error>(inner_group->exceptions()[0]), nullptr);
  EXPECT_NE(exception_ptr_cast<remote_actor_error>(inner_group->exceptions()[1]), nullptr) << "a type nobody registered stays remote";
}

// Some would be taken for all.
TEST_F(error_detail_test, too_many_members_are_told_of_by_the_text_alone) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("crowd", "one of many"); });
    RT_REQUIRE(error);
    EXPECT_TRUE(error->members().empty());
    EXPECT_EQ(error->boxed(), nullptr);
    EXPECT_THAT(error->what(), HasSubstr("crowd (65 errors)"));
    co_await an.cancel();
  });
}

TEST_F(error_detail_test, members_that_are_too_large_are_told_of_by_the_text_alone) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.run<&kit::fail>("group", std::string(tractor::error_members_bytes_max / 8, 'x')); });
    RT_REQUIRE(error);
    EXPECT_EQ(error->members().size(), 2U) << "each has its text twice, once in its trace";
    const auto larger = co_await catch_as<remote_actor_error>(
        [&] { return worker.run<&kit::fail>("group", std::string(tractor::error_members_bytes_max / 4, 'x')); });
    RT_REQUIRE(larger);
    EXPECT_EQ(larger->members().size(), 0U);
    co_await an.cancel();
  });
}

// --- on the wire ---

// The next frame's body, of a peer whose channel does not receive itself.
class frames {
 public:
  explicit frames(raw::raw_peer& peer) : stream_(peer.channel().stream()) {}
  sc::task<msg::bytes> next() {
    for (;;) {
      if (const auto body = splitter_.next()) co_return msg::bytes(body->begin(), body->end());
      const auto room = splitter_.writable_tail(4096);
      const std::size_t got = co_await stream_.receive_some(room);
      if (got == 0) co_return msg::bytes();
      splitter_.commit(got);
    }
  }

 private:
  sc::byte_stream& stream_;
  msg::frame_splitter splitter_;
};

void talk_to_actor(const raw::attack& talk) {
  tractor::testing::run_test([&] { return raw::attack_actor(tractor::ipc::tcp_address{"127.0.0.1", 0}, talk); });
}

// S-ERR-7
TEST_F(error_detail_test, peer_that_did_not_ask_sees_nothing_of_it) {
  for (const bool asks : {false, true}) {
    talk_to_actor([asks](raw::raw_peer& peer) -> sc::task<> {
      frames received(peer);
      peer.channel().send([&](msg::buffer& out) {
        msg::aid own{.name = raw::intruder.name, .uuid = raw::intruder.uuid};
        if (asks) own.extensions = {"something else", std::string(msg::error_detail_key)};
        msg::encode_aid(out, own);
      });
      static_cast<void>(co_await received.next());  // its Aid
      peer.send_start("f1", "hostile_target", "fail", {{"bytes", 10}});
      static_cast<void>(co_await received.next());  // StartAck
      const msg::bytes body = co_await received.next();
      EXPECT_EQ(msg::wire_name(msg::kind_of(msg::decode_envelope(body))), "Error");
      EXPECT_EQ(msg::find_key(body, msg::error_detail_key).has_value(), asks);
    });
  }
}

msg::value error_with_detail(const msg::value& detail) {
  return msg::value::map{{"msg_type", "Error"},
                         {"src_uid", msg::value::array{raw::intruder.name, raw::intruder.uuid}},
                         {"src_type_str", "ExceptionGroup"},
                         {"boxed_type_str", "ExceptionGroup"},
                         {"relay_path", msg::value::array{}},
                         {"message", "two"},
                         {"tb_str", ""},
                         {"cid", "m1"},
                         {"detail", detail}};
}

TEST_F(error_detail_test, detail_that_is_none_costs_the_channel) {
  const msg::value::map fields{{"src_uid", msg::value::array{"a", "b"}},
                               {"src_type_str", "ValueError"},
                               {"boxed_type_str", "ValueError"},
                               {"relay_path", msg::value::array{}}};
  const auto detail = [](const msg::value& members) {
    return msg::value(msg::value::map{{"title", "two"}, {"members", msg::value::array{members}}, {"stack", msg::value::array{}}});
  };
  msg::value nested = detail(msg::value::map{{"error", fields}, {"detail", detail(msg::value::map{})}});
  for (std::size_t depth = 0; depth < 12; ++depth) nested = detail(msg::value::map{{"error", fields}, {"detail", nested}});
  for (const msg::value& bad : {msg::value(7), msg::value(msg::value::map{{"title", "two"}}), detail(7), nested}) {
    talk_to_actor([&](raw::raw_peer& peer) -> sc::task<> {
      co_await peer.shake_hands();
      peer.send_start("m1", "hostile_target", "mirror");
      EXPECT_EQ(co_await peer.answer(), "StartAck");
      EXPECT_EQ(co_await peer.answer(), "Started");
      peer.send_frame(error_with_detail(bad));
      EXPECT_EQ(co_await peer.answer(), "closed") << bad.text();
    });
  }
}

}  // namespace
}  // namespace runtime_test
