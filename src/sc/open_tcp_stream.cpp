// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/open_tcp_stream.hpp"

#include <algorithm>
#include <cstring>
#include <deque>

#include "socket_calls.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/socket_listener.hpp"

namespace tractor::sc {

namespace {

using attempt_list = std::vector<open_tcp_error::attempt>;

bool is_v6(const ip_endpoint& address) { return address.host.find(':') != std::string::npos; }

// By turns the best that is left of either family, the first one's first (RFC 8305, section 4).
std::vector<ip_endpoint> interleaved(std::vector<ip_endpoint> addresses) {
  std::deque<ip_endpoint> turns[2];
  const bool first_v6 = is_v6(addresses.front());
  for (ip_endpoint& each : addresses) turns[is_v6(each) == first_v6 ? 0 : 1].push_back(std::move(each));
  std::vector<ip_endpoint> order;
  for (std::size_t turn = 0; order.size() < addresses.size(); turn = 1 - turn) {
    if (turns[turn].empty()) continue;
    order.push_back(std::move(turns[turn].front()));
    turns[turn].pop_front();
  }
  return order;
}

struct connect_race {
  const open_tcp_options& options;
  std::unique_ptr<socket_stream> winner = nullptr;
  std::vector<open_tcp_error::attempt> attempts = {};  // those that have not failed: errno 0
};

task<> attempt_connect(connect_race& race, nursery& attempts, std::size_t index, event& failed) {
  const ip_endpoint to = race.attempts[index].address;
  try {
    auto stream = co_await (race.options.connect ? race.options.connect(to) : connect_tcp(to.host, to.port));
    if (race.winner == nullptr) race.winner = std::move(stream);
    attempts.cancel("another attempt has connected");
  } catch (const os_error& refused) {
    race.attempts[index].errno_value = refused.errno_value();
    race.attempts[index].category = refused.category();
    failed.set();
  }
}

task<> run_race(connect_race& race) {
  std::deque<event> failed;  // which stay where they are
  co_await open_nursery([&](nursery& attempts) -> task<> {
    for (std::size_t i = 0; i < race.attempts.size(); ++i) {
      event& this_failed = failed.emplace_back();
      attempts.start_soon({.name = "connect"}, attempt_connect, std::ref(race), std::ref(attempts), i, std::ref(this_failed));
      // Behind the last one there is nothing to wait for here; when the race is won the wait is cancelled.
      if (i + 1 == race.attempts.size()) break;
      static_cast<void>(co_await move_on_after(race.options.attempt_delay, [&]() -> task<> { co_await this_failed.wait(); }));
    }
  });
}

std::string message_of(const std::string& host, std::uint16_t port, const attempt_list& attempts) {
  std::string text = "open_tcp_stream(" + detail::to_text(host, port) + "): every address failed";
  const char* separator = ": ";
  for (const auto& each : attempts) {
    text += separator + detail::to_text(each.address.host, each.address.port) + ": " + std::strerror(each.errno_value) + " [" +
            errno_name(each.errno_value) + "]";
    separator = "; ";
  }
  return text;
}

error_category common_category(const attempt_list& attempts) noexcept {
  const auto differs = [&](const auto& each) { return each.category != attempts.front().category; };
  return attempts.empty() || std::ranges::any_of(attempts, differs) ? error_category::failed : attempts.front().category;
}

}  // namespace

open_tcp_error::open_tcp_error(const std::string& host, std::uint16_t port, std::vector<attempt> attempts)
    : error(message_of(host, port, attempts), common_category(attempts)), attempts_(std::move(attempts)) {}
open_tcp_error::open_tcp_error(const open_tcp_error&) = default;
open_tcp_error::~open_tcp_error() = default;

task<std::unique_ptr<socket_stream>> open_tcp_stream(std::string host, std::uint16_t port, open_tcp_options options) {
  const resolve_options how{.family = options.family};
  const std::string service = std::to_string(port);
  auto found = co_await (options.resolve ? options.resolve(host, service, how) : resolve(host, service, how));
  if (found.empty()) throw usage_error("open_tcp_stream(" + detail::to_text(host, port) + "): the resolver of the options gave no address");
  connect_race race{.options = options};
  for (ip_endpoint& each : interleaved(std::move(found))) race.attempts.push_back({.address = std::move(each)});
  co_await run_race(race);
  if (race.winner == nullptr) throw open_tcp_error(host, port, std::move(race.attempts));
  co_return std::move(race.winner);
}

}  // namespace tractor::sc
