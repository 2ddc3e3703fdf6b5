// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdio>
#include <set>

#include "actors.hpp"
#include "commands.hpp"
#include "listing.hpp"
#include "orders.hpp"
#include "text.hpp"

namespace tractor::cli {

using nlohmann::ordered_json;

sc::task<int> ps(bool json) {
  const auto trees = trees_of(co_await all_actors());
  if (json)
    std::printf("%s\n", trees_json(trees).dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
  else if (trees.empty())
    std::puts("no live actors on this machine (of this user)");
  else
    std::fputs(trees_text(trees).c_str(), stdout);
  co_return 0;
}

sc::task<int> names() {
  std::set<std::string> different;
  for (const auto& actor : co_await all_actors()) different.insert(actor.name);
  for (const auto& name : different) {
    const bool is_line = std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < ' '; });
    if (is_line) std::puts(name.c_str());
  }
  co_return 0;
}

sc::task<int> tree(std::string who, bool json) {
  const live_actor actor = co_await actor_called(std::move(who));
  co_await with_actor(actor, [&](portal& there) -> sc::task<> {
    const auto text = co_await there.run_from_ns<std::string>(std::string(control_module), "task_tree", msg::value::map{{"json", json}});
    std::printf("%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
  });
  co_return 0;
}

sc::task<int> dump(std::string who) {
  const live_actor actor = co_await actor_called(std::move(who));
  const std::string said = co_await ask_for_dump(actor);
  std::printf("%s\n", said.c_str());
  co_return 0;
}

sc::task<int> describe(std::string who, bool json) {
  const live_actor actor = co_await actor_called(std::move(who));
  std::vector<function_description> functions;
  co_await with_actor(actor, [&](portal& there) -> sc::task<> {
    functions = co_await there.run_from_ns<std::vector<function_description>>(std::string(control_module), "describe", {});
  });
  if (json) {
    ordered_json list = ordered_json::array();
    for (const auto& f : functions) {
      ordered_json arguments = ordered_json::array();
      for (std::size_t i = 0; i < std::min(f.argument_names.size(), f.argument_types.size()); ++i)
        arguments.push_back({{"name", f.argument_names[i]}, {"type", f.argument_types[i]}});
      list.push_back({{"module", f.module},
                      {"name", f.name},
                      {"kind", f.kind},
                      {"arguments", arguments},
                      {"result", f.result},
                      {"started", f.started},
                      {"in", f.in},
                      {"out", f.out}});
    }
    std::printf("%s\n", list.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
    co_return 0;
  }
  if (functions.empty()) std::printf("%s exposes no functions\n", printable(actor.name).c_str());
  for (const auto& f : functions) {
    std::string line = f.module + "." + f.name + "(";
    for (std::size_t i = 0; i < std::min(f.argument_names.size(), f.argument_types.size()); ++i)
      line += (i == 0 ? "" : ", ") + f.argument_names[i] + ": " + f.argument_types[i];
    line += ")";
    if (f.kind == "asyncgen") line += " yields " + f.result;
    if (f.kind == "asyncfunc" && !f.result.empty()) line += " -> " + f.result;
    if (f.kind == "context") {
      line += " context";
      const std::pair<const char*, const std::string*> parts[] = {
          {" started ", &f.started}, {", receives ", &f.in}, {", sends ", &f.out}, {", returns ", &f.result}};
      for (const auto& [what, type] : parts)
        if (!type->empty()) line += what + *type;
    }
    std::puts(line.c_str());
  }
  co_return 0;
}

sc::task<int> cancel(std::string who) {
  const live_actor actor = co_await actor_called(std::move(who));
  const cancel_outcome outcome = co_await cancel_actor(actor);
  std::puts(outcome.said.c_str());
  co_return outcome.acknowledged ? 0 : 1;
}

}  // namespace tractor::cli
