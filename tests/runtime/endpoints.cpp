// SPDX-License-Identifier: Apache-2.0

#include "endpoints.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include "tractor/runtime/server.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/finally.hpp"

namespace kit {

using namespace std::chrono_literals;
using tractor::actor_nursery;

namespace {

std::map<std::string, int> cancelled_counts;  // by actor: several may live in one process
int boxes_opened = 0;

std::string own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return text.substr(0, text.find('\0'));
}

// Waits for ever, and counts the cancel that ends it.
sc::task<> count_the_end() {
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    ++cancelled_counts[tractor::current_actor().uid().uuid];
    throw;
  }
}

}  // namespace

// --- identity and world ---

sc::task<identity> who() {
  const auto& self = tractor::current_actor();
  co_return identity{.name = self.name(),
                     .uuid = self.uid().uuid,
                     .pid = ::getpid(),
                     .parent_pid = ::getppid(),
                     .root = self.is_root(),
                     .title = own_command_line()};
}

sc::task<identity> who_is_started_by_another_group() {
  if (::setegid(another_group) != 0) throw tractor::os_error("setegid", errno);
  identity found;
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto leaf = co_await an.start_actor("leaf", {.enable_modules = {"kit"}});
    found = co_await leaf.run<&who>();
    co_await an.cancel();
  });
  co_return found;
}

sc::task<surroundings> world() {
  surroundings found;
  found.directory = std::filesystem::current_path().string();
  if (const char* value = std::getenv("RT_VARIABLE")) found.variable = value;
  found.umask = ::umask(0);
  ::umask(static_cast<mode_t>(found.umask));
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  found.descriptors_max = limit.rlim_cur;
  found.input = std::filesystem::read_symlink("/proc/self/fd/0").string();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    found.descriptors.push_back(std::stoi(entry.path().filename().string()));
  std::sort(found.descriptors.begin(), found.descriptors.end());
  co_return found;
}

sc::task<> open_second_root() {
  co_await tractor::open_root_actor([]() -> sc::task<> { co_return; });
}

sc::task<> own_file(std::string path) {
  std::ofstream(path) << "here";
  tractor::current_actor().on_exit([path] { std::remove(path.c_str()); });
  co_return;
}

// --- calls ---

sc::task<everything> echo(everything value) { co_return value; }
sc::task<std::string> echo_text(std::string text) { co_return text; }
sc::task<int> add(int a, int b) { co_return a + b; }
sc::task<int> add_optional(int a, std::optional<int> b) { co_return a + b.value_or(100); }
sc::task<> nothing() { co_return; }
sc::task<std::string> invalid_text() { co_return "\xff\xfe"; }
sc::task<> forever() { co_await sc::sleep_forever(); }
sc::task<> in_no_module() { co_return; }

sc::task<> fail(std::string type, std::string text) {
  if (type == "invalid_argument") throw std::invalid_argument(text);
  if (type == "out_of_range") throw std::out_of_range(text);
  if (type == "system_error") throw std::system_error(ENOENT, std::generic_category(), text);
  if (type == "runtime_error") throw std::runtime_error(text);
  if (type == "overflow_error") throw std::overflow_error(text);
  if (type == "bad_alloc") throw std::bad_alloc();
  if (type == "domain_error") throw std::domain_error(text);
  if (type == "length_error") throw std::length_error(text);
  if (type == "range_error") throw std::range_error(text);
  if (type == "usage_error") throw tractor::usage_error(text);
  if (type == "lagged") throw sc::lagged(3);
  if (type == "bad_index") throw bad_index(text);
  if (type == "custom") throw custom_error(text);
  if (type == "unregistered") throw unregistered_error(text);
  if (type == "out_of_paper") throw out_of_paper();
  if (type == "int") throw 7;
  if (type == "keyboard_interrupt") throw tractor::keyboard_interrupt(text);
  if (type == "type_error") throw tractor::type_error(text);
  if (type == "too_slow") throw sc::too_slow_error(text);
  if (type == "end_of_channel") throw sc::end_of_channel(text);
  if (type == "os_error") throw tractor::os_error(text, ENOENT);
  if (type == "group")
    throw sc::exception_group("two", {std::make_exception_ptr(std::invalid_argument("first " + text)),
                                      std::make_exception_ptr(std::out_of_range("second " + text))});
  if (type == "group_in_a_group") {
    const sc::exception_group inner("inner",
                                    {std::make_exception_ptr(custom_error(text)), std::make_exception_ptr(unregistered_error(text))});
    throw sc::exception_group("outer", {std::make_exception_ptr(inner), std::make_exception_ptr(std::out_of_range(text))});
  }
  if (type == "crowd")
    throw sc::exception_group("crowd", std::vector(tractor::error_members_max + 1, std::make_exception_ptr(std::runtime_error(text))));
  throw std::logic_error("no error is called " + type);
  co_return;
}

[[gnu::noinline]] void check_the_seal(const std::string& text) {
  if (!text.empty()) throw std::invalid_argument(text);
}
[[gnu::noinline]] void open_the_box(const std::string& text) {
  check_the_seal(text);
  ++boxes_opened;
}
sc::task<> fail_in_a_function(std::string text) {
  open_the_box(text);
  co_return;
}

sc::task<bool> has_mapped(std::string name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find("/" + name) != std::string::npos) co_return true;
  co_return false;
}

sc::task<> fail_with_bytes() {
  throw std::runtime_error("bytes \xff\xfe");
  co_return;
}

sc::task<> fail_below(int hops, std::string type) {
  if (hops == 0) co_await fail(type, "deep down");
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor("hop" + std::to_string(hops), {.enable_modules = {"kit"}});
    co_await below.run<&fail_below>(hops - 1, type);
  });
}

sc::task<std::vector<identity>> chain(int depth, std::string method) {
  std::vector<identity> found{co_await who()};
  if (depth > 0)
    co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
      auto below = co_await an.start_actor("level" + std::to_string(depth),
                                           {.enable_modules = {"kit"}, .start_method = tractor::spawn::parse_start_method(method)});
      auto deeper = co_await below.run<&chain>(depth - 1, method);
      found.insert(found.end(), deeper.begin(), deeper.end());
      co_await below.cancel_actor();
    });
  co_return found;
}

// --- what happened in this process ---

sc::task<int> count_cancelled() { co_return cancelled_counts[tractor::current_actor().uid().uuid]; }
sc::task<> fail_when_cancelled(std::string type) {
  bool cut = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    cut = true;
  }
  if (cut) co_await fail(type, "in cleanup");
}
sc::task<> wait_and_count() { co_await count_the_end(); }
sc::task<std::size_t> running_calls() { co_return tractor::current_actor().running_calls(); }
sc::task<std::vector<tractor::ipc::address>> where_it_listens() { co_return tractor::accept_addresses(); }

// --- contexts ---

sc::task<std::string> simple(context<int>& ctx, int value) {
  co_await ctx.started(value + 1);
  co_return "yo";
}

sc::task<> sleeper(context<>& ctx) {
  co_await ctx.started();
  co_await sc::sleep_forever();
}

sc::task<> counted_sleeper(context<>& ctx) {
  co_await ctx.started();
  co_await count_the_end();
}

sc::task<> fail_when_told(context<void, int>& ctx, std::string type) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    static_cast<void>(co_await stream.receive());
    co_await fail(type, "as told");
  });
}

sc::task<> fail_before_started(context<int>&) {
  throw std::invalid_argument("not even started");
  co_return;
}
sc::task<int> never_started(context<int>&) { co_return 5; }

sc::task<> started_twice(context<int>& ctx) {
  co_await ctx.started(1);
  co_await ctx.started(2);
}

sc::task<> stream_before_started(context<int, int, int>& ctx) {
  co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
}

sc::task<std::string> bad_started_then_good(context<std::string>& ctx) {
  std::string complaint;
  try {
    co_await ctx.started(std::string("\xff"));
  } catch (const tractor::error& bad) {
    complaint = bad.what();
  }
  co_await ctx.started(std::string("good"));
  co_return complaint;
}

sc::task<> cancels_itself(context<>& ctx, bool before_started) {
  if (!before_started) co_await ctx.started();
  ctx.cancel();
  co_await sc::sleep_forever();
}

sc::task<int> cancels_itself_and_returns(context<>& ctx) {
  co_await ctx.started();
  ctx.cancel();
  co_return 3;
}

sc::task<int> swallows_the_cancel(context<>& ctx) {
  co_await ctx.started();
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    // Wrong, and it must not pass for success.
  }
  co_return 4;
}

sc::task<> fails_when_cancelled(context<>& ctx, std::string type) {
  co_await ctx.started();
  bool cut = false;
  try {
    co_await sc::sleep_forever();
  } catch (const sc::cancelled&) {
    cut = true;
  }
  if (cut) co_await fail(type, "in cleanup");
}

sc::task<> error_then_cancelled_in_cleanup(context<>& ctx) {
  co_await sc::finally(
      [&]() -> sc::task<> {
        co_await ctx.started();
        throw std::runtime_error("the original error");
      },
      []() -> sc::task<> { co_await sc::sleep(50ms); });
}

sc::task<> slow_to_end(context<>& ctx, int shielded_ms) {
  co_await ctx.started();
  co_await sc::finally([]() -> sc::task<> { co_await count_the_end(); },
                       [=]() -> sc::task<> { co_await sc::sleep(std::chrono::milliseconds(shielded_ms)); });
}

sc::task<> end_when_allowed(context<>& ctx, std::string file) {
  co_await ctx.started();
  co_await sc::finally([]() -> sc::task<> { co_await count_the_end(); },
                       [&]() -> sc::task<> {
                         while (!std::filesystem::exists(file)) co_await sc::sleep(1ms);
                       });
}

sc::task<tractor::uid> own_uid(context<int>& ctx) {
  co_await ctx.started(0);
  co_return tractor::current_actor().uid();
}

namespace {

sc::task<> text_out(context<void, int, std::string>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await stream.send("not a number");
    co_await count_the_end();
  });
}

sc::task<> text_in(context<void, std::string, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
}

sc::task<> text_first(context<std::string>& ctx) {
  co_await ctx.started(std::string("text"));
  co_await count_the_end();
}

sc::task<std::string> text_last(context<>& ctx) {
  co_await ctx.started();
  co_return "text";
}

}  // namespace

// --- processes ---

sc::task<> die(std::string how) {
  if (how == "kill") ::kill(::getpid(), SIGKILL);
  if (how == "abort") std::abort();
  if (how == "exit") ::_exit(3);
  if (how == "segv") ::raise(SIGSEGV);
  if (how == "stderr") {
    std::fputs("the last words\n", stderr);
    std::fflush(stderr);
    ::_exit(4);
  }
  throw std::logic_error("no way to die is called " + how);
  co_return;
}

sc::task<> die_in_context(context<>& ctx, std::string how) {
  co_await ctx.started();
  ctx.kernel_link().via().channel().flush();
  co_await die(how);
}

namespace {

[[noreturn]] void stop_answering(const std::string& how, bool deaf) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  if (deaf) ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  volatile unsigned spins = 0;
  for (;;) {
    if (how == "busy")
      spins = spins + 1;
    else
      ::pause();
  }
}

}  // namespace

sc::task<> block(context<int>& ctx, std::string how, bool deaf) {
  co_await ctx.started(::getpid());
  ctx.kernel_link().via().channel().flush();
  stop_answering(how, deaf);
}

sc::task<> block_below(context<std::vector<int>>& ctx, std::string how, bool deaf) {
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor("blocked", {.enable_modules = {"kit"}});
    co_await below.open_context<&block>({how, deaf}, [&](auto&, int pid) -> sc::task<> {
      co_await ctx.started(std::vector<int>{::getpid(), pid});
      co_await sc::sleep_forever();
    });
  });
}

sc::task<> hold_below(context<std::vector<int>>& ctx) {
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor("held", {.enable_modules = {"kit"}});
    co_await ctx.started(std::vector<int>{::getpid(), static_cast<int>(*below.pid())});
    co_await sc::sleep_forever();
  });
}

sc::task<> cancel_actor_at(std::string dir, std::string file) {
  co_await tractor::open_portal(tractor::ipc::uds_address{.dir = dir, .file = file}, [](tractor::portal& there) -> sc::task<> {
    if (!co_await there.cancel_actor({.timeout = 30s})) throw std::runtime_error("not acknowledged");
  });
}

sc::task<> cancel_whole_actor(context<>& ctx, std::string requester) {
  co_await ctx.started();
  tractor::current_actor().cancel_soon(tractor::uid{.name = requester, .uuid = "11111111-2222-4333-8444-555555555555"}, "asked to");
  co_await sc::sleep_forever();
}

sc::task<> print(std::string text, bool to_stderr) {
  std::FILE* const to = to_stderr ? stderr : stdout;
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
  co_return;
}

sc::task<> print_below(context<int>& ctx, std::string text, bool by_exec) {
  co_await tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
    auto below = co_await an.start_actor(
        "below", {.enable_modules = {"kit"},
                  .start_method = by_exec ? tractor::spawn::start_method::exec : tractor::spawn::start_method::forkserver});
    co_await below.run<&print>(std::move(text), true);
    co_await ctx.started(static_cast<int>(*below.pid()));
    co_await an.cancel();
  });
}

sc::task<> print_for_ever(context<>& ctx) {
  co_await ctx.started();
  for (;;) {
    std::fputs("again and again and again\n", stderr);
    co_await sc::checkpoint();
  }
}

}  // namespace kit

TRACTOR_MODULE(kit) {
  using namespace kit;
  mod.def<&who>("who");
  mod.def<&who_is_started_by_another_group>("who_is_started_by_another_group");
  mod.def<&world>("world");
  mod.def<&open_second_root>("open_second_root");
  mod.def<&own_file>("own_file", "path");
  mod.def<&echo>("echo", "value");
  mod.def<&echo_text>("echo_text", "text");
  mod.def<&add>("add", "a", "b");
  mod.def<&add_optional>("add_optional", "a", "b");
  mod.def<&nothing>("nothing");
  mod.def<&invalid_text>("invalid_text");
  mod.def<&forever>("forever");
  mod.def<&fail>("fail", "type", "text");
  mod.error<custom_error>();
  mod.error<out_of_paper>("OutOfPaper");
  mod.def<&fail_with_bytes>("fail_with_bytes");
  mod.def<&fail_in_a_function>("fail_in_a_function", "text");
  mod.def<&has_mapped>("has_mapped", "name");
  mod.def<&fail_below>("fail_below", "hops", "type");
  mod.def<&chain>("chain", "depth", "method");
  mod.def<&count_cancelled>("count_cancelled");
  mod.def<&fail_when_cancelled>("fail_when_cancelled", "type");
  mod.def<&wait_and_count>("wait_and_count");
  mod.def<&running_calls>("running_calls");
  mod.def<&where_it_listens>("where_it_listens");
  mod.def<&simple>("simple", "value");
  mod.def<&sleeper>("sleeper");
  mod.def<&counted_sleeper>("counted_sleeper");
  mod.def<&fail_when_told>("fail_when_told", "type");
  mod.def<&fail_before_started>("fail_before_started");
  mod.def<&never_started>("never_started");
  mod.def<&started_twice>("started_twice");
  mod.def<&stream_before_started>("stream_before_started");
  mod.def<&bad_started_then_good>("bad_started_then_good");
  mod.def<&cancels_itself>("cancels_itself", "before_started");
  mod.def<&cancels_itself_and_returns>("cancels_itself_and_returns");
  mod.def<&swallows_the_cancel>("swallows_the_cancel");
  mod.def<&fails_when_cancelled>("fails_when_cancelled", "type");
  mod.def<&error_then_cancelled_in_cleanup>("error_then_cancelled_in_cleanup");
  mod.def<&slow_to_end>("slow_to_end", "shielded_ms");
  mod.def<&end_when_allowed>("end_when_allowed", "file");
  mod.def<&own_uid>("own_uid");
  mod.def<&echo_stream>("echo_stream");
  mod.def<&send_numbers>("send_numbers", "count");
  mod.def<&send_numbers_at_once>("send_numbers_at_once", "count");
  mod.def<&send_numbers_on_request>("send_numbers_on_request");
  mod.def<&bursts_sent>("bursts_sent");
  mod.def<&measure_text>("measure_text", "buffer_messages");
  mod.def<&receive_late>("receive_late", "policy", "buffer_messages");
  mod.def<&receive_as_allowed>("receive_as_allowed", "buffer_messages");
  mod.def<&set_allowance>("set_allowance", "messages");
  mod.def<&send_counted>("send_counted", "count", "bytes");
  mod.def<&numbers_sent>("numbers_sent");
  mod.def<&end_on_request>("end_on_request");
  mod.def<&tell_about_context>("tell_about_context");
  mod.def<&send_last_words>("send_last_words", "count");
  mod.def<&close_or_end_on_request>("close_or_end_on_request");
  mod.def<&end_streams>("end_streams", "how");
  mod.def<&tasks_waiting_for>("tasks_waiting_for", "what");
  mod.def<&never_opens>("never_opens");
  mod.def<&sum>("sum");
  mod.def<&send_invalid_text>("send_invalid_text");
  mod.def<&reopen>("reopen");
  mod.def<&close_while_sending>("close_while_sending");
  mod.def<&fail_in_stream>("fail_in_stream");
  mod.def<&die>("die", "how");
  mod.def<&die_in_context>("die_in_context", "how");
  mod.def<&block>("block", "how", "deaf");
  mod.def<&block_below>("block_below", "how", "deaf");
  mod.def<&hold_below>("hold_below");
  mod.def<&cancel_actor_at>("cancel_actor_at", "dir", "file");
  mod.def<&cancel_whole_actor>("cancel_whole_actor", "requester");
  mod.def<&print>("print", "text", "to_stderr");
  mod.def<&print_below>("print_below", "text", "by_exec");
  mod.def<&print_for_ever>("print_for_ever");
}

namespace {
tractor::sc::task<int> hidden() { co_return 1; }
}  // namespace

TRACTOR_MODULE(mixed) {
  using namespace kit;
  if (in_the_test) {
    mod.def<&numbers_out>("out");
    mod.def<&numbers_in>("in");
    mod.def<&number_first>("first");
    mod.def<&number_last>("last");
  } else {
    mod.def<&text_out>("out");
    mod.def<&text_in>("in");
    mod.def<&text_first>("first");
    mod.def<&text_last>("last");
  }
}

TRACTOR_MODULE(other) { mod.def<&hidden>("hidden"); }
