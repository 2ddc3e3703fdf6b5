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

// Where the library is linked into a program with AddressSanitizer, as it is here, the sanitizer's __cxa_throw is taken.
#if defined(__has_feature) && __has_feature(address_sanitizer)
constexpr bool stacks_are_kept = false;
#else
constexpr bool stacks_are_kept = true;
#endif

class error_detail_test : public runtime_test {};

// --- stacks ---

std::vector<std::string> functions(const std::vector<tractor::code_place>& stack) {
  std::vector<std::string> names;
  for (const auto& frame : tractor::symbolise_places(stack)) names.push_back(frame.function);
  return names;
}

TEST_F(error_detail_test, stack_of_the_throw_is_named_by_who_prints_it) {
  if (!stacks_are_kept) GTEST_SKIP() << "a sanitizer throws";
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
  if (!stacks_are_kept) GTEST_SKIP() << "a sanitizer throws";
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

// Who passes an error on has no use for its text, and does not load what names functions.
TEST_F(error_detail_test, who_does_not_print_it_does_not_name_it) {
  RT_NEEDS_PROCESSES("it looks at what one has mapped");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await start(an, "top");
    const auto error = co_await catch_as<remote_actor_error>([&] { return top.run<&kit::fail_below>(2, "out_of_range"); });
    RT_REQUIRE(error);
    EXPECT_FALSE(co_await top.run<&kit::has_mapped>("libdw"));
    EXPECT_TRUE(co_await top.run<&kit::has_mapped>("libc.so"));
    co_await an.cancel();
  });
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
      EXPECT_EQ(msg::find_key(body, msg::error_detail_key).has_value(), asks && stacks_are_kept);
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

TEST_F(error_detail_test, detail_that_is_none_costs_the_channel_of_who_said_that_it_knows_it) {
  const auto detail = [](const msg::value& members) {
    return msg::value(msg::value::map{{"title", "two"}, {"members", msg::value::array{members}}, {"stack", msg::value::array{}}});
  };
  for (const bool announced : {true, false})
    for (const msg::value& bad : {msg::value(7), msg::value(msg::value::map{{"title", 2}}), detail(7), detail(msg::value::map{})}) {
      talk_to_actor([&](raw::raw_peer& peer) -> sc::task<> {
        peer.channel().send([&](msg::buffer& out) {
          msg::aid own{.name = raw::intruder.name, .uuid = raw::intruder.uuid};
          if (announced) own.extensions = {std::string(msg::error_detail_key)};
          msg::encode_aid(out, own);
        });
        EXPECT_EQ(co_await peer.answer(), "Aid");
        peer.send_start("m1", "hostile_target", "mirror");
        EXPECT_EQ(co_await peer.answer(), "StartAck");
        EXPECT_EQ(co_await peer.answer(), "Started");
        peer.send_frame(error_with_detail(bad));
        EXPECT_EQ(co_await peer.answer(), announced ? "closed" : "Error:RemoteActorError") << bad.text();
      });
    }
}

// --- bounds ---

const tractor::uid here{.name = "here", .uuid = "5f0c2f6e-0000-4000-8000-000000000002"};

std::exception_ptr leaf() { return std::make_exception_ptr(std::invalid_argument("leaf")); }
std::exception_ptr group_of(std::vector<std::exception_ptr> members) {
  return std::make_exception_ptr(sc::exception_group("group", std::move(members)));
}
std::exception_ptr nested(std::size_t groups) {
  std::exception_ptr error = leaf();
  for (std::size_t i = 0; i < groups; ++i) error = group_of({error, leaf()});
  return error;
}

// As another actor gets it.
std::exception_ptr sent(const std::exception_ptr& error) {
  return tractor::unpack_error(tractor::pack_error(error, here, std::nullopt), tractor::pack_error_detail(error, here));
}
const std::vector<std::exception_ptr>& members(const std::exception_ptr& error) {
  return exception_ptr_cast<remote_actor_error>(error)->members();
}
// How many groups lie in each other whose members are known.
std::size_t depth(const std::exception_ptr& error) { return members(error).empty() ? 0 : 1 + depth(members(error).front()); }

TEST_F(error_detail_test, members_are_sent_to_a_depth) {
  EXPECT_EQ(depth(sent(nested(tractor::error_depth_max))), tractor::error_depth_max);
  EXPECT_EQ(depth(sent(nested(tractor::error_depth_max + 3))), tractor::error_depth_max);
}

// One that came from elsewhere may be as deep as allowed, and lie in another group here.
TEST_F(error_detail_test, depth_is_bounded_on_the_way_on_too) {
  const std::exception_ptr received = sent(nested(tractor::error_depth_max));
  EXPECT_EQ(depth(sent(received)), tractor::error_depth_max);
  const std::exception_ptr passed_on = sent(group_of({received, leaf()}));
  ASSERT_EQ(members(passed_on).size(), 2U);
  EXPECT_EQ(depth(passed_on), 1U) << "a group whose members would lie too deep has none";
}

TEST_F(error_detail_test, members_are_counted_with_those_of_the_groups_in_them) {
  const auto many = [](std::size_t count) { return group_of(std::vector(count, leaf())); };
  EXPECT_EQ(members(sent(many(tractor::error_members_max))).size(), tractor::error_members_max);
  EXPECT_EQ(members(sent(many(tractor::error_members_max + 1))).size(), 0U);
  // One whose members do not fit is still a member itself.
  const std::exception_ptr mixed = sent(group_of({many(tractor::error_members_max + 1), leaf()}));
  ASSERT_EQ(members(mixed).size(), 2U);
  EXPECT_EQ(members(members(mixed)[0]).size(), 0U);
  const std::exception_ptr both = sent(group_of({many(40), many(40)}));
  ASSERT_EQ(members(both).size(), 2U);
  EXPECT_EQ(members(members(both)[0]).size(), 40U);
  EXPECT_EQ(members(members(both)[1]).size(), 0U);
  const std::exception_ptr passed_on = sent(group_of({sent(many(40)), sent(many(40))}));
  ASSERT_EQ(members(passed_on).size(), 2U);
  EXPECT_EQ(members(members(passed_on)[0]).size(), 40U);
  EXPECT_EQ(members(members(passed_on)[1]).size(), 0U);
}

// What a peer sends beyond what ours would is not kept.
TEST_F(error_detail_test, what_is_received_is_bounded) {
  msg::error_msg fields;
  fields.src_type_str = fields.boxed_type_str = "ValueError";
  msg::error_detail detail;
  detail.stack.assign(100'000, tractor::code_place{.module = "/lib/x", .offset = 1});
  detail.stack[3].module.assign(100'000, 'x');
  const std::exception_ptr long_stack = tractor::unpack_error(fields, detail);
  EXPECT_EQ(exception_ptr_cast<remote_actor_error>(long_stack)->stack().size(), 31U) << "32, without the one of no possible file";
  msg::buffer member;
  msg::encode(member, msg::error_member{.error = fields, .detail = {}});
  detail = {.title = "many", .members = std::vector(tractor::error_members_max + 1, msg::raw(member.view())), .stack = {}};
  EXPECT_TRUE(members(tractor::unpack_error(fields, detail)).empty());
  detail.members.resize(tractor::error_members_max);
  EXPECT_EQ(members(tractor::unpack_error(fields, detail)).size(), tractor::error_members_max);
  for (std::size_t i = 0; i < 20; ++i) {
    msg::buffer deeper;
    detail.members.resize(1);
    msg::encode(deeper, msg::error_member{.error = fields, .detail = detail});
    detail.members = {msg::raw(deeper.view())};
  }
  EXPECT_EQ(depth(tractor::unpack_error(fields, detail)), tractor::error_depth_max);
}

}  // namespace
}  // namespace runtime_test
