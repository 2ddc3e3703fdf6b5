// SPDX-License-Identifier: Apache-2.0
//
// Two programs that know nothing of each other but a name. Run in two terminals, in any order:
//
//     greeter serve
//     greeter greet World 5
//
// The client waits until there is an actor called "greeter", calls it, and waits for another one when that dies. The service hears of each
// client that comes, and calls it back. Whichever program was there first is the registrar; when it ends, or is killed, another one takes
// its place. With TRACTOR_REGISTRY=/ip4/127.0.0.1/tcp/1616 in
// both their environments they find each other over TCP.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <tractor/tractor.hpp>

namespace sc = tractor::sc;
using namespace std::chrono_literals;

namespace {

sc::task<std::string> greet(std::string name) {
  co_return "hello " + name + ", says pid " + std::to_string(tractor::current_actor().aid().pid.value_or(0));
}

TRACTOR_MODULE(greeter) { mod.def<&greet>("greet", "name"); }

// What a client says of itself.
std::string own_name;
sc::task<std::string> name_of_guest() { co_return own_name; }

TRACTOR_MODULE(guest) { mod.def<&name_of_guest>("name"); }

sc::task<> welcome(tractor::actor_watch& guests) {
  std::set<std::string> welcomed;
  for (;;) {
    const auto event = co_await guests.receive();
    const bool is_new = event.what == tractor::actor_event::kind::registered && welcomed.insert(event.who.uuid).second;
    if (!is_new) continue;
    try {
      co_await tractor::find_actor(event.who.uuid, [](std::optional<tractor::portal> guest) -> sc::task<> {
        if (guest) std::printf("%s is here\n", (co_await guest->run<&name_of_guest>()).c_str());
        std::fflush(stdout);
      });
    } catch (const tractor::transport_closed&) {
      // It has gone already.
    }
  }
}

sc::task<> serve() {
  co_await tractor::open_nursery(
      [](tractor::actor_nursery& an) -> sc::task<> {
        const auto portal = co_await an.start_actor("greeter", {.enable_modules = {"greeter"}});
        std::printf("greeter is pid %lld\n", static_cast<long long>(portal.pid().value_or(0)));
        std::fflush(stdout);
        co_await tractor::watch_actors("guest", welcome);
      },
      tractor::root_options{.name = "greeting service"});
}

sc::task<> greet_often(std::string name, int left) {
  own_name = name;
  const auto call = [&](tractor::portal& greeter) -> sc::task<> {
    for (; left > 0; --left) {
      std::puts((co_await greeter.run<&greet>(name)).c_str());
      std::fflush(stdout);
      co_await sc::sleep(100ms);
    }
  };
  co_await tractor::open_root_actor(
      [&]() -> sc::task<> {
        while (left > 0) {
          try {
            co_await tractor::wait_for_actor("greeter", call);
          } catch (const tractor::transport_closed& gone) {
            std::printf("lost: %s\n", gone.what());
            std::fflush(stdout);
          }
        }
      },
      {.name = "guest", .enable_modules = {"guest"}});
}

sc::task<int> amain(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "serve" && argc == 2) {
    co_await serve();
  } else if (role == "greet" && (argc == 3 || argc == 4)) {
    co_await greet_often(argv[2], argc == 4 ? std::atoi(argv[3]) : 1);
  } else {
    std::fputs("usage: greeter serve | greeter greet NAME [TIMES]\n", stderr);
    co_return 2;
  }
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
