// SPDX-License-Identifier: Apache-2.0

#include "crew.hpp"

#include <signal.h>
#include <unistd.h>

#include <stdexcept>

namespace trionics_test {

task<std::string> own_name() { co_return tractor::current_actor().name(); }
task<int> own_pid() { co_return ::getpid(); }
task<int> square(int number) { co_return number* number; }
task<int> add(int a, int b) { co_return a + b; }
task<> nothing(int) { co_return; }
task<int> late(int ms) {
  co_await sc::sleep(std::chrono::milliseconds(ms));
  co_return ms;
}
task<std::string> appears(std::string path) {
  while (!path.empty() && ::access(path.c_str(), F_OK) != 0) co_await sc::sleep(1ms);
  co_return path;
}
task<> fail_with(std::string text) {
  co_await sc::checkpoint();
  throw std::runtime_error(text);
}
task<int> die_at(int number) {
  if (number < 0) ::kill(::getpid(), SIGKILL);
  co_return number;
}
task<> wait_for_ever() { co_await sc::sleep_forever(); }

task<int> add_up(tractor::context<void, int, void>& ctx) {
  co_await ctx.started();
  int sum = 0;
  co_await ctx.open_stream([&](auto& stream) -> task<> {
    while (auto number = co_await stream.next()) sum += *number;
  });
  co_return sum;
}

task<> ten_times(tractor::context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> task<> {
    while (auto number = co_await stream.next()) co_await stream.send(10 * *number);
  });
}

std::exception_ptr actors_test::outcome_of(const std::function<task<>()>& body) {
  try {
    sc::run(sc::run_options{.swallow = sc::swallow_policy::fail}, [&]() -> task<> { co_await sc::fail_after(30s, body); });
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace trionics_test

TRACTOR_MODULE(crew) {
  using namespace trionics_test;
  mod.def<&own_name>("own_name");
  mod.def<&own_pid>("own_pid");
  mod.def<&square>("square", "number");
  mod.def<&add>("add", "a", "b");
  mod.def<&nothing>("nothing", "number");
  mod.def<&late>("late", "ms");
  mod.def<&appears>("appears", "path");
  mod.def<&fail_with>("fail_with", "text");
  mod.def<&die_at>("die_at", "number");
  mod.def<&wait_for_ever>("wait_for_ever");
  mod.def<&add_up>("add_up");
  mod.def<&ten_times>("ten_times");
}
