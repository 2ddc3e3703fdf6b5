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

}  // namespace
