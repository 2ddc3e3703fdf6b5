// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "tractor/base/error.hpp"

namespace tractor {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constinit logger shop("shop");
constinit logger orders("shop.orders");
constinit logger late("shop.orders.late");
constinit logger shopping("shopping");

class log_test : public testing::Test {
 protected:
  void SetUp() override { set_log_level("error"); }
  void TearDown() override {
    ::unsetenv("TRACTOR_LOGLEVEL");
    set_log_format(log_format::text);
    set_log_level("error");
  }
  // What `say` writes to stderr.
  static std::string shown(const auto& say) {
    testing::internal::CaptureStderr();
    say();
    return testing::internal::GetCapturedStderr();
  }
};

// S-LOG-1
TEST_F(log_test, levels_have_the_numbers_and_names_of_the_reference) {
  const std::pair<const char*, int> known[] = {{"TRANSPORT", 5}, {"DEBUG", 10},    {"RUNTIME", 15}, {"DEVX", 17},
                                               {"INFO", 20},     {"IO", 21},       {"CANCEL", 22},  {"WARNING", 30},
                                               {"ERROR", 40},    {"CRITICAL", 50}, {"PDB", 500}};
  for (const auto& [name, number] : known) {
    EXPECT_EQ(number, static_cast<int>(log_level_named(name)));
    EXPECT_EQ(name, log_level_name(static_cast<log_level>(number)));
  }
  EXPECT_EQ(log_level::cancel, log_level_named("cancel"));
  EXPECT_EQ(33, static_cast<int>(log_level_named("33")));
  EXPECT_EQ("level 33", log_level_name(static_cast<log_level>(33)));
}

// S-LOG-1, S-LOG-13
TEST_F(log_test, default_is_error_and_the_debugger_is_always_seen) {
  EXPECT_EQ("error", log_spec());
  EXPECT_FALSE(shop.enabled(log_level::warning));
  EXPECT_TRUE(shop.enabled(log_level::error));
  set_log_level("critical");
  EXPECT_TRUE(shop.enabled(log_level::pdb));
  set_log_level("info");
  EXPECT_TRUE(shop.enabled(log_level::io));
}

// S-LOG-2
TEST_F(log_test, level_can_be_added_and_changed) {
  add_log_level("GOSSIP", static_cast<log_level>(12), log_color::purple);
  EXPECT_EQ(12, static_cast<int>(log_level_named("gossip")));
  add_log_level("RUMOUR", static_cast<log_level>(12), log_color::red);  // the same number, in place
  EXPECT_EQ("RUMOUR", log_level_name(static_cast<log_level>(12)));
  EXPECT_THROW(static_cast<void>(log_level_named("gossip")), usage_error);
  set_log_level("rumour");
  EXPECT_THAT(shown([] { shop.log(static_cast<log_level>(12), "psst"); }), HasSubstr("[RUMOUR]"));
  EXPECT_THROW(add_log_level("", static_cast<log_level>(13)), usage_error);
}

// S-LOG-3
TEST_F(log_test, record_tells_when_who_what_and_where) {
  set_log_level("info");
  const std::string line = shown([] { orders.info("order ", 7, " of ", 2.5, " is ", true, '!'); });
  EXPECT_THAT(line, ContainsRegex("^[A-Z][a-z][a-z] [0-9 ][0-9] [0-9:]+ \\(no actor context, [0-9]+, no task context\\) \\[INFO\\] "
                                  "shop.orders log_test.cpp:[0-9]+ order 7 of 2.5 is true!\n$"));
}

// S-LOG-4: stderr is no terminal here.
TEST_F(log_test, colour_is_for_terminals) {
  EXPECT_THAT(shown([] { shop.error("red"); }), Not(HasSubstr("\x1b")));
}

// S-LOG-5, S-LOG-11
TEST_F(log_test, part_has_the_level_of_its_longest_name_and_comes_once) {
  set_log_level("warning");
  set_log_level("shop:info,shop.orders:cancel");
  EXPECT_EQ("shop:info,shop.orders:cancel", log_spec());
  EXPECT_TRUE(shop.enabled(log_level::info));
  EXPECT_FALSE(orders.enabled(log_level::info));
  EXPECT_TRUE(late.enabled(log_level::cancel));
  EXPECT_FALSE(late.enabled(log_level::io));
  EXPECT_FALSE(shopping.enabled(log_level::info)) << "a name that only begins alike is no part of it";
  EXPECT_TRUE(shopping.enabled(log_level::warning));
  const std::string lines = shown([] { late.cancel("once"); });
  EXPECT_EQ(lines.find("once"), lines.rfind("once"));
}

// S-LOG-10
TEST_F(log_test, spec_that_is_none_is_refused_and_changes_nothing) {
  set_log_level("shop:info");
  for (const char* wrong : {"loud", "info,shop:debug", "shop:", ":info", "shop:info,,", "shop:loud", "shop:info,orders"}) {
    EXPECT_THROW(set_log_level(wrong), usage_error) << wrong;
    EXPECT_EQ("shop:info", log_spec()) << wrong;
  }
  set_log_level("");
  set_log_level("  shop:info , shopping:debug ");
  EXPECT_EQ("shop:info,shopping:debug", log_spec());
  set_log_level("debug");
  EXPECT_EQ("debug", log_spec());
}

// S-ENV-1
TEST_F(log_test, environment_has_the_last_word) {
  ::setenv("TRACTOR_LOGLEVEL", "transport", 1);
  set_log_level("critical");
  EXPECT_TRUE(shop.enabled(log_level::transport));
  ::setenv("TRACTOR_LOGLEVEL", "shop.orders:debug", 1);
  set_log_level("critical");
  EXPECT_TRUE(orders.enabled(log_level::debug));
  EXPECT_FALSE(shop.enabled(log_level::error));
  ::setenv("TRACTOR_LOGLEVEL", "loud", 1);
  set_log_level("critical");
  EXPECT_THAT(shown([] { EXPECT_TRUE(shop.enabled(log_level::critical)); }), HasSubstr("TRACTOR_LOGLEVEL: there is no log level 'loud'"));
}

TEST_F(log_test, scope_sets_levels_and_puts_back_what_was_there) {
  set_log_level("warning");
  set_log_level("shop:info");
  {
    const log_level_scope debug("debug");
    EXPECT_EQ("debug", log_spec());
    const log_level_scope nothing("");
    EXPECT_EQ("debug", log_spec());
    EXPECT_THROW(log_level_scope("loud"), usage_error);
    EXPECT_EQ("debug", log_spec());
  }
  EXPECT_EQ("shop:info", log_spec());
  EXPECT_TRUE(shop.enabled(log_level::info));
  EXPECT_FALSE(shopping.enabled(log_level::info));
  EXPECT_TRUE(shopping.enabled(log_level::warning));
}

TEST_F(log_test, spec_is_checked_without_being_set) {
  check_log_spec("");
  check_log_spec("shop:debug");
  EXPECT_THROW(check_log_spec("shop:loud"), usage_error);
  EXPECT_EQ("error", log_spec());
}

struct never_rendered {};
int rendered = 0;
void log_append(std::string& to, const never_rendered&) {
  ++rendered;
  to += "rendered";
}

// S-LOG-12, S-CHN-3: a channel logs no payload at all.
TEST_F(log_test, suppressed_record_is_not_rendered) {
  EXPECT_EQ("", shown([] { shop.info("value ", never_rendered()); }));
  EXPECT_EQ(0, rendered);
  EXPECT_THAT(shown([] { shop.error("value ", never_rendered()); }), HasSubstr("value rendered"));
  EXPECT_EQ(1, rendered);
}

// S-LZY-5: the compiler makes it (or this does not compile), so a start runs nothing for it, nor does an exit; it looks its level up when
// it is first asked.
TEST_F(log_test, logger_costs_nothing_until_it_is_asked) {
  static_assert(std::is_trivially_destructible_v<logger>);
  set_log_level("made:info");

  static constinit logger made("made.by.the.compiler");

  EXPECT_EQ("made.by.the.compiler", made.name());
  EXPECT_TRUE(made.enabled(log_level::info));
}

TEST_F(log_test, json_is_one_object_a_line) {
  set_log_format(log_format::json);
  const std::string line = shown([] { orders.error("a \"quoted\"\nline\t", 3); });
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto record = nlohmann::json::parse(line);
  EXPECT_EQ("a \"quoted\"\nline\t3", record["message"]);
  EXPECT_EQ("ERROR", record["level"]);
  EXPECT_EQ("shop.orders", record["logger"]);
  EXPECT_EQ("log_test.cpp", record["file"]);
  EXPECT_FALSE(record.contains("actor"));
}

TEST_F(log_test, lines_of_one_record_are_told_from_the_next) {
  EXPECT_THAT(shown([] { shop.error("first\nsecond"); }), HasSubstr("first\n  second\n"));
}

TEST_F(log_test, message_is_cut_at_its_bound) {
  const std::string line = shown([] { shop.error(std::string(2 * log_line_bytes_max, 'x')); });
  EXPECT_LT(line.size(), log_line_bytes_max + 300);
  EXPECT_THAT(line, HasSubstr("x…"));
}

// Whatever is logged: a name of a file, what a peer has sent.
TEST_F(log_test, json_is_json_where_the_message_is_no_utf8_and_where_it_is_cut) {
  set_log_format(log_format::json);
  const auto message = [](const std::string& said) { return nlohmann::json::parse(shown([&] { shop.error(said); }))["message"]; };
  EXPECT_EQ("a\ufffdb", message("a\xff"
                                "b"));
  for (const char* before : {"", "x", "xx"}) {
    std::string said = before;
    while (said.size() <= log_line_bytes_max) said += "…";
    const std::string cut = message(said);
    EXPECT_LE(cut.size(), log_line_bytes_max + 3);
    EXPECT_EQ(said.substr(0, cut.size()), cut) << "characters are whole";
  }
}

}  // namespace
}  // namespace tractor
