// SPDX-License-Identifier: Apache-2.0
//
// Rows of dialogs with one actor: calls, contexts, streams. The `uds` rows use the link that parent and child are born with, a
// UNIX socketpair; the `tcp` rows a connection to the actor's listener. One-way streams are of an application that bounds what
// is under way itself: the reader counts, and the writer is never more than a window ahead of what was counted.
#include "endpoints.hpp"
#include "floors.hpp"
#include "row.hpp"

#include <algorithm>
#include <stdexcept>

namespace {

namespace sc = tractor::sc;
using bench::now_ns;
using bench::pass;

enum class transport { uds, tcp };

using dialog_body = sc::task<> (*)(pass&, tractor::portal&);

// Runs `body` with a portal to an actor, which sits where the row wants it.
void with_worker(pass& p, transport over, bool two_cores, dialog_body body) {
  bench::in_root([&](tractor::actor_nursery& an) -> sc::task<> {
    tractor::actor_options options = bench::worker_options();
    if (over == transport::tcp) options.bind_addrs = {tractor::ipc::tcp_address{"127.0.0.1", 0}};
    tractor::portal worker = co_await an.start_actor("worker", std::move(options));
    if (two_cores) co_await worker.run<&bench::move_to_cpu>(p.second_cpu());
    if (over == transport::tcp) {
      const int port = co_await worker.run<&bench::tcp_port>();
      co_await tractor::open_portal(tractor::ipc::tcp_address{"127.0.0.1", static_cast<std::uint16_t>(port)},
                                    [&](tractor::portal& there) { return body(p, there); });
    } else {
      co_await body(p, worker);
    }
    co_await worker.cancel_actor();
  });
}

template <transport Over, bool TwoCores, dialog_body Body>
void row_with(pass& p) {
  with_worker(p, Over, TwoCores, Body);
}

constexpr std::size_t round_trips_uncounted = 200;

void check_number(int got, int sent) {
  if (got != sent) throw std::runtime_error("a number came back as another");
}

sc::task<> calls(pass& p, tractor::portal& worker) {
  for (std::size_t i = 0; p.wanted(); ++i) {
    const double before = now_ns();
    check_number(co_await worker.run<&bench::same_number>(static_cast<int>(i)), static_cast<int>(i));
    if (i >= round_trips_uncounted) p.add_ns(now_ns() - before);
  }
}

sc::task<> contexts(pass& p, tractor::portal& worker) {
  for (std::size_t i = 0; p.wanted(); ++i) {
    const int number = static_cast<int>(i);
    const double before = now_ns();
    const auto result = co_await worker.open_context<&bench::open_and_close>({number}, [&](auto&, int started) -> sc::task<> {
      check_number(started, number);
      co_return;
    });
    check_number(result.value(), number);
    if (i >= round_trips_uncounted) p.add_ns(now_ns() - before);
  }
}

sc::task<> ping_pongs(pass& p, tractor::portal& worker) {
  co_await worker.open_context<&bench::echo>({}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      for (std::int64_t i = 0; p.wanted(); ++i) {
        const double before = now_ns();
        co_await stream.send(i);
        if (co_await stream.receive() != i) throw std::runtime_error("a number came back as another");
        if (i >= static_cast<std::int64_t>(round_trips_uncounted)) p.add_ns(now_ns() - before);
      }
    });
  });
}

// Blocks of so many messages, each timed until it is counted; the first is not.
template <auto Endpoint, class Message>
sc::task<> one_way(pass& p, tractor::portal& worker, Message message, std::int64_t report_every, std::int64_t window, std::int64_t block,
                   double scale) {
  co_await worker.open_context<Endpoint>({report_every}, [&](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
      std::int64_t sent = 0, counted = 0;
      const auto send_block = [&]() -> sc::task<> {
        for (std::int64_t i = 0; i < block; ++i) {
          while (sent - counted >= window) counted = co_await stream.receive();
          co_await stream.send(message);
          ++sent;
        }
        while (counted < sent) counted = co_await stream.receive();
      };
      co_await send_block();
      while (p.wanted()) {
        const double before = now_ns();
        co_await send_block();
        p.add_rate(static_cast<double>(block) * scale, now_ns() - before);
      }
    });
  });
}

sc::task<> small_messages(pass& p, tractor::portal& worker) {
  return one_way<&bench::count_small>(p, worker, std::int64_t{7}, bench::stream_report_every, bench::stream_window,
                                      100 * bench::stream_report_every, 1);
}

sc::task<> bulk_messages(pass& p, tractor::portal& worker) {
  constexpr std::size_t bulk_bytes = 64 * 1024;
  constexpr std::int64_t every = bench::bulk_report_every;
  const tractor::msg::bytes message(bulk_bytes, std::byte{'x'});
  co_await one_way<&bench::count_bulk>(p, worker, tractor::msg::bytes_view(message), every, bench::bulk_window, 100 * every,
                                       bulk_bytes / 1e6);
}

constexpr bench::row same_core(std::string_view id, std::string_view what, void (*run)(pass&), const bench::floor_spec& floor) {
  return {.id = id, .unit = "us", .what = what, .run = run, .n = 5000, .floor = &floor};
}
constexpr bench::row two_cores(std::string_view id, std::string_view what, void (*run)(pass&), const bench::floor_spec& floor) {
  return {.id = id, .unit = "us", .what = what, .run = run, .n = 2000, .pin = bench::pinning::two_cores, .floor = &floor};
}

constexpr std::string_view call_text = "portal.run of a function that takes and gives a number";
constexpr std::string_view context_text = "context opened, started, result, closed";
constexpr std::string_view ping_pong_text = "a number there and back on an open stream";
constexpr transport uds = transport::uds, tcp = transport::tcp;
namespace floors = bench::floors;

constexpr bench::row dialog_rows[] = {
    same_core("rpc.uds.same_core", call_text, &row_with<uds, false, &calls>, floors::pingpong_uds_same_core),
    same_core("rpc.uds.beside_python_pipe", call_text, &row_with<uds, false, &calls>, floors::python_pipe),
    two_cores("rpc.uds.two_cores", call_text, &row_with<uds, true, &calls>, floors::pingpong_uds_two_cores),
    same_core("rpc.tcp.same_core", call_text, &row_with<tcp, false, &calls>, floors::pingpong_tcp_same_core),
    two_cores("rpc.tcp.two_cores", call_text, &row_with<tcp, true, &calls>, floors::pingpong_tcp_two_cores),
    same_core("context.uds.same_core", context_text, &row_with<uds, false, &contexts>, floors::pingpong_uds_same_core),
    two_cores("context.uds.two_cores", context_text, &row_with<uds, true, &contexts>, floors::pingpong_uds_two_cores),
    same_core("context.tcp.same_core", context_text, &row_with<tcp, false, &contexts>, floors::pingpong_tcp_same_core),
    two_cores("context.tcp.two_cores", context_text, &row_with<tcp, true, &contexts>, floors::pingpong_tcp_two_cores),
    same_core("stream.pingpong.uds.same_core", ping_pong_text, &row_with<uds, false, &ping_pongs>, floors::pingpong_uds_same_core),
    two_cores("stream.pingpong.uds.two_cores", ping_pong_text, &row_with<uds, true, &ping_pongs>, floors::pingpong_uds_two_cores),
    same_core("stream.pingpong.tcp.same_core", ping_pong_text, &row_with<tcp, false, &ping_pongs>, floors::pingpong_tcp_same_core),
    two_cores("stream.pingpong.tcp.two_cores", ping_pong_text, &row_with<tcp, true, &ping_pongs>, floors::pingpong_tcp_two_cores),
    {
        .id = "stream.small.uds",
        .unit = "msg/s",
        .what = "numbers one way on a stream, frames of about 64 bytes",
        .run = &row_with<uds, true, &small_messages>,
        .n = 10,
        .pin = bench::pinning::two_cores,
        .floor = &floors::small_batch_two_cores,
    },
    {
        .id = "stream.64k.uds",
        .unit = "MB/s",
        .what = "64 KiB of bytes a message one way on a stream",
        .run = &row_with<uds, true, &bulk_messages>,
        .n = 10,
        .pin = bench::pinning::two_cores,
        .floor = &floors::bulk_two_cores,
    },
};

TRACTOR_BENCH_ROWS(dialog_rows);

}  // namespace
