// SPDX-License-Identifier: Apache-2.0
//
// What the rows call in their actors: the module `bench`, in endpoints.cpp, which every actor of the benchmarks exposes.
#pragma once

#include <tractor/tractor.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

// --- calls ---
tractor::sc::task<> nothing();
tractor::sc::task<int> same_number(int number);
tractor::sc::task<int> own_pid();
tractor::sc::task<> fail();
tractor::sc::task<> move_to_cpu(int cpu);  // negative: stays
// How long starting an actor and a first call take, in ns, `count` times one after another, in the actor that is called.
tractor::sc::task<std::vector<double>> boot_times(std::string method, int count);
// How long finding that actor takes, to the end of the connection to it; and asking only where it is.
tractor::sc::task<std::vector<double>> find_times(std::string name, int count);
tractor::sc::task<std::vector<double>> query_times(std::string name, int count);
// The port of the actor's first TCP listener.
tractor::sc::task<int> tcp_port();

// --- contexts ---
tractor::sc::task<int> open_and_close(tractor::context<int>& ctx, int number);
// Sends back what it receives.
tractor::sc::task<> echo(tractor::context<void, std::int64_t, std::int64_t>& ctx);
// Counts what it receives and tells the count every `report_every` messages.
tractor::sc::task<std::int64_t> count_small(tractor::context<void, std::int64_t, std::int64_t>& ctx, std::int64_t report_every);
tractor::sc::task<std::int64_t> count_bulk(tractor::context<void, tractor::msg::bytes, std::int64_t>& ctx, std::int64_t report_every);
// Opens its stream and reads nothing.
tractor::sc::task<> sleep_on_stream(tractor::context<void, tractor::msg::bytes, void>& ctx);
// Is ready, and then waits to be ended.
tractor::sc::task<> wait_for_ever(tractor::context<int>& ctx);
// Tells its pid, blocks SIGTERM and never comes back to its scheduler.
tractor::sc::task<> spin_for_ever(tractor::context<int>& ctx);
// Starts an idle and a spinning actor below itself, tells their pids and its own, and waits.
tractor::sc::task<> hold_leaves(tractor::context<std::vector<int>>& ctx, std::string method);

inline constexpr std::int64_t stream_report_every = 1024;              // messages
inline constexpr std::size_t stream_window = 4 * stream_report_every;  // sent and not counted yet
inline constexpr std::size_t bulk_report_every = 16, bulk_window = 4 * bulk_report_every;

// Options of an actor of the benchmarks; `method` is "forkserver" or "exec".
[[nodiscard]] tractor::actor_options worker_options(const std::string& method = "forkserver");

// Runs `body(actor_nursery&)` as the root actor of a new tree.
void in_root(std::function<tractor::sc::task<>(tractor::actor_nursery&)> body);

}  // namespace bench
