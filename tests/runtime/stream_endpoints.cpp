// SPDX-License-Identifier: Apache-2.0
//
// The endpoints of the module "kit" that stream.

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "endpoints.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/task_tree.hpp"

namespace kit {

using namespace std::chrono_literals;

sc::task<int> echo_stream(context<void, int, int>& ctx) {
  co_await ctx.started();
  int count = 0;
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (auto item = co_await stream.next()) {
      ++count;
      co_await stream.send(*item);
    }
  });
  co_return count;
}

sc::task<int> send_numbers(context<void, int, int>& ctx, int count) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (int i = 0; i < count; ++i) co_await stream.send(i);
  });
  co_return count;
}

sc::task<int> send_numbers_at_once(context<void, int, int>& ctx, int count) {
  co_await ctx.started();
  co_await ctx.open_stream([&](auto&) -> sc::task<> {
    auto& link = ctx.kernel_link();
    for (int i = 0; i < count; ++i) link.via().send([&](tractor::msg::buffer& out) { tractor::msg::encode_yield(out, link.cid(), i); });
    co_return;
  });
  co_return count;
}

sc::task<> measure_text(context<void, std::string, std::size_t>& ctx, std::size_t buffer_messages) {
  ctx.kernel_link().change_receiving(tractor::overruns::block, buffer_messages);
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (const auto text = co_await stream.next()) {
      if (text->find_first_not_of('x') != std::string::npos) throw std::runtime_error("another text");
      co_await stream.send(text->size());
    }
  });
}

constinit std::size_t bursts = 0;  // of this process that have been sent, or have failed
sc::task<std::size_t> bursts_sent() { co_return bursts; }

sc::task<int> send_numbers_on_request(context<void, int, int>& ctx) {
  co_await ctx.started();
  int sent = 0;
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (auto count = co_await stream.next()) {
      struct burst {
        ~burst() { ++bursts; }
      } const counted;
      for (int i = 0; i < *count; ++i) co_await stream.send(sent++);
      co_await stream.send(-1);
    }
  });
  co_return sent;
}

sc::task<std::vector<int>> receive_late(context<void, int, int>& ctx, std::string policy, std::size_t buffer_messages) {
  auto& link = ctx.kernel_link();
  link.change_receiving(policy == "error" ? tractor::overruns::error : tractor::overruns::drop_oldest, buffer_messages);
  co_await ctx.started();
  std::vector<int> found;
  while (!link.stop_received() && !link.remote_error()) co_await link.news().park("the end of the parent's stream");
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (auto item = co_await stream.next()) found.push_back(*item);
    if (policy != "error") found.push_back(static_cast<int>(stream.dropped()));
  });
  co_return found;
}

namespace {
int allowance = 0;
sc::parking_lot& allowance_changed() {
  static sc::parking_lot lot;
  return lot;
}
int sent_so_far = 0;
}  // namespace

sc::task<> set_allowance(int messages) {
  allowance = messages;
  allowance_changed().unpark_all();
  co_return;
}

sc::task<std::vector<int>> receive_as_allowed(context<void, int, int>& ctx, std::size_t buffer_messages) {
  co_await ctx.started();
  std::vector<int> found;
  co_await ctx.open_stream(
      [&](auto& stream) -> sc::task<> {
        for (;;) {
          while (static_cast<int>(found.size()) >= allowance) co_await allowance_changed().park("allowance");
          const auto item = co_await stream.next();
          if (!item) co_return;
          found.push_back(*item);
        }
      },
      {.overruns = {}, .buffer_messages = buffer_messages});
  co_return found;
}

sc::task<int> send_counted(context<void, std::string, std::string>& ctx, int count, int bytes) {
  sent_so_far = 0;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    for (; sent_so_far < count; ++sent_so_far) co_await stream.send(std::string(static_cast<std::size_t>(bytes), 'x'));
  });
  co_return sent_so_far;
}

namespace {
std::string& how_to_end() {
  static std::string how;
  return how;
}
sc::parking_lot& told_to_end() {
  static sc::parking_lot lot;
  return lot;
}
}  // namespace

sc::task<> end_streams(std::string how) {
  how_to_end() = std::move(how);
  told_to_end().unpark_all();
  co_return;
}

sc::task<> close_or_end_on_request(context<void, int, int>& ctx) {
  co_await ctx.started();
  how_to_end().clear();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (how_to_end().empty()) co_await told_to_end().park("end_streams");
    if (how_to_end() == "fail") throw std::runtime_error("on request");
    if (how_to_end() == "cancel") ctx.cancel();
    if (how_to_end() != "return") co_await stream.aclose();
  });
}

sc::task<> end_on_request(context<void, int, int>& ctx) {
  co_await ctx.started();
  how_to_end().clear();
  while (how_to_end().empty()) co_await told_to_end().park("end_streams");
  if (how_to_end() == "fail") throw std::runtime_error("on request");
}

sc::task<> send_last_words(context<void, int, int>& ctx, int count) {
  sent_so_far = 0;
  co_await ctx.started();
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); },
                         [&]() -> sc::task<> {
                           for (; sent_so_far < count; ++sent_so_far) co_await stream.send(sent_so_far);
                         });
  });
}

sc::task<int> numbers_sent() { co_return sent_so_far; }

namespace {
int count_waiting(const sc::task_info& task, const std::string& what) {
  int count = task.waiting_for == what ? 1 : 0;
  for (const auto& child : task.children) count += count_waiting(child, what);
  return count;
}
}  // namespace
sc::task<int> tasks_waiting_for(std::string what) { co_return count_waiting(sc::task_tree(), what); }

sc::task<> tell_about_context(context<std::string, int, int>& ctx) {
  co_await ctx.started(ctx.cid() + (ctx.side() == tractor::context_side::child ? " child of " : " parent of ") + ctx.peer().name);
  co_await sc::sleep_forever();
}

sc::task<> never_opens(context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await sc::sleep_forever();
}

sc::task<int> sum(context<void, int, int>& ctx) {
  co_await ctx.started();
  int total = 0;
  co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
    while (auto item = co_await stream.next()) total += *item;
  });
  co_return total;
}

bool in_the_test = false;

sc::task<> numbers_out(context<void, int, int>&) { co_return; }
sc::task<> numbers_in(context<void, int, int>&) { co_return; }
sc::task<> number_first(context<int>&) { co_return; }
sc::task<int> number_last(context<>&) { co_return 0; }

sc::task<> send_invalid_text(context<void, int, std::string>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await stream.send("good");
    co_await stream.send("\xff");
  });
}

sc::task<> reopen(context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
  co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
}

sc::task<> close_while_sending(context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> {
        for (int i = 0;; ++i) co_await stream.send(i);
      });
      static_cast<void>(co_await stream.receive());
      co_await stream.aclose();
    });
  });
}

sc::task<> fail_in_stream(context<void, int, int>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    co_await stream.send(1);
    throw std::runtime_error("in the middle of the stream");
  });
}

}  // namespace kit
