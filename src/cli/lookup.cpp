// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <cstdlib>

#include "actors.hpp"
#include "commands.hpp"
#include "runtime/registration.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/find_actor.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::cli {

namespace {

using nlohmann::ordered_json;

ordered_json json_of(const std::vector<ipc::address>& addrs) {
  ordered_json list = ordered_json::array();
  for (const auto& where : addrs) list.push_back(where.text());
  return list;
}

std::string text_of(const std::vector<ipc::address>& addrs) {
  std::string text;
  for (const auto& where : addrs) text += (text.empty() ? "" : "  ") + where.text();
  return text;
}

// MODULE.FUNCTION; a module's name may have dots.
std::pair<std::string, std::string> split_function(const std::string& function) {
  const std::size_t dot = function.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == function.size())
    throw usage_error("a function is called as MODULE.FUNCTION, not " + msg::quoted(function));
  return {function.substr(0, dot), function.substr(dot + 1)};
}

msg::value::map arguments_of(const std::vector<std::string>& arguments) {
  msg::value::map map;
  for (const auto& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) throw usage_error("an argument is given as key=value, not " + msg::quoted(argument));
    map.append(argument.substr(0, equals), value_of(std::string_view(argument).substr(equals + 1)));
  }
  return map;
}

// In the handler of that error: that a function is of another kind is said with what to do about it here.
[[noreturn]] void refuse_kind(const type_error& wrong, const call_request& request) {
  const std::string text = wrong.message();
  const std::size_t advice = text.find(request.stream ? ": call it with run" : ": open it with open_stream_from");
  if (advice == std::string::npos) throw;
  throw usage_error(text.substr(0, advice) + (request.stream ? ": call it without --stream" : ": call it with --stream"));
}

sc::task<> call_through(portal& there, const call_request& request) {
  const auto [module, function] = split_function(request.function);
  const auto arguments = arguments_of(request.arguments);
  if (request.stream) {
    co_await there.open_stream_from_ns(module, function, arguments, [](msg_stream<void, msg::value>& items) -> sc::task<> {
      while (const auto item = co_await items.next()) {
        std::printf("%s\n", to_json(*item).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
        flush_out();
      }
    });
  } else {
    const msg::value result = co_await there.run_from_ns<msg::value>(module, function, arguments);
    std::printf("%s\n", to_json(result).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
}

}  // namespace

std::vector<ipc::address> registries(const std::vector<std::string>& said) {
  std::vector<ipc::address> addrs;
  for (const auto& text : said) addrs.push_back(ipc::address::parse(text));
  if (addrs.empty()) addrs = detail::default_registry_addrs();
  if (addrs.empty()) throw usage_error("TRACTOR_REGISTRY is `none`: say with --registry where the registrar is");
  return addrs;
}

sc::task<int> find(std::string name, std::vector<ipc::address> registry, bool json) {
  const auto addrs = co_await query_actor(name, {.registry_addrs = std::move(registry)});
  if (json)
    std::printf("%s\n", ordered_json{{"name", name}, {"addrs", addrs ? json_of(*addrs) : ordered_json(nullptr)}}
                            .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
                            .c_str());
  else if (addrs)
    for (const auto& where : *addrs) std::puts(where.text().c_str());
  else
    std::fprintf(stderr, "tractor: no actor %s is registered\n", msg::quoted(name).c_str());
  co_return addrs ? 0 : 1;
}

sc::task<int> watch(std::string prefix, std::vector<ipc::address> registry, bool json) {
  co_await watch_actors(std::move(prefix),
                        [json](actor_watch& seen) -> sc::task<> {
                          for (;;) {
                            const actor_event event = co_await seen.receive();
                            const bool is_there = event.what == actor_event::kind::registered;
                            if (json)
                              std::printf("%s\n", ordered_json{{"event", is_there ? "registered" : "removed"},
                                                               {"name", event.who.name},
                                                               {"uuid", event.who.uuid},
                                                               {"addrs", json_of(event.who.addrs)}}
                                                      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
                                                      .c_str());
                            else
                              std::printf("%c %s  %s  %s\n", is_there ? '+' : '-', printable(event.who.name).c_str(),
                                          event.who.uuid.substr(0, 6).c_str(), text_of(event.who.addrs).c_str());
                            flush_out();
                          }
                        },
                        {.registry_addrs = std::move(registry)});
  co_return 0;
}

sc::task<int> call(call_request request, std::vector<ipc::address> registry) {
  static_cast<void>(split_function(request.function));
  static_cast<void>(arguments_of(request.arguments));
  const auto through = [&](std::optional<portal> found) -> sc::task<> {
    try {
      co_await call_through(*found, request);
    } catch (const type_error& wrong) {
      refuse_kind(wrong, request);
    }
  };
  co_await find_actor(request.name, through, {.registry_addrs = std::move(registry), .raise_on_none = true});
  co_return 0;
}

int registrar(std::vector<ipc::address> registry) {
  const root_options alone{.name = "registrar", .registry_addrs = registry, .ensure_registry = true};
  const auto serve = []() -> sc::task<int> {
    std::printf("registrar at %s\n", text_of(current_actor().directory().registry_addrs()).c_str());
    flush_out();
    co_await sc::sleep_forever();
    co_return 0;
  };
  return detail::run_main([&]() -> sc::task<int> {
    try {
      co_return co_await open_root_actor(serve, alone);
    } catch (const runtime_failure& refused) {
      std::fprintf(stderr, "tractor: %s\n", refused.what());
    }
    co_return 1;
  });
}

}  // namespace tractor::cli
