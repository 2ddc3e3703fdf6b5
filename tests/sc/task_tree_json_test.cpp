// SPDX-License-Identifier: Apache-2.0

#include <nlohmann/json.hpp>

#include "sc_test.hpp"
#include "tractor/sc/task_tree.hpp"

namespace {

using namespace std::chrono_literals;
namespace sc = tractor::sc;
using sc::nursery;
using sc::task;

TRACTOR_TEST(task_tree_json, says_what_the_tree_says) {
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon({.name = "a \"quoted\"\n\x1b name, K\xc3\xbcrbis, \xff, \xed\xa0\x80"}, []() -> task<> { co_await sc::sleep_forever(); });
    co_await sc::sleep(2s);
    const auto tree = sc::task_tree();
    const auto json = nlohmann::json::parse(sc::to_json(tree));

    EXPECT_EQ(json["name"], "main");
    EXPECT_EQ(json["state"], "running");
    EXPECT_EQ(json["waiting_for"], "");
    EXPECT_TRUE(json["spawned_at"].is_null());
    EXPECT_EQ(json["children_omitted"], 0);
    TRACTOR_REQUIRE(json["children"].size() == 1);
    const auto& child = json["children"][0];
    EXPECT_EQ(child["name"], "a \"quoted\"\n\x1b name, K\xc3\xbcrbis, \xef\xbf\xbd, \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(child["id"], tree.children[0].id);
    EXPECT_EQ(child["state"], "waiting");
    EXPECT_EQ(child["waiting_for"], "sleep_forever");
    EXPECT_EQ(child["waiting"], 2'000'000'000);
    EXPECT_EQ(child["cancelled"], false);
    EXPECT_EQ(child["spawned_at"]["file"], __FILE__);
    TRACTOR_REQUIRE(!child["await_chain"].empty());
    EXPECT_EQ(child["await_chain"][0]["line"], tree.children[0].await_chain[0].line());
    n.cancel("seen");
  });
}

std::string name_in_json(std::string name) {
  sc::task_info task;
  task.name = std::move(name);
  return nlohmann::json::parse(sc::to_json(task))["name"];
}

TEST(task_tree_json, text_is_utf_8_whatever_the_name_was) {
  // The first and the last character of each length, and their neighbours that are none (RFC 3629).
  for (const char* whole : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                            "\xf0\x90\x80\x80", "\xf1\x80\x80\x80", "\xf4\x8f\xbf\xbf", "a\\b"})
    EXPECT_EQ(name_in_json(whole), whole);
  const std::string none = "\xef\xbf\xbd";
  const std::pair<const char*, int> broken[] = {{"\x80", 1},
                                                {"\xc1\xbf", 2},
                                                {"\xc2", 1},
                                                {"\xe0\x9f\xbf", 3},
                                                {"\xe1\x80", 2},
                                                {"\xed\xa0\x80", 3},
                                                {"\xf0\x8f\xbf\xbf", 4},
                                                {"\xf1\x80\x80", 3},
                                                {"\xf1\x80", 2},
                                                {"\xf1", 1},
                                                {"\xf4\x90\x80\x80", 4},
                                                {"\xf5\x80\x80\x80", 4}};
  for (const auto& [text, bytes] : broken) {
    std::string wanted;
    for (int i = 0; i < bytes; ++i) wanted += none;
    EXPECT_EQ(name_in_json(text), wanted) << ::testing::PrintToString(text);
    EXPECT_EQ(name_in_json(text + std::string("b")), wanted + "b") << ::testing::PrintToString(text);
  }
}

TEST(task_tree, every_state_has_a_name) {
  const auto here = std::source_location::current();
  sc::task_info tree;
  tree.name = "main";
  tree.state = sc::task_state::ended;
  sc::task_info ready, waiting;
  ready.id = 2;
  ready.name = "first";
  ready.cancelled = true;
  ready.spawned_at = here;
  waiting.id = 3;
  waiting.name = "second";
  waiting.state = sc::task_state::waiting;
  waiting.waiting_for = "event.wait";
  waiting.waiting = 7ms;
  waiting.await_chain = {here, here};
  waiting.children_omitted = 4;
  tree.children = {ready, waiting};
  const auto json = nlohmann::json::parse(sc::to_json(tree));
  EXPECT_EQ(json["state"], "ended");
  EXPECT_EQ(json["children"][0]["state"], "ready");
  EXPECT_EQ(json["children"][0]["cancelled"], true);
  EXPECT_EQ(json["children"][1]["await_chain"].size(), 2u);
  const std::string text = sc::to_text(tree);
  EXPECT_NE(text.find("- main [0] ended\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  - first [2] ready, cancelled, started at " + std::string(here.file_name())), std::string::npos) << text;
  EXPECT_NE(text.find("  - second [3] waits in event.wait since 7 ms\n"), std::string::npos) << text;
  EXPECT_NE(text.find("… and 4 more tasks"), std::string::npos) << text;
}

TEST(task_tree, of_a_run_says_whether_it_has_begun_and_whether_it_has_ended) {
  sc::runner run;
  EXPECT_THROW(static_cast<void>(sc::task_tree_of(run)), tractor::usage_error);
  run.start([]() -> task<> { co_return; });
  EXPECT_EQ(sc::task_tree_of(run).state, sc::task_state::ready);
  run.run_to_completion();
  EXPECT_EQ(sc::task_tree_of(run).state, sc::task_state::ended);
}

TEST(task_tree, text_that_is_too_long_ends_before_the_note_of_what_is_left_out) {
  sc::task_info tree;
  tree.name = std::string(sc::task_tree_text_max - 60, 'x');
  tree.children_omitted = 123'456;
  const std::string text = sc::to_text(tree);
  EXPECT_TRUE(text.ends_with("running\n…\n") || text.ends_with("ready\n…\n")) << text.substr(text.size() - 100);
}

}  // namespace
