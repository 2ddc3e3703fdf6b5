// SPDX-License-Identifier: Apache-2.0
//
// What an actor is when it has booted: its identity, its world, its place in the tree.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/sc/finally.hpp"

namespace breaking {
namespace {

namespace sc = tractor::sc;

// A part of the actor's own runtime fails.
sc::task<> break_the_runtime() {
  tractor::current_actor().service().start_soon([]() -> sc::task<> {
    throw std::runtime_error("of the runtime");
    co_return;
  });
  co_await sc::sleep_forever();
}

}  // namespace
}  // namespace breaking

TRACTOR_MODULE(breaking) { mod.def<&breaking::break_the_runtime>("break_the_runtime"); }

namespace runtime_test {
namespace {

class boot_test : public both_methods {};
RT_BOTH_METHODS(boot_test);

// S-NUR-1, S-NUR-4, S-RT-20, S-MSG-12: the pid that the parent knows is the child's.
TEST_P(boot_test, actors_of_one_name_are_told_apart_by_uuid_and_pid) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto first = co_await an.start_actor("twin", options());
    auto second = co_await an.start_actor("twin", options());
    EXPECT_EQ(2U, an.actor_count());

    const auto one = co_await first.run<&kit::who>();
    const auto two = co_await second.run<&kit::who>();

    EXPECT_EQ("twin", one.name);
    EXPECT_EQ("twin", first.name());
    EXPECT_EQ(first.peer_uid().uuid, one.uuid);
    EXPECT_EQ(second.peer_uid().uuid, two.uuid);
    EXPECT_NE(one.uuid, two.uuid);
    EXPECT_EQ(36U, one.uuid.size());
    EXPECT_EQ(first.pid(), one.pid);
    EXPECT_EQ(second.pid(), two.pid);
    EXPECT_NE(one.pid, two.pid);
    EXPECT_NE(::getpid(), one.pid);
    EXPECT_FALSE(one.root);
    EXPECT_TRUE(tractor::current_actor().is_root());
    co_await an.cancel();
  });
}

// S-NUR-5: with the nursery and among the peers, from its start until its process is gone.
TEST_P(boot_test, actor_is_listed_until_it_is_reaped) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    const watched_process process(static_cast<pid_t>(*worker.pid()));
    const auto is_peer = [&] {
      return std::ranges::any_of(tractor::current_actor().peers(),
                                 [&](const auto& each) { return each->remote_uid() == worker.peer_uid(); });
    };
    EXPECT_EQ(1U, an.actor_count());
    EXPECT_TRUE(is_peer());

    co_await an.cancel();
    for (; an.actor_count() != 0; co_await sc::checkpoint()) EXPECT_TRUE(is_peer());

    EXPECT_TRUE(process.gone());
    EXPECT_FALSE(is_peer());
    EXPECT_EQ(0U, tractor::current_actor().peer_count());
  });
}

std::string text_of_process(int pid, const char* file) {
  std::ifstream of("/proc/" + std::to_string(pid) + "/" + file);
  std::string text;
  std::getline(of, text);
  return text;
}

// S-RT-21, S-PRC-1, S-PRC-2: in /proc, for tools; of its comm the kernel shows the beginning. The root's is the program's own.
TEST_P(boot_test, title_names_actor_and_pid) {
  const std::string own = text_of_process(::getpid(), "cmdline");
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("some worker", options());
    const auto self = co_await worker.run<&kit::who>();
    EXPECT_EQ("_subactor[some worker@" + std::to_string(self.pid) + "]", self.title);
    EXPECT_EQ(self.title, text_of_process(self.pid, "cmdline").c_str());
    EXPECT_EQ("_subactor[some ", text_of_process(self.pid, "comm"));
    EXPECT_EQ(own, text_of_process(::getpid(), "cmdline"));
    co_await an.cancel();
  });
  EXPECT_THAT(own, ::testing::Not(HasSubstr("_subactor")));
}

// S-NUR-3
// Reference: rpc::test_rpc_errors.
TEST_P(boot_test, unknown_module_is_refused_before_anything_starts) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto wrong = options();
    wrong.enable_modules.emplace_back("no_such_module");
    const auto error = co_await catch_as<tractor::module_not_exposed>([&] { return an.start_actor("worker", wrong); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("no TRACTOR_MODULE of that name was linked into this program"));
    EXPECT_EQ(0U, an.actor_count());
  });
}

// S-RT-12, S-NUR-22, S-KIL-1
TEST_P(boot_test, nested_actors_are_as_good_as_first_ones) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await an.start_actor("top", options());

    const auto chain = co_await top.run<&kit::chain>(3, tractor::spawn::to_string(GetParam()));

    RT_REQUIRE(chain.size() == 4U);
    EXPECT_EQ("top", chain[0].name);
    EXPECT_EQ("level3", chain[1].name);
    EXPECT_EQ("level1", chain[3].name);
    for (std::size_t i = 1; i < chain.size(); ++i) {
      EXPECT_NE(chain[i - 1].pid, chain[i].pid);
      if (GetParam() == start_method::exec)
        EXPECT_EQ(chain[i - 1].pid, chain[i].parent_pid);
      else
        EXPECT_EQ(chain[0].parent_pid, chain[i].parent_pid) << "the fork server stays the parent of all";
    }
    co_await an.cancel();
  });
}

// An actor of one kind may start one of the other.
TEST_P(boot_test, methods_can_be_mixed_in_a_tree) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto top = co_await an.start_actor("top", options());
    const bool forked = GetParam() == start_method::forkserver;
    const auto chain = co_await top.run<&kit::chain>(2, forked ? "exec" : "forkserver");
    EXPECT_EQ(3U, chain.size());
    co_await an.cancel();
  });
}

struct world_restorer {
  std::filesystem::path directory = std::filesystem::current_path();
  mode_t mask = ::umask(022);
  rlimit descriptors{};
  world_restorer() { ::getrlimit(RLIMIT_NOFILE, &descriptors); }
  ~world_restorer() {
    std::filesystem::current_path(directory);
    ::umask(mask);
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    ::unsetenv("RT_VARIABLE");
  }
};

// S-NUR-2
TEST_P(boot_test, world_is_the_requesters_at_the_call) {
  const world_restorer at_exit;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto early = co_await an.start_actor("early", options());  // whatever the fork server has noted, it notes again
    std::filesystem::current_path(left_behind().temporary_directory());
    ::umask(027);
    ::setenv("RT_VARIABLE", "set late", 1);
    rlimit fewer = at_exit.descriptors;
    fewer.rlim_cur = 200;
    ::setrlimit(RLIMIT_NOFILE, &fewer);
    const tractor::unique_fd secret(::open("/dev/null", O_RDONLY));

    auto worker = co_await an.start_actor("worker", options());
    auto own = options();
    own.environment = {{.name = "RT_VARIABLE", .value = "for me"}};
    auto special = co_await an.start_actor("special", own);
    own.environment = {{.name = "RT_VARIABLE"}};
    auto without = co_await an.start_actor("without", own);

    const auto found = co_await worker.run<&kit::world>();
    EXPECT_EQ(left_behind().temporary_directory(), found.directory);
    EXPECT_EQ(027U, found.umask);
    EXPECT_EQ(200U, found.descriptors_max);
    EXPECT_EQ("set late", found.variable);
    EXPECT_EQ("/dev/null", found.input);
    EXPECT_EQ("for me", (co_await special.run<&kit::world>()).variable);
    EXPECT_EQ(std::nullopt, (co_await without.run<&kit::world>()).variable);
    EXPECT_EQ(std::nullopt, (co_await early.run<&kit::world>()).variable);
    EXPECT_GE(12U, found.descriptors.size()) << "descriptors leaked into the child";
    co_await an.cancel();
  });
}

// S-RT-1
// Reference: root::test_only_one_root_actor.
TEST_P(boot_test, second_runtime_in_an_actor_is_refused) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", options());
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] { return worker.run<&kit::open_second_root>(); });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeFailure", error->boxed_type_str());
    co_await an.cancel();
  });
}

// S-RT-15
// Reference: runtime::test_lifetime_stack_wipes_tmpfile.
TEST_P(boot_test, exit_callbacks_run_however_the_actor_is_ended) {
  const std::string by_request = left_behind().temporary_directory() + "/one";
  const std::string by_failure = left_behind().temporary_directory() + "/two";
  const auto error = outcome_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto one = co_await an.start_actor("one", options());
    auto two = co_await an.start_actor("two", options());
    co_await one.run<&kit::own_file>(by_request);
    co_await two.run<&kit::own_file>(by_failure);
    EXPECT_TRUE(std::filesystem::exists(by_request));
    co_await one.cancel_actor();
    throw std::runtime_error("the body fails");
  });
  static_cast<void>(as<std::runtime_error>(error));
  EXPECT_FALSE(std::filesystem::exists(by_request));
  EXPECT_FALSE(std::filesystem::exists(by_failure));
}

// S-RT-15
TEST_P(boot_test, exit_callbacks_run_when_the_actors_runtime_fails) {
  const std::string file = left_behind().temporary_directory() + "/one";
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto more = options();
    more.enable_modules.emplace_back("breaking");
    more.on_death = tractor::death_policy::ignore;
    auto worker = co_await an.start_actor("worker", more);
    co_await worker.run<&kit::own_file>(file);
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_NE(nullptr, co_await caught([&] { return worker.run<&breaking::break_the_runtime>(); }));
    while (an.actor_count() != 0) co_await sc::checkpoint();
  });
  EXPECT_FALSE(std::filesystem::exists(file));
}

class root_test : public runtime_test {};

// S-RT-15
TEST_F(root_test, exit_callbacks_run_when_the_roots_runtime_fails) {
  int run_last = 0;
  const auto error = outcome_of([&]() -> sc::task<> {
    co_await tractor::open_root_actor([&]() -> sc::task<> {
      tractor::current_actor().on_exit([&] { ++run_last; });
      co_await breaking::break_the_runtime();
    });
  });
  static_cast<void>(as<std::runtime_error>(error));
  EXPECT_EQ(1, run_last);
}

// S-RT-2, S-RT-10
// Reference: local::test_local_actor_async_func, root::test_implicit_root_via_first_nursery.
TEST_F(root_test, first_nursery_opens_the_root_around_itself) {
  run([]() -> sc::task<> {
    EXPECT_EQ(nullptr, tractor::current_actor_or_null());
    co_await tractor::open_nursery([](actor_nursery&) -> sc::task<> {
      EXPECT_EQ("root", tractor::current_actor().name());
      EXPECT_TRUE(tractor::current_actor().is_root());
      EXPECT_EQ(::getpid(), tractor::current_actor().aid().pid);
      co_return;
    });
    EXPECT_EQ(nullptr, tractor::current_actor_or_null());
    co_await tractor::open_nursery(
        [](actor_nursery&) -> sc::task<> {
          EXPECT_EQ("chief", tractor::current_actor().name());
          co_return;
        },
        tractor::root_options{.name = "chief"});
  });
}

// S-RT-3
TEST_F(root_test, root_options_in_a_running_tree_are_refused) {
  const auto error = outcome_in_nursery([](actor_nursery&) -> sc::task<> {
    co_await tractor::open_nursery([](actor_nursery&) -> sc::task<> { co_return; }, tractor::root_options{.name = "second"});
  });
  static_cast<void>(as<tractor::usage_error>(error));
}

// S-RT-1
// Reference: root::test_only_one_root_actor.
TEST_F(root_test, second_root_is_refused) {
  const auto error = outcome_of([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> { co_await tractor::open_root_actor([]() -> sc::task<> { co_return; }); });
  });
  static_cast<void>(as<tractor::runtime_failure>(error));
}

// S-RT-4: a root and its fork server leave nothing, so the next one starts as the first did.
// Reference: root::test_runtime_vars_unset.
TEST_F(root_test, roots_can_follow_one_another) {
  for (int i = 0; i < 3; ++i)
    run_in_nursery([](actor_nursery& an) -> sc::task<> {
      auto worker = co_await start(an);
      EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
      co_await worker.cancel_actor();
    });
}

// S-RT-5, S-RTV-4: with advice; or nothing, on request.
// Reference: local::test_no_runtime.
TEST_F(root_test, without_a_runtime_there_is_no_current_actor) {
  const auto error = outcome_of([]() -> sc::task<> {
    static_cast<void>(tractor::current_actor());
    co_return;
  });
  const auto* const none = as<tractor::no_runtime>(error);
  ASSERT_NE(nullptr, none);
  EXPECT_THAT(none->what(), HasSubstr("call this inside tractor::run, below tractor::open_nursery"));
  EXPECT_EQ(nullptr, tractor::current_actor_or_null());
}

// S-RT-5: whoever comes too late is told for whom. The name is cut where it is long.
TEST_F(root_test, last_actor_that_has_ended_is_named) {
  const auto text_after = [](std::string name) {
    static_cast<void>(outcome_of(
        [&] { return tractor::open_root_actor([]() -> sc::task<> { co_return; }, {.name = std::move(name), .handle_signals = false}); }));
    try {
      static_cast<void>(tractor::current_actor());
    } catch (const tractor::no_runtime& none) {
      return std::string(none.what());
    }
    return std::string();
  };

  EXPECT_THAT(text_after("alpha"), HasSubstr("the last one of this process, 'alpha', has ended"));
  EXPECT_THAT(text_after("omega"), HasSubstr("the last one of this process, 'omega', has ended"));
  EXPECT_THAT(text_after(std::string(500, 'x')), HasSubstr("'" + std::string(128, 'x') + "', has ended"));
}

// S-RT-11: the body's error as it was, the same type, not wrapped.
TEST_F(root_test, error_of_the_body_goes_through_unchanged) {
  struct own_error {
    int value;
  };
  const auto error = outcome_of([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      throw own_error{42};
      co_return;
    });
  });
  const auto* found = as<own_error>(error);
  ASSERT_NE(nullptr, found);
  EXPECT_EQ(42, found->value);
}

// S-RT-11: however its block is left, the root's own tasks are cancelled and waited for, out of reach of what cancels the block.
TEST_F(root_test, tasks_of_the_runtime_have_ended_when_the_block_has) {
  enum class exit : unsigned char { clean, error, cancel };
  for (const exit way : {exit::clean, exit::error, exit::cancel}) {
    bool stopped = false, cleaned_up = false;
    const auto error = outcome_of([&]() -> sc::task<> {
      sc::cancel_scope around;
      static_cast<void>(co_await around.run([&] {
        return tractor::open_root_actor([&]() -> sc::task<> {
          tractor::current_actor().service().start_soon([&]() -> sc::task<> {
            const auto clean_up = [&]() -> sc::task<> {
              stopped = true;
              co_await sc::shielded([]() -> sc::task<> { co_await sc::sleep(1ms); });
              cleaned_up = true;
            };
            co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); }, clean_up);
          });
          co_await sc::checkpoint();
          if (way == exit::error) throw std::invalid_argument("of the body");
          if (way == exit::cancel) around.cancel("enough");
          co_await sc::shielded([]() -> sc::task<> { co_await sc::sleep(1ms); });
          EXPECT_FALSE(stopped) << "the body still needs the runtime";
          co_await sc::checkpoint();
        });
      }));
      EXPECT_TRUE(cleaned_up);
    });
    EXPECT_TRUE(cleaned_up);
    if (way == exit::error)
      static_cast<void>(as<std::invalid_argument>(error));
    else
      EXPECT_EQ(nullptr, error) << text_of(error);
  }
}

// S-RT-11: what a nursery below the block makes of one error is that error.
TEST_F(root_test, error_of_one_task_below_goes_through_unchanged) {
  const auto error = outcome_of([]() -> sc::task<> {
    co_await tractor::open_root_actor([]() -> sc::task<> {
      co_await sc::open_nursery([](sc::nursery& n) -> sc::task<> {
        n.start_soon([]() -> sc::task<> {
          throw std::invalid_argument("of a task");
          co_return;
        });
        co_await sc::sleep_forever();
      });
    });
  });
  static_cast<void>(as<std::invalid_argument>(error));
}

// Reference: local::test_local_actor_async_func.
TEST_F(root_test, values_come_out_of_nurseries) {
  run([]() -> sc::task<> {
    EXPECT_EQ(7, co_await tractor::open_root_actor([]() -> sc::task<int> { co_return 7; }));
    const auto text = co_await tractor::open_nursery([](actor_nursery& an) -> sc::task<std::string> {
      auto worker = co_await start(an);
      auto answer = co_await worker.run<&kit::echo_text>("from there");
      co_await worker.cancel_actor();
      co_return answer;
    });
    EXPECT_EQ("from there", text);
  });
}

// The fork server makes no child that would be more than who asks for it. Unless it was asked for by name, exec does.
TEST_F(boot_test, refusal_of_the_fork_server_falls_back_to_exec) {
  if (::geteuid() != 0) GTEST_SKIP() << "acting as another group needs root";
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto middle = co_await an.start_actor("middle", {.enable_modules = {"kit"}});
    const auto self = co_await middle.run<&kit::who>();
    const auto leaf = co_await middle.run<&kit::who_is_started_by_another_group>();
    EXPECT_EQ("leaf", leaf.name);
    EXPECT_EQ(self.pid, leaf.parent_pid) << "a child of the fork server would have that as its parent";
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
