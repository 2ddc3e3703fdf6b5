// SPDX-License-Identifier: Apache-2.0
//
// A first idea of what this machine does. The benchmarks proper, with floors, are those of the source tree.

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "commands.hpp"
#include "text.hpp"
#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/control.hpp"

namespace tractor::cli {

namespace {

using clock = std::chrono::steady_clock;

double microseconds_since(clock::time_point began) { return std::chrono::duration<double, std::micro>(clock::now() - began).count(); }

struct figure {
  const char* what;
  std::vector<double> samples{};  // microseconds
  [[nodiscard]] double at(double part) {
    if (samples.empty()) return 0;
    std::ranges::sort(samples);
    return samples[std::min(samples.size() - 1, static_cast<std::size_t>(part * static_cast<double>(samples.size())))];
  }
};

}  // namespace

sc::task<int> bench(double seconds, bool json) {
  figure start{"start of an actor, to its first answer"}, call{"call of an actor"};
  co_await open_nursery([&](actor_nursery& an) -> sc::task<> {
    const auto ask = [](portal& there) -> sc::task<> {
      static_cast<void>(co_await there.run_from_ns<msg::value>(std::string(control_module), "describe", {}));
    };
    for (const auto began = clock::now(); microseconds_since(began) < seconds * 1e6;) {
      const auto one = clock::now();
      portal there = co_await an.start_actor("bench");
      co_await ask(there);
      start.samples.push_back(microseconds_since(one));
      co_await there.cancel_actor();
    }
    portal there = co_await an.start_actor("bench");
    for (const auto began = clock::now(); microseconds_since(began) < seconds * 1e6;) {
      const auto one = clock::now();
      co_await ask(there);
      call.samples.push_back(microseconds_since(one));
    }
    co_await an.cancel();
  });
  std::vector<std::vector<std::string>> rows{{"", "MEDIAN", "99 %", "TIMES"}};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (figure* const shown : {&start, &call}) {
    const auto text = [](double us) {
      char formatted[32];
      std::snprintf(formatted, sizeof formatted, "%.1f us", us);
      return std::string(formatted);
    };
    rows.push_back({shown->what, text(shown->at(0.5)), text(shown->at(0.99)), std::to_string(shown->samples.size())});
    list.push_back({{"what", shown->what}, {"median_us", shown->at(0.5)}, {"p99_us", shown->at(0.99)}, {"times", shown->samples.size()}});
  }
  std::fputs(json ? (list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n").c_str() : table_text(rows).c_str(),
             stdout);
  co_return 0;
}

}  // namespace tractor::cli
