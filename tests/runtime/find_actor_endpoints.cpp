// SPDX-License-Identifier: Apache-2.0

#include "find_actor_endpoints.hpp"

#include <unistd.h>

#include <optional>

namespace find_actor_test {

using tractor::actor_nursery;
using tractor::portal;
using tractor::spawn::start_method;

sc::task<std::string> own_name() { co_return tractor::current_actor().name(); }
sc::task<int> own_pid() { co_return static_cast<int>(::getpid()); }

sc::task<std::string> ask_name(std::string name) {
  co_return co_await tractor::find_actor(std::move(name), [](std::optional<portal> found) -> sc::task<std::string> {
    if (!found) co_return "nobody";
    co_return co_await found->run<&own_name>();
  });
}
sc::task<std::string> ask_name_when_there(std::string name) {
  co_return co_await tractor::wait_for_actor(std::move(name),
                                             [](portal& found) -> sc::task<std::string> { co_return co_await found.run<&own_name>(); });
}

sc::task<> hold_one(tractor::context<std::string>& ctx, std::string name, bool by_exec) {
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor(
        std::move(name), {.enable_modules = {"find_actor_test"}, .start_method = by_exec ? start_method::exec : start_method::forkserver});
    co_await ctx.started(co_await below.run<&own_name>());
    co_await sc::sleep_forever();
  });
}

sc::task<> stop_listening() {
  const auto listeners = tractor::current_actor().listeners();
  for (const auto& listener : listeners) listener->close();
  co_return;
}

sc::task<std::string> ask_name_in_two_blocks(std::string name) {
  std::string first, second;
  sc::event found, over;
  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      co_await tractor::find_actor(name, [&](std::optional<portal> there) -> sc::task<> {
        first = co_await there->run<&own_name>();
        found.set();
        co_await sc::checkpoint();
      });
      over.set();
    });
    co_await found.wait();
    co_await tractor::find_actor(name, [&](std::optional<portal> there) -> sc::task<> {
      co_await over.wait();
      second = co_await there->run<&own_name>();
    });
  });
  co_return first + " " + second;
}

sc::task<bool> start_and_look(bool by_exec) {
  bool always = true;
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    for (int i = 0; i < 10; ++i) {
      const std::string name = "quick." + std::to_string(i);
      co_await an.start_actor(name, {.start_method = by_exec ? start_method::exec : start_method::forkserver});
      always = (co_await tractor::query_actor(name)).has_value() && always;
    }
    co_await an.cancel();
  });
  co_return always;
}

sc::task<std::string> ask_root_name() {
  co_return co_await tractor::get_root([](portal& root) -> sc::task<std::string> { co_return co_await root.run<&own_name>(); });
}
sc::task<std::string> root_uuid() {
  co_return co_await tractor::get_root([](portal& root) -> sc::task<std::string> { co_return root.peer_uid().uuid; });
}
sc::task<std::string> registrar_uuid() {
  co_return co_await tractor::get_registrar([](portal& registrar) -> sc::task<std::string> { co_return registrar.peer_uid().uuid; });
}
sc::task<std::string> root_uuid_from_below(bool by_exec) {
  std::string uuid;
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor(
        "below", {.enable_modules = {"find_actor_test"}, .start_method = by_exec ? start_method::exec : start_method::forkserver});
    uuid = co_await below.run<&root_uuid>();
    co_await an.cancel();
  });
  co_return uuid;
}

TRACTOR_MODULE(find_actor_test) {
  mod.def<&ask_root_name>("ask_root_name");
  mod.def<&root_uuid>("root_uuid");
  mod.def<&registrar_uuid>("registrar_uuid");
  mod.def<&root_uuid_from_below>("root_uuid_from_below", "by_exec");
  mod.def<&own_name>("own_name");
  mod.def<&own_pid>("own_pid");
  mod.def<&ask_name>("ask_name", "name");
  mod.def<&ask_name_when_there>("ask_name_when_there", "name");
  mod.def<&hold_one>("hold_one", "name", "by_exec");
  mod.def<&stop_listening>("stop_listening");
  mod.def<&ask_name_in_two_blocks>("ask_name_in_two_blocks", "name");
  mod.def<&start_and_look>("start_and_look", "by_exec");
}

std::string text(const tractor::actor_event& event) {
  return (event.what == tractor::actor_event::kind::registered ? "+" : "-") + event.who.name;
}

}  // namespace find_actor_test
