// SPDX-License-Identifier: Apache-2.0
//
// Happy Eyeballs: which addresses are tried and when, by the virtual clock with scripted connects; and real ones over loopback.

#include "tractor/sc/open_tcp_stream.hpp"

#include <algorithm>
#include <stdexcept>

#include "sc_test.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace {

using namespace sc_test;

// A network in which each address takes some time to connect or to fail; what is not listed never answers.
class scripted_network {
 public:
  struct behaviour {
    sc::duration after{};
    int errno_value = 0;  // 0: connects
  };
  using address_list = std::vector<std::pair<std::string, behaviour>>;

  explicit scripted_network(address_list addresses) : addresses_(std::move(addresses)) {}

  [[nodiscard]] sc::open_tcp_options options() {
    return {.connect = [this](sc::ip_endpoint to) { return connect(std::move(to)); },
            .resolve = [this](std::string, std::string service, sc::resolve_options) { return resolve(std::move(service)); }};
  }
  // "::1 at 0 ms", in the order of the attempts.
  [[nodiscard]] std::vector<std::string> attempts() const { return attempts_; }
  [[nodiscard]] int under_way() const { return under_way_; }
  [[nodiscard]] const std::string& connected() const { return connected_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  struct counted {
    explicit counted(int& count) : count_(count) { ++count_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --count_; }
    int& count_;
  };

  task<std::vector<sc::ip_endpoint>> resolve(std::string service) {
    std::vector<sc::ip_endpoint> found;
    for (const auto& [host, how] : addresses_) found.push_back({.host = host, .port = static_cast<std::uint16_t>(std::stoi(service))});
    co_await sc::checkpoint();
    co_return found;
  }
  task<std::unique_ptr<sc::socket_stream>> connect(sc::ip_endpoint to) {
    const counted one(under_way_);
    attempts_.push_back(to.host + " at " + std::to_string((sc::current_time() - began_) / 1ms) + " ms");
    const auto found = std::ranges::find(addresses_, to.host, &address_list::value_type::first);
    if (found->second.after == sc::duration::max()) co_await sc::sleep_forever();
    co_await sc::sleep(found->second.after);
    if (found->second.errno_value != 0) tractor::throw_os_error("connect(" + to.host + ")", found->second.errno_value);
    ++connections_;
    if (connected_.empty()) connected_ = to.host;
    co_return std::move(sc::open_socketpair().first);
  }

  address_list addresses_;
  sc::time_point began_ = sc::current_time();
  std::vector<std::string> attempts_;
  std::string connected_;
  int under_way_ = 0;
  int connections_ = 0;
};

constexpr scripted_network::behaviour silent{.after = sc::duration::max()};

task<std::optional<sc::open_tcp_error>> error_of(scripted_network& network) {
  try {
    static_cast<void>(co_await sc::open_tcp_stream("host", 80, network.options()));
  } catch (const sc::open_tcp_error& failed) {
    co_return failed;
  }
  co_return std::nullopt;
}

using texts = std::vector<std::string>;

TRACTOR_TEST(open_tcp_stream, first_address_that_answers_in_time_is_the_only_one_tried) {
  scripted_network network({{"::1", {.after = 249ms}}, {"10.0.0.1", {}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  EXPECT_NE(stream, nullptr);
  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms"}));
}

TRACTOR_TEST(open_tcp_stream, addresses_that_do_not_answer_are_staggered_by_the_delay) {
  scripted_network network({{"::1", silent}, {"10.0.0.1", silent}, {"::2", {.after = 10ms}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms", "10.0.0.1 at 250 ms", "::2 at 500 ms"}));
  EXPECT_EQ(network.connected(), "::2");
}

TRACTOR_TEST(open_tcp_stream, delay_is_the_callers_choice) {
  scripted_network network({{"::1", silent}, {"::2", silent}, {"::3", {}}});
  auto options = network.options();
  options.attempt_delay = 40ms;

  const auto stream = co_await sc::open_tcp_stream("host", 80, options);

  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms", "::2 at 40 ms", "::3 at 80 ms"}));
}

TRACTOR_TEST(open_tcp_stream, address_that_fails_lets_the_next_one_begin_at_once) {
  scripted_network network({{"::1", {.after = 30ms, .errno_value = ENETUNREACH}}, {"10.0.0.1", {.after = 5ms}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms", "10.0.0.1 at 30 ms"}));
}

TRACTOR_TEST(open_tcp_stream, slow_first_address_can_still_win) {
  scripted_network network({{"::1", {.after = 300ms}}, {"10.0.0.1", {.after = 200ms}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  EXPECT_EQ(network.connected(), "::1");
  EXPECT_EQ(network.attempts().size(), 2u);
}

TRACTOR_TEST(open_tcp_stream, winner_cancels_the_attempts_under_way) {
  scripted_network network({{"::1", silent}, {"::2", silent}, {"::3", {}}, {"::4", {}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  EXPECT_EQ(network.under_way(), 0);
  EXPECT_EQ(network.attempts().size(), 3u);
}

TRACTOR_TEST(open_tcp_stream, connection_that_comes_second_at_the_same_moment_is_closed) {
  scripted_network network({{"::1", {.after = 260ms}}, {"::2", {.after = 10ms}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());

  TRACTOR_REQUIRE(stream != nullptr);
  EXPECT_FALSE(stream->closed());
  EXPECT_EQ(network.connections(), 2);
}

TRACTOR_TEST(open_tcp_stream, families_take_turns_beginning_with_the_best_address) {
  scripted_network network({{"::1", silent}, {"::2", silent}, {"::3", silent}, {"10.0.0.1", silent}, {"10.0.0.2", {}}});
  scripted_network other({{"10.0.0.1", silent}, {"10.0.0.2", silent}, {"::1", {}}});

  const auto stream = co_await sc::open_tcp_stream("host", 80, network.options());
  const auto second = co_await sc::open_tcp_stream("host", 80, other.options());

  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms", "10.0.0.1 at 250 ms", "::2 at 500 ms", "10.0.0.2 at 750 ms"}));
  EXPECT_EQ(other.attempts().size(), 2u);
  EXPECT_EQ(other.connected(), "::1");
}

TRACTOR_TEST(open_tcp_stream, zero_delay_tries_all_at_once) {
  scripted_network network({{"::1", silent}, {"10.0.0.1", silent}, {"::2", {.after = 1ms}}});
  auto options = network.options();
  options.attempt_delay = sc::duration::zero();

  const auto stream = co_await sc::open_tcp_stream("host", 80, options);

  std::vector<std::string> attempts = network.attempts();
  std::ranges::sort(attempts);  // which of them begins first is the scheduler's choice
  EXPECT_EQ(attempts, (texts{"10.0.0.1 at 0 ms", "::1 at 0 ms", "::2 at 0 ms"}));
}

TRACTOR_TEST(open_tcp_stream, endless_delay_tries_one_after_the_other) {
  scripted_network network({{"::1", {.after = 90s, .errno_value = ETIMEDOUT}}, {"10.0.0.1", {}}});
  auto options = network.options();
  options.attempt_delay = sc::duration::max();

  const auto stream = co_await sc::open_tcp_stream("host", 80, options);

  EXPECT_EQ(network.attempts(), (texts{"::1 at 0 ms", "10.0.0.1 at 90000 ms"}));
}

TRACTOR_TEST(open_tcp_stream, failure_of_all_lists_every_address_with_its_errno) {
  scripted_network network({{"::1", {.after = 600ms, .errno_value = ETIMEDOUT}},
                            {"10.0.0.1", {.after = 10ms, .errno_value = ECONNREFUSED}},
                            {"::2", {.after = 1ms, .errno_value = ENETUNREACH}}});

  const auto failed = co_await error_of(network);

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(),
            "open_tcp_stream(host:80): every address failed: [::1]:80: Connection timed out [ETIMEDOUT]; "
            "10.0.0.1:80: Connection refused [ECONNREFUSED]; [::2]:80: Network is unreachable [ENETUNREACH]");
  TRACTOR_REQUIRE(failed->attempts().size() == 3);
  EXPECT_EQ(failed->attempts()[1].address, (sc::ip_endpoint{.host = "10.0.0.1", .port = 80}));
  EXPECT_EQ(failed->attempts()[1].errno_value, ECONNREFUSED);
}

TRACTOR_TEST(open_tcp_stream, category_of_the_error_is_the_one_that_the_failures_agree_on) {
  scripted_network full({{"::1", {.errno_value = EMFILE}}, {"10.0.0.1", {.errno_value = ENFILE}}});
  scripted_network mixed({{"::1", {.errno_value = EMFILE}}, {"10.0.0.1", {.errno_value = ECONNREFUSED}}});

  const auto of_full = co_await error_of(full);
  const auto of_mixed = co_await error_of(mixed);

  TRACTOR_REQUIRE(of_full && of_mixed);
  EXPECT_EQ(of_full->category(), tractor::error_category::overloaded);
  EXPECT_EQ(of_mixed->category(), tractor::error_category::failed);
}

TRACTOR_TEST(open_tcp_stream, deadline_around_it_cancels_every_attempt) {
  scripted_network network({{"::1", silent}, {"10.0.0.1", silent}, {"::2", silent}});

  EXPECT_FALSE(co_await sc::move_on_after(400ms, [&] { return sc::open_tcp_stream("host", 80, network.options()); }));

  EXPECT_EQ(network.attempts().size(), 2u);
  EXPECT_EQ(network.under_way(), 0);
}

TRACTOR_TEST(open_tcp_stream, error_that_is_no_refusal_comes_out_itself) {
  scripted_network network({{"::1", silent}});
  auto options = network.options();
  options.connect = [](sc::ip_endpoint) -> task<std::unique_ptr<sc::socket_stream>> { throw std::logic_error("broken"); };

  EXPECT_THROW(static_cast<void>(co_await sc::open_tcp_stream("host", 80, options)), std::logic_error);
}

TRACTOR_TEST(open_tcp_stream, host_that_cannot_be_resolved_is_the_resolvers_error) {
  EXPECT_THROW(static_cast<void>(co_await sc::open_tcp_stream("", 80)), sc::resolve_error);
}

// --- real connections ---

TEST(open_tcp_stream, loopback_connects_by_number_and_by_name) {
  sc::run([]() -> task<> {
    const auto listener = sc::listen_tcp("127.0.0.1", 0);
    const std::uint16_t port = listener->local_endpoint()->port;
    for (const char* host : {"127.0.0.1", "localhost"}) {
      const auto client = co_await sc::open_tcp_stream(host, port, {.family = sc::address_family::ipv4});
      const auto server = co_await listener->accept();
      EXPECT_EQ(client->remote_endpoint()->port, port);
      EXPECT_EQ(server->remote_endpoint(), client->local_endpoint());
    }
  });
}

TEST(open_tcp_stream, port_where_nobody_listens_is_an_error_that_names_the_address) {
  sc::run([]() -> task<> {
    auto listener = sc::listen_tcp("127.0.0.1", 0);
    const std::uint16_t port = listener->local_endpoint()->port;
    listener.reset();
    std::string message;
    try {
      static_cast<void>(co_await sc::open_tcp_stream("127.0.0.1", port));
    } catch (const sc::open_tcp_error& failed) {
      message = failed.message();
    }
    const std::string at = "127.0.0.1:" + std::to_string(port);
    EXPECT_EQ(message, "open_tcp_stream(" + at + "): every address failed: " + at + ": Connection refused [ECONNREFUSED]");
  });
}

}  // namespace
