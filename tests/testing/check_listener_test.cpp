// SPDX-License-Identifier: Apache-2.0
//
// The check of a listener's contract: every listener of ours passes it, and each fault that a listener can have is found and named.

#include "tractor/testing/check_listener.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "tractor/sc/sc.hpp"
#include "tractor/testing/process_fixture.hpp"
#include "tractor/testing/test.hpp"

namespace {

namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::task;
using ::testing::HasSubstr;

using stream = std::unique_ptr<sc::byte_stream>;

TRACTOR_TEST(check_listener, memory_listeners_keep_the_contract) {
  for (const std::size_t backlog : {std::size_t{0}, std::size_t{1}, sc::memory_backlog_default})
    co_await kit::check_listener(
        [=]() -> task<std::unique_ptr<sc::memory_listener>> {
          co_return std::make_unique<sc::memory_listener>(sc::memory_listener_options{.backlog = backlog});
        },
        [](sc::memory_listener& to) { return to.connect(); });
}

class check_real_listener : public kit::process_fixture {};

TEST_F(check_real_listener, unix_listeners_keep_the_contract) {
  const std::string path = left_behind().temporary_directory() + "/listener";
  sc::run([&]() -> task<> {
    co_await kit::check_listener([&]() -> task<std::unique_ptr<sc::socket_listener>> { co_return sc::listen_unix(path); },
                                 [](sc::socket_listener& to) { return sc::connect_unix(to.path()); });
  });
}

TEST_F(check_real_listener, tcp_listeners_keep_the_contract) {
  sc::run([]() -> task<> {
    co_await kit::check_listener([]() -> task<std::unique_ptr<sc::socket_listener>> { co_return sc::listen_tcp("127.0.0.1", 0); },
                                 [](sc::socket_listener& to) { return sc::connect_tcp("127.0.0.1", to.local_endpoint()->port); });
  });
}

TEST_F(check_real_listener, listener_whose_type_is_not_known_can_be_checked) {
  sc::run([]() -> task<> {
    std::uint16_t port = 0;
    const kit::listener_maker make = [&]() -> task<std::unique_ptr<sc::listener>> {
      auto made = sc::listen_tcp("127.0.0.1", 0);
      port = made->local_endpoint()->port;
      co_return made;
    };
    const kit::connector connect = [&](sc::listener&) -> task<stream> { co_return co_await sc::connect_tcp("127.0.0.1", port); };
    co_await kit::check_listener(make, connect);
  });
}

// A listener that does as a memory_listener, but for one thing.
class faulty_listener : public sc::listener {
 public:
  virtual task<stream> connect() { co_return co_await real_.connect(); }
  void close() noexcept override { real_.close(); }
  [[nodiscard]] bool closed() const noexcept override { return real_.closed(); }

 protected:
  sc::memory_listener real_;

 private:
  task<stream> accept_stream() override { co_return co_await real_.accept(); }
};

struct gives_nothing : faulty_listener {
  task<stream> accept_stream() override {
    static_cast<void>(co_await real_.accept());
    co_return nullptr;
  }
};
// Whoever is accepted is the first one again.
struct mixes_up : faulty_listener {
  std::deque<stream> kept;
  task<stream> accept_stream() override {
    kept.push_back(co_await real_.accept());
    auto [near, far] = sc::open_memory_streams();
    const std::byte who{'0'};
    co_await far->send_all(std::span(&who, 1));
    kept.push_back(std::move(far));
    co_return std::move(near);
  }
};
struct drops_its_streams : faulty_listener {
  task<stream> accept_stream() override {
    static_cast<void>(co_await real_.accept());
    co_return sc::open_memory_streams().first;
  }
};
struct many_accept : faulty_listener {
  sc::lock turn;
  task<stream> accept_stream() override {
    const auto mine = co_await turn.hold();
    co_return co_await real_.accept();
  }
};
struct second_breaks : faulty_listener {
  task<stream> accept_stream() override {
    try {
      co_return co_await real_.accept();
    } catch (const sc::busy_resource_error&) {
      throw sc::broken_resource_error("nobody knows why");
    }
  }
};
// Takes who is there without a look at the scope.
struct no_checkpoint : faulty_listener {
  int there = 0;
  task<stream> connect() override {
    ++there;
    co_return co_await real_.connect();
  }
  task<stream> accept_stream() override {
    if (there == 0) co_return co_await real_.accept();
    --there;
    co_return *co_await sc::shielded([&] { return real_.accept(); });
  }
};
struct cancelled_takes : no_checkpoint {
  task<stream> accept_stream() override {
    stream taken = co_await no_checkpoint::accept_stream();
    co_await sc::checkpoint();
    co_return taken;
  }
};
struct cancelled_loses_the_next : faulty_listener {
  bool was_cancelled = false;
  task<stream> accept_stream() override {
    if (std::exchange(was_cancelled, true)) static_cast<void>(co_await real_.accept());
    stream accepted = co_await real_.accept();
    was_cancelled = false;
    co_return accepted;
  }
};
struct closed_from_the_start : faulty_listener {
  [[nodiscard]] bool closed() const noexcept override { return true; }
};
struct forgets_its_close : faulty_listener {
  [[nodiscard]] bool closed() const noexcept override { return false; }
};
struct wakes_nobody : faulty_listener {
  bool closed_now = false;
  void close() noexcept override { closed_now = true; }
};
struct wakes_with_another_error : faulty_listener {
  task<stream> accept_stream() override {
    try {
      co_return co_await real_.accept();
    } catch (const sc::closed_resource_error&) {
      throw sc::broken_resource_error("the network is down");
    }
  }
};
struct accepts_for_ever : faulty_listener {
  task<stream> accept_stream() override {
    if (closed()) co_return sc::open_memory_streams().first;
    co_return co_await real_.accept();
  }
};
struct waits_when_closed : faulty_listener {
  task<stream> accept_stream() override {
    if (closed()) co_await sc::sleep_forever();
    co_return co_await real_.accept();
  }
};
struct lets_in_when_closed : faulty_listener {
  std::deque<stream> kept;
  task<stream> connect() override {
    if (!closed()) co_return co_await real_.connect();
    auto [near, far] = sc::open_memory_streams();
    kept.push_back(std::move(far));
    co_return std::move(near);
  }
};
// Who has connected is kept waiting when the listener is closed.
struct keeps_its_backlog : faulty_listener {
  std::deque<stream> backlog;
  task<stream> connect() override {
    auto [near, far] = sc::open_memory_streams();
    backlog.push_back(std::move(far));
    static_cast<void>(co_await real_.connect());
    co_return std::move(near);
  }
  task<stream> accept_stream() override {
    static_cast<void>(co_await real_.accept());
    stream first = std::move(backlog.front());
    backlog.pop_front();
    co_return first;
  }
};
struct greets_who_is_not_accepted : keeps_its_backlog {
  void close() noexcept override {
    const std::byte word{'!'};
    for (const auto& each : backlog) static_cast<void>(each->try_send(std::span(&word, 1)));
    backlog.clear();
    real_.close();
  }
};

template <class Faulty>
std::string fault_found() {
  sc::virtual_clock clock;
  try {
    sc::run({.clock = &clock, .seed = 1}, [] {
      return kit::check_listener([]() -> task<std::unique_ptr<Faulty>> { co_return std::make_unique<Faulty>(); },
                                 [](Faulty& to) { return to.connect(); });
    });
  } catch (const std::exception&) {
    return sc::describe(std::current_exception());
  }
  return "nothing";
}

TEST(check_listener, faults_are_found_and_named) {
  EXPECT_EQ(fault_found<faulty_listener>(), "nothing");
  EXPECT_THAT(fault_found<gives_nothing>(), HasSubstr("accept gives a stream"));
  EXPECT_THAT(fault_found<mixes_up>(), HasSubstr("whoever connects is accepted once"));
  EXPECT_THAT(fault_found<drops_its_streams>(), HasSubstr("connected with what was accepted"));
}

TEST(check_listener, faults_with_several_tasks_are_found_and_named) {
  EXPECT_THAT(fault_found<many_accept>(), HasSubstr("a second task that accepts gets busy_resource_error, and does not wait"));
  EXPECT_THAT(fault_found<second_breaks>(),
              HasSubstr("a second task that accepts gets busy_resource_error, but this was thrown: nobody knows why"));
}

TEST(check_listener, faults_of_a_cancelled_accept_are_found_and_named) {
  EXPECT_THAT(fault_found<no_checkpoint>(), HasSubstr("no checkpoint was met"));
  EXPECT_THAT(fault_found<cancelled_takes>(), HasSubstr("connected with what was accepted"));
  EXPECT_THAT(fault_found<cancelled_loses_the_next>(), HasSubstr("connected with what was accepted"));
}

TEST(check_listener, faults_of_closing_are_found_and_named) {
  EXPECT_THAT(fault_found<closed_from_the_start>(), HasSubstr("closed() says no before close()"));
  EXPECT_THAT(fault_found<forgets_its_close>(), HasSubstr("closed() says so after close()"));
  EXPECT_THAT(fault_found<wakes_nobody>(), HasSubstr("close() wakes who accepts"));
  EXPECT_THAT(fault_found<wakes_with_another_error>(), HasSubstr("but this was thrown: the network is down"));
  EXPECT_THAT(fault_found<accepts_for_ever>(), HasSubstr("accept after close gives closed_resource_error, but nothing was thrown"));
  EXPECT_THAT(fault_found<waits_when_closed>(), HasSubstr("accept after close does not wait"));
  EXPECT_THAT(fault_found<lets_in_when_closed>(), HasSubstr("who connects after close() is refused, but nothing was thrown"));
  EXPECT_THAT(fault_found<keeps_its_backlog>(), HasSubstr("deadlock"));
  EXPECT_THAT(fault_found<greets_who_is_not_accepted>(), HasSubstr("who was not accepted gets nothing"));
}

}  // namespace
