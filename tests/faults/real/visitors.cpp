// SPDX-License-Identifier: Apache-2.0
//
//     visitors unix|tcp
//
// What the examples have none of: actors that reach another one by its address. A host listens, and two guests that its parent has started
// connect to it, one after another, and talk.

#include <cstdio>
#include <string_view>
#include <tractor/tractor.hpp>
#include <vector>

#include "tractor/ipc/runtime_directory.hpp"

namespace sc = tractor::sc;
namespace ipc = tractor::ipc;

namespace {

sc::task<int> square(int number) { co_return number* number; }

sc::generator<int> count_up(int to) {
  for (int i = 1; i <= to; ++i) co_yield i;
}

sc::task<std::vector<ipc::address>> where_it_listens() { co_return tractor::accept_addresses(); }

sc::task<int> visit(ipc::address host) {
  co_return co_await tractor::open_portal(host, [](tractor::portal& there) -> sc::task<int> {
    int sum = co_await there.run<&square>(7);
    co_await there.open_stream_from<&count_up>({5}, [&](auto& numbers) -> sc::task<> {
      while (const auto number = co_await numbers.next()) sum += *number;
    });
    co_return sum;
  });
}

TRACTOR_MODULE(visitors) {
  mod.def<&square>("square", "number");
  mod.def<&count_up>("count_up", "to");
  mod.def<&where_it_listens>("where_it_listens");
  mod.def<&visit>("visit", "host");
}

sc::task<> amain(ipc::address where) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    tractor::actor_options options{.enable_modules = {"visitors"}};
    options.bind_addrs = {where};
    const auto host = co_await an.start_actor("host", options);
    const auto addresses = co_await host.run<&where_it_listens>();
    for (const char* name : {"first", "second"}) {
      const auto guest = co_await an.run_in_actor<&visit>({.name = name}, addresses.at(0));
      std::printf("%s: %d\n", name, co_await guest.wait_for_result<int>());
    }
    co_await host.cancel_actor();
  });
  std::puts("all are gone");
}

}  // namespace

int main(int argc, char** argv) {
  const bool tcp = argc > 1 && std::string_view(argv[1]) == "tcp";
  return tractor::run(argc, argv, [tcp] {
    return amain(tcp ? ipc::address(ipc::tcp_address{"127.0.0.1", 0})
                     : ipc::address(ipc::uds_address{ipc::runtime_directory(), "host.sock"}));
  });
}
