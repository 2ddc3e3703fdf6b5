// SPDX-License-Identifier: Apache-2.0
//
// Errors that cross from actor to actor: their type, their text, where they began and whom they passed.

#include <algorithm>

#include "runtime_test.hpp"

namespace runtime_test {
namespace {

class remote_error_test : public runtime_test {};

using tractor::remote_actor_error;

struct mapping {
  const char* thrown;
  const char* name;
  const char* text;
};

// S-ERR-1, S-ERR-2, S-ERR-4, S-RPC-3
// Reference: errreg::TestRegErrTypesPlumbing::test_builtin_types_always_resolve,
// errreg::TestRegErrTypesPlumbing::test_tractor_native_types_resolve.
TEST_F(remote_error_test, every_type_travels_by_its_name) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const std::vector<mapping> mappings{
        {"invalid_argument", "ValueError", "why"}, {"out_of_range", "IndexError", "why"},
        {"system_error", "OSError", "why"},        {"os_error", "OSError", "why"},
        {"runtime_error", "RuntimeError", "why"},  {"overflow_error", "OverflowError", "why"},
        {"bad_alloc", "MemoryError", ""},          {"type_error", "TypeError", "why"},
        {"too_slow", "TooSlowError", "why"},       {"end_of_channel", "EndOfChannel", "why"},
        {"custom", "kit::custom_error", "why"},    {"int", "int", ""},
    };
    for (const auto& each : mappings) {
      const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>(each.thrown, "why"); });
      RT_REQUIRE(error);
      EXPECT_EQ(each.name, error->boxed_type_str());
      EXPECT_EQ(each.name, error->src_type_str());
      EXPECT_EQ(worker.peer_uid(), error->src_uid());
      EXPECT_EQ(std::vector{worker.peer_uid()}, error->relay_path());
      EXPECT_FALSE(error->is_inception());
      EXPECT_THAT(error->what(), HasSubstr(each.text));
      EXPECT_THAT(error->tb_str(), HasSubstr(each.name));
    }
    co_await an.cancel();
  });
}

// S-ERR-4: what came is an error of the type that was thrown, with its text.
// Reference: errreg::TestRegErrTypesPlumbing::test_register_and_lookup, errreg::TestRegErrTypesPlumbing::test_register_multiple_types,
// errreg::TestRegErrTypesPlumbing::test_builtin_types_always_resolve, errreg::TestRegErrTypesPlumbing::test_tractor_native_types_resolve,
// errreg::test_registered_custom_err_relayed, errreg::test_registered_another_err_relayed.
TEST_F(remote_error_test, known_types_come_back_as_themselves) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto failed = [&](std::string type) {
      return catch_as<remote_actor_error>([&, type] { return worker.run<&kit::fail>(type, "why"); });
    };
    const auto standard = co_await failed("invalid_argument");
    RT_REQUIRE(standard);
    EXPECT_TRUE(standard->is<std::invalid_argument>());
    EXPECT_TRUE(standard->is<std::logic_error>()) << "by its base";
    EXPECT_FALSE(standard->is<std::out_of_range>());
    try {
      standard->rethrow_boxed();
    } catch (const std::invalid_argument& original) {
      EXPECT_STREQ("why", original.what());
    }
    const auto own = co_await failed("custom");
    RT_REQUIRE(own);
    EXPECT_TRUE(own->is<kit::custom_error>());
    EXPECT_TRUE(own->is<std::runtime_error>());
    EXPECT_THROW(own->rethrow_boxed(), kit::custom_error);
    const auto named = co_await failed("out_of_paper");
    RT_REQUIRE(named);
    EXPECT_EQ("OutOfPaper", named->boxed_type_str());
    EXPECT_TRUE(named->is<kit::out_of_paper>());
    const auto of_tractor = co_await failed("too_slow");
    RT_REQUIRE(of_tractor);
    EXPECT_TRUE(of_tractor->is<sc::too_slow_error>());
    co_await an.cancel();
  });
}

// S-ERR-4: several types travel by one name. Which it was is known all the same, over any number of hops.
TEST_F(remote_error_test, types_that_share_a_name_are_told_apart) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    for (const int hops : {0, 2}) {
      const auto failed = [&](std::string type) {
        return catch_as<remote_actor_error>([&, type] { return worker.run<&kit::fail_below>(hops, type); });
      };
      const auto domain = co_await failed("domain_error");
      RT_REQUIRE(domain);
      EXPECT_EQ("ValueError", domain->src_type_str());
      EXPECT_TRUE(domain->is<std::domain_error>());
      EXPECT_TRUE(domain->is<std::logic_error>()) << "by its base";
      EXPECT_FALSE(domain->is<std::invalid_argument>());
      EXPECT_THROW(domain->rethrow_boxed(), std::domain_error);
      const auto usage = co_await failed("usage_error");
      RT_REQUIRE(usage);
      EXPECT_EQ("RuntimeError", usage->src_type_str());
      EXPECT_TRUE(usage->is<tractor::error>());
      EXPECT_THROW(usage->rethrow_boxed(), tractor::usage_error);
      const auto system = co_await failed("system_error");
      RT_REQUIRE(system);
      EXPECT_EQ("OSError", system->src_type_str());
      EXPECT_TRUE(system->is<std::system_error>());
      EXPECT_FALSE(system->is<tractor::os_error>());
      EXPECT_EQ(nullptr, system->boxed()) << "its code is not known";
      const auto os = co_await failed("os_error");
      RT_REQUIRE(os);
      EXPECT_TRUE(os->is<tractor::os_error>());
      EXPECT_FALSE(os->is<std::system_error>());
      const auto index = co_await failed("bad_index");
      RT_REQUIRE(index);
      EXPECT_EQ("IndexError", index->src_type_str());
      EXPECT_TRUE(index->is<kit::bad_index>());
      EXPECT_TRUE(index->is<std::out_of_range>());
      EXPECT_THROW(index->rethrow_boxed(), std::out_of_range);
    }
    co_await an.cancel();
  });
}

// S-ERR-4
TEST_F(remote_error_test, types_that_hold_no_more_than_a_text_are_made_anew) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto failed = [&](std::string type) {
      return catch_as<remote_actor_error>([&, type] { return worker.run<&kit::fail>(type, "why"); });
    };
    const auto length = co_await failed("length_error");
    RT_REQUIRE(length);
    EXPECT_TRUE(length->is<std::length_error>());
    EXPECT_TRUE(length->is<std::logic_error>());
    try {
      length->rethrow_boxed();
    } catch (const std::length_error& original) {
      EXPECT_STREQ("why", original.what());
    }
    const auto range = co_await failed("range_error");
    RT_REQUIRE(range);
    EXPECT_TRUE(range->is<std::runtime_error>());
    EXPECT_THROW(range->rethrow_boxed(), std::range_error);
    const auto lagged = co_await failed("lagged");
    RT_REQUIRE(lagged);
    EXPECT_TRUE(lagged->is<sc::lagged>());
    EXPECT_FALSE(lagged->is<tractor::error>()) << "what it holds beside its text is not sent, and its bases are not known";
    EXPECT_EQ(nullptr, lagged->boxed());
    co_await an.cancel();
  });
}

// S-ERR-4: a peer that does not say more is taken by its word.
TEST_F(remote_error_test, name_alone_stands_for_one_type) {
  tractor::msg::error_msg fields;
  fields.src_type_str = fields.boxed_type_str = "ValueError";
  const remote_actor_error bare(fields);
  const remote_actor_error too_long(fields, {.title = {}, .members = {}, .stack = {}, .type = std::string(2000, 'x')});

  EXPECT_TRUE(bare.is<std::invalid_argument>());
  EXPECT_FALSE(bare.is<std::domain_error>());
  EXPECT_TRUE(too_long.detail().type.empty());
}

// S-ERR-3, S-ERR-4
// Reference: errreg::test_registered_custom_err_relayed.
TEST_F(remote_error_test, known_type_comes_back_over_several_hops) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail_below>(2, "custom"); });
    RT_REQUIRE(error);
    EXPECT_EQ("RemoteActorError", error->boxed_type_str());
    EXPECT_TRUE(error->is<kit::custom_error>());
    co_await an.cancel();
  });
}

// S-ERR-5
// Reference: errreg::TestRegErrTypesPlumbing::test_unregistered_type_returns_none, errreg::test_unregistered_err_still_relayed.
TEST_F(remote_error_test, type_that_nobody_registered_is_known_by_its_name_only) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("unregistered", "why"); });
    RT_REQUIRE(error);
    EXPECT_EQ(nullptr, error->boxed());
    EXPECT_TRUE(error->is<kit::unregistered_error>());
    EXPECT_FALSE(error->is<std::runtime_error>()) << "its bases are not known";
    try {
      error->rethrow_boxed();
    } catch (const tractor::runtime_failure& unknown) {
      EXPECT_STREQ("kit::unregistered_error: why", unknown.what());
    }
    co_await an.cancel();
  });
}

// S-ERR-5
// Reference: errreg::TestRegErrTypesPlumbing::test_boxed_type_str_without_ipc_msg.
TEST_F(remote_error_test, type_of_no_error_is_unknown) { EXPECT_EQ("<unknown>", tractor::wire_type_name(nullptr)); }

// S-ERR-8
TEST_F(remote_error_test, text_says_who_raised_what_and_where) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("invalid_argument", "a bad thing"); });
    RT_REQUIRE(error);
    const std::string text = error->what();
    EXPECT_THAT(text, ::testing::StartsWith("the task in actor 'worker' raised 'ValueError': a bad thing\n"));
    EXPECT_THAT(text, HasSubstr("|_src_uid=worker@"));
    EXPECT_THAT(text, HasSubstr("+-- raised in worker@"));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("_relay_path")));
    co_await an.cancel();
  });
}

// S-ERR-8: the fields that say something, and no others; a box where there is a trace; all of it in one line.
TEST(remote_error_text, shows_what_is_known_and_nothing_else) {
  tractor::msg::error_msg fields;
  fields.src_uid = {.name = "worker", .uuid = "1111110000"};
  fields.src_type_str = fields.boxed_type_str = "ValueError";
  fields.relay_path = {fields.src_uid};
  EXPECT_STREQ("the task in actor 'worker' raised 'ValueError'\n |_src_uid=worker@111111", remote_actor_error(fields).what());
  EXPECT_EQ("remote_actor_error[ValueError](src_uid=worker@111111)", remote_actor_error(fields).one_line());

  fields.boxed_type_str = "RemoteActorError";
  fields.relay_path.push_back({.name = "middle", .uuid = "2222220000"});
  fields.sender = tractor::uid{.name = "sender", .uuid = "3333330000"};
  fields.cid = "c-1";
  fields.message = "a bad thing";
  fields.tb_str = "first\nlast\n";
  EXPECT_STREQ(
      "the task in actor 'worker' raised 'ValueError': a bad thing\n"
      " |_src_uid=worker@111111\n"
      " |_cid=c-1\n"
      " |_src_type=ValueError\n"
      " |_boxed_type=RemoteActorError\n"
      " |_relay_path=worker@111111 -> middle@222222\n"
      " |_sender=sender@333333\n"
      " +-- passed on by middle@222222\n"
      " | first\n"
      " | last\n"
      " +--",
      remote_actor_error(fields).what());

  tractor::msg::error_msg cancelled;
  cancelled.src_uid = fields.src_uid;
  cancelled.src_type_str = cancelled.boxed_type_str = "ContextCancelled";
  cancelled.canceller = fields.sender;
  EXPECT_STREQ("the task in actor 'worker' was cancelled by actor 'sender'\n |_src_uid=worker@111111\n |_canceller=sender@333333",
               tractor::context_cancelled(cancelled).what());
  EXPECT_EQ("context_cancelled[ContextCancelled](src_uid=worker@111111, canceller=sender@333333)",
            tractor::context_cancelled(cancelled).one_line());
}

// S-ERR-6, S-ERR-7: of no class of its own.
TEST_F(remote_error_test, group_crosses_as_one_error_that_names_its_members) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("group", "of them"); });
    RT_REQUIRE(error);
    EXPECT_EQ("ExceptionGroup", error->boxed_type_str());
    EXPECT_EQ(typeid(remote_actor_error), typeid(*error.error));
    EXPECT_THAT(error->what(), HasSubstr("first of them"));
    EXPECT_THAT(error->what(), HasSubstr("second of them"));
    co_await an.cancel();
  });
}

// An error whose text cannot be sent as it is must not become silence.
TEST_F(remote_error_test, text_that_is_not_utf8_is_sent_escaped) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail_with_bytes>(); });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("bytes \\xff\\xfe"));
    co_await an.cancel();
  });
}

TEST_F(remote_error_test, text_without_bound_is_cut) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.run<&kit::fail>("runtime_error", std::string(2 * tractor::error_text_bytes_max, 'x')); });
    RT_REQUIRE(error);
    EXPECT_GT(tractor::error_text_bytes_max + 100, error->fields().message->size());
    co_await an.cancel();
  });
}

class relay_test : public remote_error_test, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(over, relay_test, ::testing::Values(1, 2, 3),
                         [](const auto& info) { return std::to_string(info.param + 1) + "_hops"; });

// S-ERR-2, S-ERR-3, S-NUR-14, S-NUR-22
TEST_P(relay_test, origin_and_path_survive) {
  const auto error = outcome_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await start(an, "top");
    co_await top.run<&kit::fail_below>(GetParam(), "out_of_range");
  });
  const auto* remote = as<remote_actor_error>(error);
  ASSERT_NE(nullptr, remote);
  EXPECT_EQ("IndexError", remote->src_type_str());
  EXPECT_EQ("RemoteActorError", remote->boxed_type_str());
  EXPECT_TRUE(remote->is_inception());
  EXPECT_EQ("hop1", remote->src_uid().name);
  ASSERT_EQ(static_cast<std::size_t>(GetParam()) + 1, remote->relay_path().size());
  EXPECT_EQ(remote->src_uid(), remote->relay_path().front());
  EXPECT_EQ("top", remote->relay_path().back().name);
  EXPECT_EQ(remote->relay_path().back(), remote->relay_uid());
  EXPECT_THAT(remote->what(), HasSubstr("deep down"));
  EXPECT_THAT(remote->what(), HasSubstr("_relay_path=hop1@"));
  // The stack is that of who threw.
  const std::string text = remote->what();
  EXPECT_THAT(text, HasSubstr(" +-- passed on by " + tractor::to_string(remote->relay_uid()) + "\n"));
  if (remote->stack().empty()) return;  // a sanitizer's runtime throws past us
  const std::string box = " +-- thrown in " + tractor::to_string(remote->src_uid()) + "\n";
  ASSERT_NE(std::string::npos, text.find(box));
  EXPECT_EQ(text.find("  thrown in "), text.rfind("  thrown in "));
  EXPECT_LT(text.find(box), text.find("  thrown in "));
}

// S-RPC-13, S-CTX-76: an actor in which somebody raised it ends.
TEST_F(remote_error_test, keyboard_interrupt_in_a_task_ends_its_actor) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::fail>("keyboard_interrupt", "^C"); });
    RT_REQUIRE(error);
    EXPECT_EQ("KeyboardInterrupt", error->boxed_type_str());
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
}

}  // namespace
}  // namespace runtime_test
