// SPDX-License-Identifier: Apache-2.0
//
// Connections whose peer does not say who it is: how many an actor has of them, and that it has descriptors left for what it is there for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "raw_peer.hpp"
#include "runtime_test.hpp"
#include "tests/sc/sc_test.hpp"
#include "tests/spawn/descriptor_limit.hpp"
#include "tractor/ipc/tree_secret.hpp"
#include "tractor/tractor.hpp"

namespace half_open_test {

using namespace runtime_test;
namespace ipc = tractor::ipc;
using spawn_test::descriptor_limit;
using strangers = std::vector<std::unique_ptr<sc::socket_stream>>;

sc::task<int> answer() { co_return 42; }
sc::task<std::string> tcp_address() {
  const auto all = tractor::accept_addresses();
  co_return std::ranges::find_if(all, [](const ipc::address& where) { return where.tcp() != nullptr; })->text();
}
sc::task<int> half_open_now() { co_return static_cast<int>(tractor::current_actor().handshakes.size()); }
sc::task<int> answer_from_below() {
  int given = 0;
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor("below", {.enable_modules = {"half_open_test"}});
    given = co_await below.run<&answer>();
    co_await an.cancel();
  });
  co_return given;
}
TRACTOR_MODULE(half_open_test) {
  mod.def<&answer>("answer");
  mod.def<&tcp_address>("tcp_address");
  mod.def<&half_open_now>("half_open_now");
  mod.def<&answer_from_below>("answer_from_below");
}

sc::task<> until_hung_up(sc::socket_stream& stream) {
  std::array<std::byte, 4096> buffer;
  while (co_await stream.receive_some(buffer) != 0) continue;
}

// S-SRV-5: one run on the virtual clock, real sockets.
TEST(half_open, one_too_many_costs_the_oldest_its_place) {
  const descriptor_limit few(::getpid(), 256);
  static constexpr std::size_t places = 256 / tractor::handshakes_share;
  tractor::testing::run_test([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          const auto& half_open = tractor::current_actor().handshakes;
          const auto where = tractor::accept_addresses().front();
          const auto began = sc::current_time();
          strangers silent;
          for (std::size_t i = 0; i < places; ++i) silent.push_back(co_await ipc::connect(where));
          while (half_open.size() < places) co_await sc::checkpoint();

          silent.push_back(co_await ipc::connect(where));

          co_await until_hung_up(*silent.front());
          EXPECT_EQ(tractor::handshake_grace, sc::current_time() - began);
          co_await sc_test::settle();
          EXPECT_EQ(places, half_open.size());
          co_await until_hung_up(*silent[1]);
          EXPECT_EQ(tractor::handshake_timeout, sc::current_time() - began);
          co_await until_hung_up(*silent.back());
          EXPECT_TRUE(half_open.empty());
        },
        {.bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}, .handle_signals = false});
  });
}

// All are connected before the first of them says anything.
TEST(half_open, more_than_there_are_places_come_at_once_and_are_let_in) {
  const descriptor_limit few(::getpid(), 256);
  static constexpr std::size_t places = 256 / tractor::handshakes_share, many = places + places / 2;
  tractor::testing::run_test([]() -> sc::task<> {
    co_await tractor::open_root_actor(
        []() -> sc::task<> {
          const auto where = tractor::accept_addresses().front();
          strangers streams;
          for (std::size_t i = 0; i < many; ++i) streams.push_back(co_await ipc::connect(where));
          std::size_t let_in = 0;
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            for (auto& stream : streams)
              n.start_soon([&]() -> sc::task<> {
                raw::raw_peer peer(std::move(stream));
                co_await peer.shake_hands();
                peer.send_start("a call", "self", "nothing of this name");
                co_await peer.answer();
                let_in += peer.last_message().empty() ? 0 : 1;
              });
            co_return;
          });
          EXPECT_EQ(many, let_in);
        },
        {.bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}, .handle_signals = false});
  });
}

class flooded_actor : public ::runtime_test::runtime_test {};

std::size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

// S-SRV-5: more strangers than it has descriptors, and the actor has room to spare.
TEST_F(flooded_actor, with_a_usual_limit_of_descriptors_serves_and_starts_others_meanwhile) {
  constexpr int strangers_count = 1100, usual_limit = 1024;
  constexpr rlim_t for_strangers_and_tree = 2 * usual_limit;
  rlimit allowed{};
  ::getrlimit(RLIMIT_NOFILE, &allowed);
  if (allowed.rlim_max < for_strangers_and_tree)
    GTEST_SKIP() << "the strangers are this process's, which may have no more than " << allowed.rlim_max << " descriptors, and needs "
                 << for_strangers_and_tree;
  const descriptor_limit for_both_of_us(::getpid(), for_strangers_and_tree);
  run([]() -> sc::task<> {
    co_await tractor::open_nursery(
        [](actor_nursery& an) -> sc::task<> {
          auto worker =
              co_await an.start_actor("worker", {.enable_modules = {"half_open_test"}, .bind_addrs = {ipc::tcp_address{"127.0.0.1", 0}}});
          const auto pid = static_cast<pid_t>(*worker.pid());
          const descriptor_limit usual(pid, usual_limit);
          const auto where = ipc::address::parse(co_await worker.run<&tcp_address>());
          strangers silent;
          int most = 0;
          for (int i = 1; i <= strangers_count; ++i) {
            silent.push_back(co_await ipc::connect(where));
            std::array<std::byte, 4096> buffer;
            EXPECT_NE(0U, co_await silent.back()->receive_some(buffer));  // it is accepted, and told who the actor is
            if (i % 100 == 0) most = std::max(most, co_await worker.run<&half_open_now>());
          }
          EXPECT_LE(most, usual_limit / static_cast<int>(tractor::handshakes_share));

          EXPECT_EQ(42,
                    co_await tractor::open_portal(where, [](portal& known) -> sc::task<int> { co_return co_await known.run<&answer>(); }));
          EXPECT_EQ(42, co_await worker.run<&answer_from_below>());

          EXPECT_LT(descriptors_of(pid), static_cast<std::size_t>(usual_limit / 2));
          silent.clear();
          co_await an.cancel();
        },
        tractor::root_options{.secret = ipc::tree_secret("the secret of this tree")});
  });
}

}  // namespace half_open_test
