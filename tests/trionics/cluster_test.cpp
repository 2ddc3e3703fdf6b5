// SPDX-License-Identifier: Apache-2.0
//
// A number of actors of one kind: their names, their start, their end.

#include <numeric>
#include <stdexcept>

#include "crew.hpp"
#include "tractor/base/cpus.hpp"
#include "tractor/trionics/gather_contexts.hpp"
#include "tractor/trionics/open_actor_cluster.hpp"

namespace trionics_test {
namespace {

using tractor::trionics::actor_cluster;
using tractor::trionics::gather_contexts;
using tractor::trionics::inside;
using tractor::trionics::manager;
using tractor::trionics::open_actor_cluster;

class cluster_test : public actors_test {};

std::vector<std::string> names_of(const actor_cluster& cluster) {
  std::vector<std::string> names;
  for (const auto& [name, worker] : cluster) names.push_back(name);
  return names;
}

// S-CLU-1, S-CLU-3
TEST_F(cluster_test, all_are_up_with_prefixed_names_and_end_with_the_body) {
  run([]() -> task<> {
    const int given = co_await open_actor_cluster({.modules = {"crew"}, .count = 3}, [](actor_cluster& cluster) -> task<int> {
      EXPECT_THAT(names_of(cluster), ElementsAre("root.worker_0", "root.worker_1", "root.worker_2"));
      for (auto& [name, worker] : cluster) EXPECT_EQ(co_await worker.run<&own_name>(), name);
      co_return 7;
    });
    EXPECT_EQ(given, 7);
  });
}

// S-CLU-1, S-CLU-2
TEST_F(cluster_test, names_and_root_options_are_those_given) {
  run([]() -> task<> {
    const auto body = [](actor_cluster& cluster) -> task<> {
      EXPECT_THAT(names_of(cluster), ElementsAre("boss.ann", "boss.bob"));
      co_return;
    };
    co_await open_actor_cluster({.names = {"bob", "ann"}, .root = tractor::root_options{.name = "boss"}}, body);
  });
}

// S-CLU-1
TEST_F(cluster_test, one_for_each_cpu_by_default) {
  run([]() -> task<> {
    const auto count = co_await open_actor_cluster({}, [](actor_cluster& cluster) -> task<std::size_t> { co_return cluster.size(); });
    EXPECT_EQ(count, tractor::usable_cpus());
  });
}

// S-CLU-2
TEST_F(cluster_test, wrong_numbers_and_names_are_invalid_arguments) {
  const auto refused = [](tractor::trionics::cluster_options options) {
    return text_of(outcome_of([&] { return open_actor_cluster(options, [](actor_cluster&) -> task<> { co_return; }); }));
  };
  EXPECT_EQ(refused({.count = 2, .names = {"a"}}), "std::invalid_argument: open_actor_cluster: 1 names were given for 2 actors");
  EXPECT_EQ(refused({.count = 0}), "std::invalid_argument: open_actor_cluster: a cluster has one actor at least");
  EXPECT_EQ(refused({.names = {"a", "b", "a"}}), "std::invalid_argument: open_actor_cluster: the name 'a' was given twice");
}

// S-CLU-3, S-TRI-2
// Reference: clu::test_empty_mngrs_input_raises.
TEST_F(cluster_test, error_of_the_body_ends_the_actors_and_goes_on) {
  const auto error = outcome_of([] {
    return open_actor_cluster({.modules = {"crew"}, .count = 2}, [](actor_cluster&) -> task<> {
      co_await gather_contexts(std::vector<manager<int>>{}, [](std::span<int* const>) -> task<> { co_return; });
    });
  });
  EXPECT_THAT(text_of(error), HasSubstr("std::invalid_argument: gather_contexts at "));
}

// S-CLU-3: asked to end, or terminated, as it was said, whatever the body gives. What runs there tells.
TEST_F(cluster_test, hard_kill_terminates_where_a_request_would_have_come) {
  for (const auto [hard, gives] : {std::pair(true, false), {true, true}, {false, false}, {false, true}}) {
    std::string told;
    run([&]() -> task<> {
      co_await tractor::open_nursery([&](tractor::actor_nursery&) -> task<> {
        co_await sc::open_nursery([&](sc::nursery& around) -> task<> {
          const auto body = [&](actor_cluster& cluster) -> task<> {
            sc::event up;
            around.start_soon([&, worker = cluster.begin()->second]() -> task<> {
              try {
                co_await worker.open_context<&ten_times>({}, [&](auto&) -> task<> {
                  up.set();
                  co_await sc::sleep_forever();
                });
              } catch (const tractor::error& ended) {
                told = ended.what();
              }
            });
            co_await up.wait();
          };
          const auto body_with_a_value = [&](actor_cluster& cluster) -> task<int> {
            co_await body(cluster);
            co_return 7;
          };
          const tractor::trionics::cluster_options options{.modules = {"crew"}, .count = 2, .hard_kill = hard};
          if (gives)
            EXPECT_EQ(7, co_await open_actor_cluster(options, body_with_a_value));
          else
            co_await open_actor_cluster(options, body);
        });
      });
    });
    EXPECT_THAT(told, HasSubstr(hard ? "SIGTERM" : "by actor 'root'"));
  }
}

// S-CLU-1
TEST_F(cluster_test, actor_that_does_not_start_is_the_error) {
  const auto error = outcome_of([] {
    return open_actor_cluster({.modules = {"no such module"}, .count = 2}, [](actor_cluster&) -> task<> {
      ADD_FAILURE() << "ran";
      co_return;
    });
  });
  EXPECT_THAT(text_of(error), HasSubstr("no such module"));
}

// S-CLU-4, S-TRI-1: contexts, and then their streams, entered all at once.
// Reference: clu::test_streaming_to_actor_cluster.
TEST_F(cluster_test, contexts_and_streams_to_all_are_gathered) {
  run([]() -> task<> {
    co_await open_actor_cluster({.modules = {"crew"}, .count = 3}, [](actor_cluster& cluster) -> task<> {
      using context = tractor::parent_context<int, void, int>;
      using stream = tractor::msg_stream<int, void>;
      std::vector<manager<context>> contexts;
      std::vector<int> sums(3);
      std::size_t number = 0;
      for (auto& [name, worker] : cluster)
        contexts.push_back([&worker, &sum = sums[number++]](inside<context> body) -> task<> {
          sum = (co_await worker.open_context<&add_up>({}, [&](context& ctx) { return body(ctx); })).value_or(-1);
        });
      co_await gather_contexts(std::move(contexts), [](std::span<context* const> opened) -> task<> {
        std::vector<manager<stream>> streams;
        for (context* ctx : opened)
          streams.push_back([ctx](inside<stream> body) { return ctx->open_stream([body](stream& s) { return body(s); }); });
        co_await gather_contexts(std::move(streams), [](std::span<stream* const> all) -> task<> {
          for (int i = 0; i < 99; ++i) co_await all[static_cast<std::size_t>(i) % all.size()]->send(i);
        });
      });
      EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0), 98 * 99 / 2);
    });
  });
}

}  // namespace
}  // namespace trionics_test
