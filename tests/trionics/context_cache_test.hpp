// SPDX-License-Identifier: Apache-2.0
//
// What the tests of shared resources have in common.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tractor/trionics/context_cache.hpp"
#include "trionics_test.hpp"

namespace cache_test {

using namespace trionics_test;
using tractor::trionics::context_cache;
using tractor::trionics::inside;
using tractor::trionics::manager;

using cache_type = context_cache<std::string, int>;

// What happened to the resource, with the time in seconds.
struct diary {
  std::vector<std::string> lines;
  int entries = 0;
  void note(const std::string& what) {
    lines.push_back(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(since_start()).count()) + " " + what);
  }
};

// Opens and closes in its own time; its value says the how manieth it is.
inline manager<int> timed(diary& book, sc::duration entry = 0s, sc::duration exit = 0s) {
  return [&book, entry, exit](inside<int> body) -> task<> {
    co_await sc::sleep(entry);
    int value = ++book.entries;
    book.note("open");
    co_await sc::finally([&] { return body(value); },
                         [&]() -> task<> {
                           co_await sc::sleep(exit);
                           book.note("closed");
                         },
                         1h);
  };
}

inline auto stay(sc::duration time) {
  return [time](bool, int&) -> task<> { co_await sc::sleep(time); };
}

// A cache around its users.
inline task<> with_cache(std::function<task<>(cache_type& cache, nursery& users)> body) {
  co_await sc::open_nursery([&](nursery& service) -> task<> {
    cache_type cache(service);
    co_await sc::open_nursery([&](nursery& users) { return body(cache, users); });
    EXPECT_EQ(cache.size(), 0u);
    EXPECT_EQ(service.task_count(), 0u);
  });
}

}  // namespace cache_test
