// SPDX-License-Identifier: Apache-2.0

#include "runtime_test.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "in_process_actor.hpp"
#include "tractor/ipc/listener.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/memory_stream.hpp"
#include "tractor/testing/bounded_run.hpp"

namespace runtime_test {

std::string text_of(const std::exception_ptr& error) { return error ? sc::type_name_of(error) + ": " + sc::describe(error) : "nothing"; }

std::vector<int> first_numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::exception_ptr outcome_of(const std::function<sc::task<>()>& body) {
  tractor::testing::bounded_run_options bounds{.label = "the test",
                                               .time_bound = tractor::testing::time_bound_from_environment(hang_bound),
                                               .report = [](const std::string& text) { ADD_FAILURE() << text; }};
  return tractor::testing::run_bounded(std::move(bounds), body).error;
}

std::exception_ptr outcome_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body) {
  return outcome_of([&]() -> sc::task<> { co_await tractor::open_nursery([&](actor_nursery& an) { return body(an); }); });
}

void run(const std::function<sc::task<>()>& body) {
  if (const auto error = outcome_of(body)) ADD_FAILURE() << "threw " << text_of(error);
}

void run_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body) {
  if (const auto error = outcome_in_nursery(body)) ADD_FAILURE() << "threw " << text_of(error);
}

permission::~permission() { std::filesystem::remove(path_); }
void permission::give() const { std::ofstream(path_) << "given"; }

// --- peers ---

peer_kind tested_peer() {
  const char* const text = std::getenv("TRACTOR_TEST_PEER");
  const std::string_view kind = text != nullptr ? text : "child";
  if (kind == "child") return peer_kind::child;
  if (kind == "uds") return peer_kind::uds;
  if (kind == "tcp") return peer_kind::tcp;
  if (kind == "in_process") return peer_kind::in_process;
  throw std::invalid_argument("TRACTOR_TEST_PEER is " + std::string(kind) + "; it can be child, uds, tcp or in_process");
}

namespace {

// A portal of the current actor over that stream; its message loop is a task of the actor.
sc::task<portal> open_portal_over(std::unique_ptr<sc::byte_stream> stream) {
  tractor::actor& self = tractor::current_actor();
  const auto link = std::make_shared<tractor::detail::peer>(self, std::move(stream));
  link->send_aid();
  co_await sc::fail_after(tractor::handshake_timeout, [&] { return link->receive_aid(); });  // what it throws fails the test
  self.add_peer(link);
  self.service().start_soon({.name = "portal of the test"}, [&self, link]() -> sc::task<> {
    co_await link->serve();
    self.remove_peer(*link);
  });
  co_return portal(link);
}

sc::task<> live_in_this_process(std::string name, std::vector<std::string> modules, std::unique_ptr<sc::byte_stream> stream) {
  in_process_actor::streams streams;
  streams.push_back(std::move(stream));
  in_process_actor actor(std::move(name), std::move(modules), std::move(streams));
  co_await actor.serve();
}

sc::task<portal> start_listening(actor_nursery& an, std::string name, std::vector<std::string> modules, tractor::ipc::address where) {
  modules.emplace_back("kit");  // once more does no harm
  const auto child = co_await an.start_actor(name, {.enable_modules = std::move(modules), .bind_addrs = {where}});
  const auto addresses = co_await child.run<&kit::where_it_listens>();
  co_return co_await open_portal_over(co_await tractor::ipc::connect(addresses.at(0)));
}

}  // namespace

sc::task<portal> start(actor_nursery& an, std::string name, std::vector<std::string> modules) {
  switch (tested_peer()) {
    case peer_kind::child: break;
    case peer_kind::uds: {
      const std::string file = name + "." + tractor::make_uuid().substr(0, 8);
      co_return co_await start_listening(an, name, modules, tractor::ipc::uds_address{tractor::ipc::runtime_directory(), file});
    }
    case peer_kind::tcp: co_return co_await start_listening(an, name, modules, tractor::ipc::tcp_address{"127.0.0.1", 0});
    case peer_kind::in_process: {
      auto [near, far] = sc::open_memory_streams();
      tractor::current_actor().service().start_soon({.name = name}, [name, modules, stream = std::move(far)]() mutable -> sc::task<> {
        return live_in_this_process(std::move(name), std::move(modules), std::move(stream));
      });
      co_return co_await open_portal_over(std::move(near));
    }
  }
  co_return co_await an.start_actor(std::move(name), {.enable_modules = std::move(modules)});
}

}  // namespace runtime_test
