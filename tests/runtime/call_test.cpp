// SPDX-License-Identifier: Apache-2.0
//
// Calling functions in another actor: values there and back, and every way in which a call can be wrong.

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>

#include "programs.hpp"
#include "runtime_test.hpp"
#include "tractor/sc/finally.hpp"

namespace together {
namespace {

namespace sc = tractor::sc;

int seen = 0;
sc::event all_seen;

// Waits for ever; cancelled, it does not end before so many have been cancelled.
sc::task<> leave(int tasks) {
  co_await sc::finally([]() -> sc::task<> { co_await sc::sleep_forever(); },
                       [=]() -> sc::task<> {
                         if (++seen == tasks) all_seen.set();
                         co_await all_seen.wait();
                       });
}

}  // namespace
}  // namespace together

TRACTOR_MODULE(together) { mod.def<&together::leave>("leave", "tasks"); }

namespace runtime_test {
namespace {

class call_test : public runtime_test {};

using tractor::remote_actor_error;
using tractor::msg::value;

// S-POR-1, S-POR-24
// Reference: spawn::test_movie_theatre_convo.
TEST_F(call_test, values_of_every_kind_come_back_as_they_were) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    kit::everything sent{.flag = true,
                         .small = INT64_MIN,
                         .big = UINT64_MAX,
                         .real = -0.1,
                         .text = "Grüße, \xf0\x9f\x8c\x8d, and a \0 within",
                         .raw = {std::byte{0}, std::byte{0xff}},
                         .nothing = std::nullopt,
                         .something = -7,
                         .points = {{1, 2}, {3, 4}},
                         .table = {{"", 0}, {"one", 1}},
                         .either = "text",
                         .paint = kit::colour::green,
                         .pause = 1500ms};

    const auto got = co_await worker.run<&kit::echo>(sent);

    EXPECT_TRUE(got.flag);
    EXPECT_EQ(sent.small, got.small);
    EXPECT_EQ(sent.big, got.big);
    EXPECT_EQ(sent.real, got.real);
    EXPECT_EQ(sent.text, got.text);
    EXPECT_EQ(sent.raw, got.raw);
    EXPECT_EQ(sent.nothing, got.nothing);
    EXPECT_EQ(sent.something, got.something);
    EXPECT_EQ(2U, got.points.size());
    EXPECT_EQ(4, got.points.at(1).y);
    EXPECT_EQ(sent.table, got.table);
    EXPECT_EQ(sent.either, got.either);
    EXPECT_EQ(sent.paint, got.paint);
    EXPECT_EQ(sent.pause, got.pause);
    co_await worker.run<&kit::nothing>();
    EXPECT_EQ(101, co_await worker.run<&kit::add_optional>(1, std::nullopt));
    EXPECT_EQ(3, co_await worker.run<&kit::add_optional>(1, 2));
    co_await an.cancel();
  });
}

// More than any buffer on the way holds.
TEST_F(call_test, big_values_travel) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const std::string big(5'000'000, 'x');
    const auto got = co_await worker.run<&kit::echo_text>(big);
    EXPECT_TRUE(got == big);
    co_await an.cancel();
  });
}

// S-POR-3
// Reference: rpc::test_rpc_errors.
TEST_F(call_test, functions_are_called_by_name) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(5, co_await worker.run_from_ns<int>("kit", "add", {{"a", 2}, {"b", 3}}));
    EXPECT_EQ(102, co_await worker.run_from_ns<int>("kit", "add_optional", {{"a", 2}}));
    const value untyped = co_await worker.run_from_ns("kit", "echo_text", {{"text", "hi"}});
    EXPECT_EQ(value("hi"), untyped);
    co_await worker.run_from_ns<void>("kit", "nothing");
    co_await an.cancel();
  });
}

struct wrong_call {
  const char* module;
  const char* function;
  value::map arguments;
  const char* type;
  const char* text;
};

// S-NUR-2, S-NUR-9, S-POR-4, S-POR-6, S-RPC-4, S-RPC-12
// Reference: cancel::test_remote_error, rpc::test_rpc_errors.
TEST_F(call_test, wrong_calls_are_errors_of_the_call_and_the_actor_lives_on) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const std::vector<wrong_call> calls{
        {"kit", "add", {{"a", 1}}, "TypeError", "is missing its argument 'b'"},
        {"kit", "add", {{"a", 1}, {"b", 2}, {"c", 3}}, "TypeError", "got an unexpected argument 'c'"},
        {"kit", "add", {{"a", 1}, {"b", "two"}}, "TypeError", "argument 'b' of 'add' is not of type"},
        {"kit", "add", {{"a", 1}, {"b", 5'000'000'000}}, "TypeError", "argument 'b' of 'add'"},
        {"kit", "no_such_function", {}, "AttributeError", "module 'kit' has no function 'no_such_function'"},
        {"other", "hidden", {}, "ModuleNotExposed", "name it in enable_modules"},
        {"nowhere", "hidden", {}, "ModuleNotExposed", "'nowhere' is not exposed by actor 'worker'"},
        {"self", "no_such_method", {}, "AttributeError", "has no method 'no_such_method'"},
        {"self", "_cancel_task", {{"wrong", 1}}, "MsgTypeError", ""},
    };
    for (const auto& wrong : calls) {
      const auto error =
          co_await catch_as<remote_actor_error>([&] { return worker.run_from_ns(wrong.module, wrong.function, wrong.arguments); });
      RT_REQUIRE(error);
      EXPECT_EQ(wrong.type, error->boxed_type_str()) << wrong.function;
      EXPECT_EQ(worker.peer_uid(), error->src_uid());
      EXPECT_THAT(error->what(), HasSubstr(wrong.text));
    }
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-POR-6: found where it is called, and the remote task does not stay.
TEST_F(call_test, context_endpoint_cannot_be_run) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::type_error>([&] { return worker.run_from_ns("kit", "counted_sleeper"); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("open it with open_context"));
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>());
    co_await an.cancel();
  });
}

// S-POR-5, S-COD-12
TEST_F(call_test, argument_without_a_form_is_refused_before_it_is_sent) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::error>([&] { return worker.run<&kit::echo_text>("\xff"); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("argument 'text' of 'kit:echo_text': text that is not UTF-8"));
    EXPECT_EQ("fine", co_await worker.run<&kit::echo_text>("fine"));
    co_await an.cancel();
  });
}

// S-CTX-33
TEST_F(call_test, result_without_a_form_is_told_as_text) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::invalid_text>(); });
    RT_REQUIRE(error);
    EXPECT_EQ("MsgTypeError", error->boxed_type_str());
    EXPECT_THAT(error->what(), HasSubstr("not UTF-8"));
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-COD-6
TEST_F(call_test, result_that_does_not_fit_is_an_error_here) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::error>([&] { return worker.run_from_ns<int>("kit", "echo_text", {{"text", "seven"}}); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("seven"));
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

TEST_F(call_test, function_that_no_module_defines_is_a_usage_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::usage_error>([&] { return worker.run<&kit::in_no_module>(); });
    RT_REQUIRE(error);
    EXPECT_THAT(error->what(), HasSubstr("in_no_module"));
    co_await an.cancel();
  });
}

// S-POR-24, S-RPC-3
TEST_F(call_test, many_calls_at_once_get_their_own_answers) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    int right = 0;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < 500; ++i)
        n.start_soon([&, i]() -> sc::task<> {
          if (co_await worker.run<&kit::add>(i, 1000) == i + 1000) ++right;
        });
      co_return;
    });
    EXPECT_EQ(500, right);
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>()) << "only the one that asks";
    co_await an.cancel();
  });
}

// A cancelled local wait does not leave the remote task behind.
TEST_F(call_test, cancelled_wait_cancels_the_remote_task) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { co_await worker.run<&kit::wait_and_count>(); });
      while (co_await worker.run<&kit::running_calls>() != 2) {
      }
      n.cancel("enough");
    });
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>()) << "over when the wait is";
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());

    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < 20; ++i) n.start_soon([&]() -> sc::task<> { co_await worker.run<&kit::wait_and_count>(); });
      co_await worker.run<&kit::nothing>();  // by then all have begun there
      n.cancel("enough");
    });
    EXPECT_EQ(21, co_await worker.run<&kit::count_cancelled>());
    co_await an.cancel();
  });
}

// S-POR-10
TEST_F(call_test, pending_call_is_answered_when_the_actor_is_cancelled) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::exception_ptr pending;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { pending = co_await caught([&] { return worker.run<&kit::forever>(); }); });
      co_await worker.run<&kit::nothing>();
      EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
    });
    const auto* cancelled = as<tractor::context_cancelled>(pending);
    RT_REQUIRE(cancelled != nullptr);
    EXPECT_EQ(tractor::current_actor().uid(), cancelled->canceller());
  });
}

// S-POR-20
TEST_F(call_test, cancelled_actor_acknowledges_once_and_is_gone) {
  RT_NEEDS_A_CHILD("only the parent knows when it is gone");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
    while (an.actor_count() != 0) co_await sc::checkpoint();
    EXPECT_FALSE(co_await worker.cancel_actor());
    static_cast<void>(co_await catch_as<tractor::transport_closed>([&] { return worker.run<&kit::nothing>(); }));
  });
}

// S-POR-20, S-POR-21: no acknowledgement before all tasks have ended.
TEST_F(call_test, actor_that_is_slow_to_end_is_not_acknowledged_in_time) {
  const permission allowed(left_behind());
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    auto context = [&]() -> sc::task<> {
      co_await worker.open_context<&kit::end_when_allowed>({allowed.path()}, [&](auto&) -> sc::task<> {
        EXPECT_FALSE(co_await worker.cancel_actor({.timeout = 1ms}));
        const auto error = co_await catch_as<tractor::actor_too_slow_error>(
            [&] { return worker.cancel_actor({.timeout = 1ms, .raise_on_timeout = true}); });
        RT_REQUIRE(error);
        EXPECT_THAT(error->what(), HasSubstr("actor 'worker' did not acknowledge its cancellation within 1 ms"));
        bool acknowledged = false;
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> { acknowledged = co_await worker.cancel_actor({.timeout = hang_bound}); });
          // The answer to the second is behind the request, which the actor has read by then.
          for (int i = 0; i < 2; ++i) static_cast<void>(co_await caught([&] { return worker.run<&kit::nothing>(); }));
          EXPECT_FALSE(acknowledged);
          allowed.give();
        });
        EXPECT_TRUE(acknowledged);
      });
    };
    static_cast<void>(co_await catch_as<tractor::context_cancelled>(context));
  });
}

// S-NUR-7, S-POR-7
// Reference: spawn::test_run_in_actor_same_func_in_child, spawn::test_most_beautiful_word.
TEST_F(call_test, result_of_a_run_once_actor_is_the_same_at_every_call) {
  std::optional<portal> after;
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto adder = co_await an.run_in_actor<&kit::add>({}, 40, 2);
    EXPECT_EQ("add", adder.name());
    EXPECT_EQ(42, co_await adder.wait_for_result<int>());
    EXPECT_EQ(42, co_await adder.wait_for_result<int>());
    auto quiet = co_await an.run_in_actor<&kit::nothing>({.name = "quiet"});
    EXPECT_EQ("quiet", quiet.name());
    co_await quiet.wait_for_result<void>();
    after = adder;
  });
  run([&]() -> sc::task<> { EXPECT_EQ(42, co_await after->wait_for_result<int>()); });
}

// S-COD-7, S-POR-4: a result is checked against the type that is asked for, wherever it is asked.
TEST_F(call_test, result_that_does_not_fit_is_a_type_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    auto adder = co_await an.run_in_actor<&kit::add>({.name = "adder"}, 40, 2);

    const auto by_name =
        co_await catch_as<tractor::msg_type_error>([&] { return worker.run_from_ns<int>("kit", "echo_text", {{"text", "no number"}}); });
    const auto of_main = co_await catch_as<tractor::msg_type_error>([&] { return adder.wait_for_result<std::string>(); });

    RT_REQUIRE(by_name && of_main);
    EXPECT_THAT(by_name->what(), HasSubstr("no number"));
    EXPECT_EQ(worker.peer_uid(), by_name->src_uid());
    EXPECT_THAT(of_main->what(), HasSubstr("42"));
    EXPECT_EQ(adder.peer_uid(), of_main->src_uid());
    EXPECT_EQ(3, co_await worker.run<&kit::add>(1, 2));
    co_await an.cancel();
  });
}

// S-POR-8
TEST_F(call_test, portal_without_a_main_task_has_no_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    static_cast<void>(co_await catch_as<tractor::no_result>([&] { return worker.wait_for_result<int>(); }));
    co_await an.cancel();
  });
}

// S-RPC-9: every task sees the cancel before any of them has ended.
TEST_F(call_test, tasks_of_a_cancelled_actor_are_cancelled_together) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "together"}});
    constexpr int tasks = 10;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < tasks; ++i)
        n.start_soon([&]() -> sc::task<> {
          static_cast<void>(co_await catch_as<tractor::context_cancelled>([&] { return worker.run<&together::leave>(tasks); }));
        });
      while (co_await worker.run<&kit::running_calls>() != tasks + 1) {
      }

      EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound}));
    });
  });
}

// S-POR-22: it is carried out when it is read, and calls that were read before it have not begun by then. The actor is stopped while all
// of them are sent, so that it reads them at once.
TEST_F(call_test, cancel_of_an_actor_goes_before_calls_that_are_queued) {
  RT_NEEDS_PROCESSES("it is stopped");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const watched_process process(static_cast<pid_t>(worker.pid().value()));
    process.stop();
    constexpr int calls = 10;
    int cancelled = 0;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int i = 0; i < calls; ++i)
        n.start_soon([&]() -> sc::task<> {
          if (co_await catch_as<tractor::context_cancelled>([&] { return worker.run<&kit::nothing>(); })) ++cancelled;
        });
      for (int i = 0; i < 3; ++i) co_await sc::checkpoint();
      co_await worker.kernel_peer()->channel().flushed();
      n.start_soon([&]() -> sc::task<> { EXPECT_TRUE(co_await worker.cancel_actor({.timeout = hang_bound})); });
      while (!worker.kernel_peer()->cancel_called()) co_await sc::checkpoint();
      co_await worker.kernel_peer()->channel().flushed();

      process.signal(SIGCONT);
    });
    EXPECT_EQ(calls, cancelled);
  });
}

// S-RT-17: acknowledged when every task has ended, also one that takes its time.
TEST_F(call_test, cancel_of_an_actor_waits_for_all_its_tasks) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    sc::event opened, acknowledged;
    bool known = false;
    std::exception_ptr of_the_slow, of_the_other;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      n.start_soon([&]() -> sc::task<> { of_the_other = co_await caught([&] { return worker.run<&kit::forever>(); }); });
      n.start_soon([&]() -> sc::task<> {
        of_the_slow = co_await caught([&] {
          return worker.open_context<&kit::slow_to_end>({100}, [&](auto& ctx) -> sc::task<> {
            opened.set();
            co_await sc::shielded([&] { return acknowledged.wait(); });
            known = ctx.maybe_error() != nullptr;
          });
        });
      });
      co_await opened.wait();
      EXPECT_TRUE(co_await worker.cancel_actor({.timeout = 10s}));
      acknowledged.set();
    });
    EXPECT_TRUE(known) << "the answer of the slow one comes before the acknowledgement";
    for (const auto& error : {of_the_slow, of_the_other}) static_cast<void>(as<tractor::context_cancelled>(error));
  });
}

// S-RT-17
TEST_F(call_test, request_in_a_cancelled_actor_is_refused) {
  const permission allowed(left_behind());
  run_in_nursery([&](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    auto context = [&]() -> sc::task<> {
      co_await worker.open_context<&kit::end_when_allowed>({allowed.path()}, [&](auto&) -> sc::task<> {
        EXPECT_FALSE(co_await worker.cancel_actor({.timeout = 1ms}));
        const auto error = co_await catch_as<remote_actor_error>([&] { return worker.run<&kit::nothing>(); });
        RT_REQUIRE(error);
        EXPECT_EQ("ContextCancelled", error->boxed_type_str());
        EXPECT_THAT(error->what(), HasSubstr("is being cancelled"));
        allowed.give();
      });
    };
    static_cast<void>(co_await catch_as<tractor::context_cancelled>(context));
  });
}

}  // namespace
}  // namespace runtime_test
