// SPDX-License-Identifier: Apache-2.0
//
// What the actors of these tests can do: module "kit", and "other" for what an actor does not expose.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tractor/tractor.hpp"

namespace kit {

namespace sc = tractor::sc;

// --- identity and world ---

struct identity {
  std::string name;
  std::string uuid;
  int pid = 0;
  int parent_pid = 0;
  bool root = false;
  std::string title;
};
sc::task<identity> who();
// Takes that group as its effective one, starts an actor and asks it.
inline constexpr unsigned another_group = 65534;
sc::task<identity> who_is_started_by_another_group();

struct surroundings {
  std::string directory;
  std::optional<std::string> variable;  // RT_VARIABLE
  unsigned umask = 0;
  std::uint64_t descriptors_max = 0;
  std::string input;
  std::vector<int> descriptors;
};
sc::task<surroundings> world();

sc::task<> open_second_root();
// Removes `path` when the actor ends.
sc::task<> own_file(std::string path);

// --- calls ---

enum class colour : unsigned char { red, green };
struct point {
  int x = 0;
  int y = 0;
};
struct everything {
  bool flag = false;
  std::int64_t small = 0;
  std::uint64_t big = 0;
  double real = 0;
  std::string text;
  tractor::msg::bytes raw;
  std::optional<int> nothing;
  std::optional<int> something;
  std::vector<point> points;
  std::map<std::string, int> table;
  std::variant<int, std::string> either;
  colour paint = colour::red;
  std::chrono::milliseconds pause{};
};
sc::task<everything> echo(everything value);
sc::task<std::string> echo_text(std::string text);
sc::task<int> add(int a, int b);
sc::task<int> add_optional(int a, std::optional<int> b);
sc::task<> nothing();
sc::task<std::string> invalid_text();
sc::task<> forever();
sc::task<> in_no_module();

struct custom_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct unregistered_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct bad_index : std::out_of_range {  // travels by its base's name
  using std::out_of_range::out_of_range;
};
struct out_of_paper : std::domain_error {  // registered under another name, and made from nothing
  out_of_paper() : std::domain_error("no paper") {}
};
// Throws the error of that name.
sc::task<> fail(std::string type, std::string text);
sc::task<> fail_with_bytes();
// Whether this process has a file of such a name in its memory.
sc::task<bool> has_mapped(std::string name);
// Fails in check_the_seal, called by open_the_box.
sc::task<> fail_in_a_function(std::string text);
// Starts an actor below that, and so on `hops` times, the last of which fails; each passes the error on.
sc::task<> fail_below(int hops, std::string type);
// The names from here to `depth` levels below.
sc::task<std::vector<identity>> chain(int depth, std::string method);

// --- what happened in this process ---

sc::task<int> count_cancelled();
// Waits for ever; counts how often that was cancelled.
sc::task<> wait_and_count();
// Waits for ever; fails when cancelled.
sc::task<> fail_when_cancelled(std::string type);
sc::task<std::size_t> running_calls();
sc::task<std::vector<tractor::ipc::address>> where_it_listens();

// --- contexts ---

template <class First = void, class In = void, class Out = void>
using context = tractor::context<First, In, Out>;

sc::task<std::string> simple(context<int>& ctx, int value);
sc::task<> sleeper(context<>& ctx);
// Runs for ever and counts its cancellation.
sc::task<> counted_sleeper(context<>& ctx);
// started, then throws once it is told to (a stream item).
sc::task<> fail_when_told(context<void, int>& ctx, std::string type);
sc::task<> fail_before_started(context<int>& ctx);
sc::task<int> never_started(context<int>& ctx);
sc::task<> started_twice(context<int>& ctx);
sc::task<> stream_before_started(context<int, int, int>& ctx);
sc::task<std::string> bad_started_then_good(context<std::string>& ctx);
sc::task<> cancels_itself(context<>& ctx, bool before_started);
sc::task<int> cancels_itself_and_returns(context<>& ctx);
sc::task<int> swallows_the_cancel(context<>& ctx);
sc::task<> fails_when_cancelled(context<>& ctx, std::string type);
sc::task<> error_then_cancelled_in_cleanup(context<>& ctx);
// Ends only `shielded_ms` after it was cancelled.
sc::task<> slow_to_end(context<>& ctx, int shielded_ms);
// Ends only when it was cancelled and there is such a file (runtime_test.hpp: permission).
sc::task<> end_when_allowed(context<>& ctx, std::string file);
sc::task<tractor::uid> own_uid(context<int>& ctx);

// --- streams ---

sc::task<int> echo_stream(context<void, int, int>& ctx);
// Sends 0 … count-1, ends the stream, returns count.
sc::task<int> send_numbers(context<void, int, int>& ctx, int count);
// Sends when told how many; says afterwards that it did, by its result.
sc::task<int> send_numbers_at_once(context<void, int, int>& ctx, int count);  // and hears nothing of its peer meanwhile
sc::task<int> send_numbers_on_request(context<void, int, int>& ctx);
sc::task<std::size_t> bursts_sent();  // how many requests of send_numbers_on_request this process has answered, or failed at
// Opens its stream when the parent closes its own; gives what it then finds.
// Reads only when all has come, under that policy; gives what was left, and behind it how many were dropped.
sc::task<std::vector<int>> receive_late(context<void, int, int>& ctx, std::string policy, std::size_t buffer_messages);
// Receives as many as it is told to by set_allowance, and then waits.
sc::task<std::vector<int>> receive_as_allowed(context<void, int, int>& ctx, std::size_t buffer_messages);
sc::task<> set_allowance(int messages);
// Sends so many, of that size; how many it has sent is numbers_sent().
sc::task<int> send_counted(context<void, std::string, std::string>& ctx, int count, int bytes);
sc::task<int> numbers_sent();
// Opens its stream and reads nothing, until end_streams("close", "return", "fail" or "cancel") says how to go on.
sc::task<> close_or_end_on_request(context<void, int, int>& ctx);
// Hands over its cid, side and opener, and waits.
sc::task<> tell_about_context(context<std::string, int, int>& ctx);
// Sends back how long each text is; takes so many at a time.
sc::task<> measure_text(context<void, std::string, std::size_t>& ctx, std::size_t buffer_messages);
// Never opens it, but returns, or fails, when told to.
sc::task<> end_on_request(context<void, int, int>& ctx);
sc::task<> end_streams(std::string how);
// Sends, out of reach of cancels, when its task is cancelled; how many it has sent is numbers_sent().
sc::task<> send_last_words(context<void, int, int>& ctx, int count);
// How many tasks of this actor wait for that.
sc::task<int> tasks_waiting_for(std::string what);
sc::task<> never_opens(context<void, int, int>& ctx);
sc::task<int> sum(context<void, int, int>& ctx);

// Both sides of a program agree on the types of an endpoint. For these the actors do not agree with the test: there each of them
// deals in text. They are in module "mixed".
extern bool in_the_test;  // set by main
sc::task<> numbers_out(context<void, int, int>& ctx);
sc::task<> numbers_in(context<void, int, int>& ctx);
sc::task<> number_first(context<int>& ctx);
sc::task<int> number_last(context<>& ctx);

sc::task<> send_invalid_text(context<void, int, std::string>& ctx);
sc::task<> reopen(context<void, int, int>& ctx);
sc::task<> close_while_sending(context<void, int, int>& ctx);
sc::task<> fail_in_stream(context<void, int, int>& ctx);

// --- processes ---

// Ends the process: "kill", "abort", "exit", "segv".
sc::task<> die(std::string how);
sc::task<> die_in_context(context<>& ctx, std::string how);
// Told with started(), stops answering: "busy", in a loop, or "asleep", in a system call; with SIGTERM blocked or not.
sc::task<> block(context<int>& ctx, std::string how, bool deaf);
// The same below an actor that this one starts; hands over both pids.
sc::task<> block_below(context<std::vector<int>>& ctx, std::string how, bool deaf);
// A daemon below an actor, kept until this is cancelled.
sc::task<> hold_below(context<std::vector<int>>& ctx);
// Connects to the actor that listens there and cancels it.
sc::task<> cancel_actor_at(std::string dir, std::string file);
sc::task<> cancel_whole_actor(context<>& ctx, std::string requester);
sc::task<> print(std::string text, bool to_stderr);
// Has an actor below it write to stderr, and says its pid.
sc::task<> print_below(context<int>& ctx, std::string text, bool by_exec);
sc::task<> print_for_ever(context<>& ctx);

}  // namespace kit
