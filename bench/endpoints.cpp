// SPDX-License-Identifier: Apache-2.0
#include "endpoints.hpp"

#include "row.hpp"

#include <tractor/spawn/start_method.hpp>

#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace bench {

namespace sc = tractor::sc;
using namespace std::chrono_literals;

tractor::actor_options worker_options(const std::string& method) {
  tractor::actor_options options{.enable_modules = {"bench"}};
  options.start_method = method == "exec" ? tractor::spawn::start_method::exec : tractor::spawn::start_method::forkserver;
  return options;
}

void in_root(std::function<sc::task<>(tractor::actor_nursery&)> body) {
  sc::run([&]() -> sc::task<> { co_await tractor::open_nursery([&](tractor::actor_nursery& an) { return body(an); }); });
}

sc::task<> nothing() { co_return; }
sc::task<int> same_number(int number) { co_return number; }
sc::task<int> own_pid() { co_return ::getpid(); }
sc::task<> fail() {
  throw std::runtime_error("on purpose");
  co_return;
}

sc::task<> move_to_cpu(int cpu) {
  pin_to(cpu);
  co_return;
}

sc::task<int> tcp_port() {
  for (const tractor::ipc::address& where : tractor::accept_addresses())
    if (where.tcp() != nullptr) co_return where.tcp()->port;
  throw std::runtime_error("this actor listens at no TCP port");
}

sc::task<std::vector<double>> boot_times(std::string method, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    // A nursery for each, so that one has gone before the next comes.
    co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
      const double asked = now_ns();
      const tractor::portal worker = co_await an.start_actor("worker", worker_options(method));
      co_await worker.run<&nothing>();
      times.push_back(now_ns() - asked);
      co_await worker.cancel_actor();
    });
  }
  co_return times;
}

sc::task<std::vector<double>> find_times(std::string name, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double asked = now_ns();
    co_await tractor::find_actor(name, [](std::optional<tractor::portal> found) -> sc::task<> {
      if (!found) throw std::runtime_error("the actor was not found");
      co_return;
    });
    times.push_back(now_ns() - asked);
  }
  co_return times;
}

sc::task<std::vector<double>> query_times(std::string name, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double asked = now_ns();
    if (!co_await tractor::query_actor(name)) throw std::runtime_error("the actor was not found");
    times.push_back(now_ns() - asked);
  }
  co_return times;
}

sc::task<int> open_and_close(tractor::context<int>& ctx, int number) {
  co_await ctx.started(number);
  co_return number;
}

sc::task<> echo(tractor::context<void, std::int64_t, std::int64_t>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    while (const auto number = co_await stream.next()) co_await stream.send(*number);
  });
}

namespace {

template <class Context>
sc::task<std::int64_t> count_messages(Context& ctx, std::int64_t report_every, std::size_t window) {
  co_await ctx.started();
  std::int64_t count = 0;
  co_await ctx.open_stream(
      [&](auto& stream) -> sc::task<> {
        while (const auto message = co_await stream.next())
          if (++count % report_every == 0) co_await stream.send(count);
      },
      {.overruns = {}, .buffer_messages = window});
  co_return count;
}

}  // namespace

sc::task<std::int64_t> count_small(tractor::context<void, std::int64_t, std::int64_t>& ctx, std::int64_t report_every) {
  return count_messages(ctx, report_every, stream_window);
}
sc::task<std::int64_t> count_bulk(tractor::context<void, tractor::msg::bytes, std::int64_t>& ctx, std::int64_t report_every) {
  return count_messages(ctx, report_every, bulk_window);
}

sc::task<> sleep_on_stream(tractor::context<void, tractor::msg::bytes, void>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto&) -> sc::task<> { co_await sc::sleep_forever(); });
}

sc::task<> wait_for_ever(tractor::context<int>& ctx) {
  co_await ctx.started(::getpid());
  co_await sc::sleep_forever();
}

sc::task<> spin_for_ever(tractor::context<int>& ctx) {
  co_await ctx.started(::getpid());
  co_await sc::sleep(1ms);  // what was said leaves when the scheduler's round ends
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  for (volatile bool for_ever = true; for_ever;) {
  }
}

sc::task<> hold_leaves(tractor::context<std::vector<int>>& ctx, std::string method) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    const tractor::portal idle = co_await an.start_actor("idle", worker_options(method));
    const tractor::portal busy = co_await an.start_actor("busy", worker_options(method));
    const int idle_pid = co_await idle.run<&own_pid>();
    co_await busy.open_context<&spin_for_ever>({}, [&](auto&, int busy_pid) -> sc::task<> {
      co_await ctx.started(std::vector<int>{::getpid(), idle_pid, busy_pid});
      co_await sc::sleep_forever();
    });
  });
}

}  // namespace bench

TRACTOR_MODULE(bench) {
  mod.def<&bench::nothing>("nothing");
  mod.def<&bench::same_number>("same_number", "number");
  mod.def<&bench::own_pid>("own_pid");
  mod.def<&bench::fail>("fail");
  mod.def<&bench::sleep_on_stream>("sleep_on_stream");
  mod.def<&bench::move_to_cpu>("move_to_cpu", "cpu");
  mod.def<&bench::boot_times>("boot_times", "method", "count");
  mod.def<&bench::tcp_port>("tcp_port");
  mod.def<&bench::find_times>("find_times", "name", "count");
  mod.def<&bench::query_times>("query_times", "name", "count");
  mod.def<&bench::open_and_close>("open_and_close", "number");
  mod.def<&bench::echo>("echo");
  mod.def<&bench::count_small>("count_small", "report_every");
  mod.def<&bench::count_bulk>("count_bulk", "report_every");
  mod.def<&bench::wait_for_ever>("wait_for_ever");
  mod.def<&bench::spin_for_ever>("spin_for_ever");
  mod.def<&bench::hold_leaves>("hold_leaves", "method");
}
