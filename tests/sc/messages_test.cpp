// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's messages say where a part of what they tell is not known.

#include <csignal>

#include "sc/process_text.hpp"
#include "sc_test.hpp"
#include "tractor/sc/run_process.hpp"

namespace {

using namespace sc_test;

TEST(cancel_reason, text_says_what_is_known) {
  using sc::cancel_source;
  const auto text = [](cancel_source source, std::string why, std::string task, std::source_location where) {
    return sc::to_string(sc::cancel_reason{.source = source, .text = std::move(why), .task = std::move(task), .where = where});
  };
  const auto here = std::source_location::current();
  const std::string place = std::string(here.file_name()) + ":" + std::to_string(here.line());
  EXPECT_EQ(text(cancel_source::deadline, "", "", here), "deadline passed (set at " + place + ")");
  EXPECT_EQ(text(cancel_source::deadline, "", "", {}), "deadline passed");
  EXPECT_EQ(text(cancel_source::nursery_failed, "it failed", "t", here), "the nursery at " + place + " was cancelled because it failed");
  EXPECT_EQ(text(cancel_source::nursery_failed, "it failed", "t", {}), "the nursery was cancelled because it failed");
  EXPECT_EQ(text(cancel_source::run_shutdown, "enough", "", here), "the run was cancelled at " + place + ": enough");
  EXPECT_EQ(text(cancel_source::run_shutdown, "enough", "", {}), "the run was cancelled: enough");
  EXPECT_EQ(text(cancel_source::explicit_call, "enough", "t", here), "cancelled by task 't' at " + place + ": enough");
  EXPECT_EQ(text(cancel_source::explicit_call, "", "", {}), "cancelled");
}

TEST(command_text, is_what_one_would_type) {
  using sc::detail::command_text;
  EXPECT_EQ(command_text("run_process", {"ls", "-l", "a b", "", "it's"}), "run_process(ls -l 'a b' '' 'it'\\''s')");
  EXPECT_EQ(command_text("run_process", {}), "run_process()");
  const std::string cut = command_text("run_process", {std::string(sc::shown_command_bytes_max + 1, 'x'), "never shown"});
  EXPECT_TRUE(cut.ends_with("x…)")) << cut;
  const std::string many = command_text("run_process", std::vector<std::string>(10'000, "word"));
  EXPECT_LT(many.size(), sc::shown_command_bytes_max + 50);
}

TEST(process_failure_text, shows_the_end_of_stderr_line_by_line) {
  using sc::detail::process_failure_text;
  const sc::process_status failed{.exit_code = 3};
  EXPECT_EQ(process_failure_text("run_process(x)", failed, std::nullopt), "run_process(x) " + sc::to_string(failed));
  EXPECT_TRUE(process_failure_text("run_process(x)", failed, "").ends_with("and wrote nothing to stderr"));
  EXPECT_TRUE(process_failure_text("run_process(x)", failed, "one\ntwo\n").ends_with("the end of its stderr:\n  one\n  two"));
  EXPECT_TRUE(process_failure_text("run_process(x)", failed, "\none").ends_with(":\n  \n  one"));
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "line " + std::to_string(i) + "\n";
  const std::string cut = process_failure_text("run_process(x)", failed, lines);
  EXPECT_TRUE(cut.ends_with("\n  line 999")) << cut;
  EXPECT_FALSE(contains(cut, "line 100\n"));
}

TEST(process_status, text_says_how_it_ended) {
  EXPECT_EQ(sc::to_string(sc::process_status{.exit_code = 3}), "exited with status 3");
  EXPECT_EQ(sc::to_string(sc::process_status{.signal = SIGKILL}), "was killed by SIGKILL");
  EXPECT_EQ(sc::to_string(sc::process_status{.signal = SIGSEGV, .core_dumped = true}), "was killed by SIGSEGV, core dumped");
}

}  // namespace
