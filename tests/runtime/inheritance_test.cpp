// SPDX-License-Identifier: Apache-2.0
//
// What an actor has of the tree that it is started in, and what a root leaves to the one after it: nothing.

#include <cstdlib>

#include "runtime_test.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/runtime/detail/directory.hpp"

namespace inheriting {
namespace {

namespace sc = tractor::sc;

struct estate {
  bool root = false;
  std::vector<tractor::ipc::address> registry_addrs = {};
  tractor::msg::bytes secret_key = {};
  bool insecure = false;
  std::string loglevel = {};
  std::string log_spec = {};
  std::string socket_dir = {};
};

sc::task<estate> own() {
  tractor::actor& self = tractor::current_actor();
  estate has{.root = self.is_root(),
             .registry_addrs = self.directory().registry_addrs(),
             .insecure = self.insecure(),
             .loglevel = self.loglevel(),
             .log_spec = tractor::log_spec(),
             .socket_dir = self.socket_dir()};
  if (self.secret()) {
    const auto key = self.secret()->key();
    has.secret_key.assign(key.begin(), key.end());
  }
  co_return has;
}

// Of an actor that this one starts.
sc::task<estate> of_one_below(std::string method) {
  estate has;
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    const auto below =
        co_await an.start_actor("below", {.enable_modules = {"inheriting"}, .start_method = tractor::spawn::parse_start_method(method)});
    has = co_await below.run<&own>();
    co_await an.cancel();
  });
  co_return has;
}

constinit tractor::logger log_of_heir("inheriting");

sc::task<> log_one_of_each_level() {
  log_of_heir.debug("a debug record");
  log_of_heir.cancel("a cancel record");
  log_of_heir.critical("a critical record");
  co_return;
}

}  // namespace
}  // namespace inheriting

TRACTOR_MODULE(inheriting) {
  mod.def<&inheriting::own>("own");
  mod.def<&inheriting::of_one_below>("of_one_below", "method");
  mod.def<&inheriting::log_one_of_each_level>("log_one_of_each_level");
}

namespace runtime_test {
namespace {

class inheritance_test : public both_methods {
 protected:
  void SetUp() override {
    both_methods::SetUp();
    ::unsetenv("TRACTOR_LOGLEVEL");
  }
  [[nodiscard]] static actor_options heir() { return {.enable_modules = {"inheriting"}, .start_method = GetParam()}; }
  [[nodiscard]] static std::string method() { return tractor::spawn::to_string(GetParam()); }
};
RT_BOTH_METHODS(inheritance_test);

// S-RT-13, S-RTV-1: at any depth; only the root is that.
TEST_P(inheritance_test, actor_has_what_its_tree_shares) {
  const tractor::ipc::tree_secret secret("the secret of this tree");
  run([&]() -> sc::task<> {
    co_await tractor::open_nursery(
        [](actor_nursery& an) -> sc::task<> {
          const auto of_root = co_await inheriting::own();
          EXPECT_TRUE(of_root.root);
          EXPECT_EQ(1U, of_root.registry_addrs.size());
          EXPECT_FALSE(of_root.secret_key.empty());
          EXPECT_TRUE(of_root.insecure);
          EXPECT_EQ("cancel", of_root.log_spec);
          EXPECT_EQ(tractor::ipc::runtime_directory(), of_root.socket_dir);
          const auto child = co_await an.start_actor("child", heir());

          for (const auto& has : {co_await child.run<&inheriting::own>(), co_await child.run<&inheriting::of_one_below>(method())}) {
            EXPECT_FALSE(has.root);
            EXPECT_EQ(of_root.registry_addrs, has.registry_addrs);
            EXPECT_EQ(of_root.secret_key, has.secret_key);
            EXPECT_EQ(of_root.insecure, has.insecure);
            EXPECT_EQ("cancel", has.loglevel);
            EXPECT_EQ("cancel", has.log_spec);
            EXPECT_EQ(of_root.socket_dir, has.socket_dir);
          }
          co_await an.cancel();
        },
        tractor::root_options{.registry_addrs = std::vector<tractor::ipc::address>{tractor::ipc::tcp_address{"127.0.0.1", 0}},
                              .secret = secret,
                              .insecure = true,
                              .loglevel = "cancel"});
  });
}

// S-RT-13, S-ENV-1
// Reference: spawn::test_loglevel_propagated_to_subactor.
TEST_P(inheritance_test, level_that_an_actor_is_started_with_comes_before_that_of_its_tree) {
  for (const char* level : {"debug", "cancel", "critical"}) {
    ::testing::internal::CaptureStderr();
    run([&]() -> sc::task<> {
      co_await tractor::open_nursery(
          [&](actor_nursery& an) -> sc::task<> {
            auto with_level = heir();
            with_level.loglevel = level;
            const auto child = co_await an.start_actor("child", with_level);
            const auto sibling = co_await an.start_actor("sibling", heir());
            EXPECT_EQ(level, (co_await child.run<&inheriting::own>()).log_spec);
            EXPECT_EQ(level, (co_await child.run<&inheriting::of_one_below>(method())).log_spec);
            EXPECT_EQ("warning", (co_await sibling.run<&inheriting::own>()).log_spec);
            EXPECT_EQ("warning", tractor::log_spec());
            co_await child.run<&inheriting::log_one_of_each_level>();
            co_await an.cancel();
          },
          tractor::root_options{.loglevel = "warning"});
    });
    const std::string lines = ::testing::internal::GetCapturedStderr();
    const auto shown = [&](const char* record) { return lines.find(record) != std::string::npos; };
    EXPECT_EQ(std::string("debug") == level, shown("[DEBUG] inheriting")) << lines;
    EXPECT_EQ(std::string("critical") != level, shown("[CANCEL] inheriting")) << lines;
    EXPECT_TRUE(shown("[CRITICAL] inheriting")) << lines;
  }
}

// S-ENV-1
TEST_P(inheritance_test, level_of_the_environment_comes_before_both) {
  ::setenv("TRACTOR_LOGLEVEL", "runtime", 1);
  run([&]() -> sc::task<> {
    co_await tractor::open_nursery(
        [&](actor_nursery& an) -> sc::task<> {
          auto with_level = heir();
          with_level.loglevel = "critical";
          const auto child = co_await an.start_actor("child", with_level);
          EXPECT_EQ("runtime", (co_await child.run<&inheriting::own>()).log_spec);
          co_await an.cancel();
        },
        tractor::root_options{.loglevel = "error"});
  });
  ::unsetenv("TRACTOR_LOGLEVEL");
  tractor::set_log_level("error");
}

TEST_P(inheritance_test, level_that_is_none_is_refused_where_the_actor_is_started) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto wrong = heir();
    wrong.loglevel = "loud";
    const auto error = co_await catch_as<tractor::usage_error>([&] { return an.start_actor("worker", wrong); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("there is no log level 'loud'"));
    EXPECT_EQ(0U, an.actor_count());
  });
}

// S-RTV-3, S-RT-4: neither the root itself nor what it starts.
TEST_P(inheritance_test, nothing_of_a_root_is_there_in_the_next) {
  const auto of_a_tree = [](tractor::root_options options) {
    std::vector<inheriting::estate> all;
    run([&]() -> sc::task<> {
      co_await tractor::open_nursery(
          [&](actor_nursery& an) -> sc::task<> {
            const auto child = co_await an.start_actor("child", heir());
            all = {co_await inheriting::own(), co_await child.run<&inheriting::own>()};
            co_await an.cancel();
          },
          std::move(options));
    });
    EXPECT_EQ(2U, all.size());
    return all;
  };
  const auto before = of_a_tree({});
  const tractor::ipc::tree_secret secret("of the tree between");
  const auto between = of_a_tree({.name = "between",
                                  .registry_addrs = std::vector<tractor::ipc::address>{},
                                  .secret = secret,
                                  .insecure = true,
                                  .loglevel = "info",
                                  .control_socket = false});
  EXPECT_EQ(nullptr, tractor::current_actor_or_null());
  EXPECT_EQ("error", tractor::log_spec());

  const auto after = of_a_tree({});

  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NE(before[i].secret_key, between[i].secret_key);
    EXPECT_NE(before[i].log_spec, between[i].log_spec);
    EXPECT_EQ(before[i].registry_addrs, after[i].registry_addrs);
    EXPECT_EQ(before[i].secret_key, after[i].secret_key);
    EXPECT_EQ(before[i].insecure, after[i].insecure);
    EXPECT_EQ(before[i].loglevel, after[i].loglevel);
    EXPECT_EQ(before[i].log_spec, after[i].log_spec);
    EXPECT_EQ(before[i].socket_dir, after[i].socket_dir);
  }
}

}  // namespace
}  // namespace runtime_test
