// SPDX-License-Identifier: Apache-2.0
//
// Dialogs with endpoints that this program was not compiled with: by name, with the types that the caller expects, or none.

#include <string>
#include <vector>

#include "runtime_test.hpp"

namespace runtime_test {
namespace {

namespace msg = tractor::msg;
using tractor::remote_actor_error;
using value = msg::value;

sc::generator<int> numbers(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
}

TRACTOR_MODULE(by_name) { mod.def<&numbers>("numbers", "count"); }

class by_name_test : public runtime_test {};

// S-POR-4, S-CTX-2
TEST_F(by_name_test, context_carries_values_of_any_type) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context_from_ns("kit", "simple", {{"value", 6}}, [](auto& ctx, value first) -> sc::task<> {
      EXPECT_EQ(first, value(7));
      EXPECT_EQ(co_await ctx.wait_for_result(), value("yo"));
    });
    EXPECT_EQ(result, value("yo"));
    co_await an.cancel();
  });
}

// S-STR-2
TEST_F(by_name_test, stream_goes_both_ways) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::vector<value> echoed;
    co_await worker.open_context_from_ns("kit", "echo_stream", {}, [&](auto& ctx, value first) -> sc::task<> {
      EXPECT_EQ(first, value());
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        for (int i = 0; i < 3; ++i) {
          co_await stream.send(i);
          echoed.push_back(co_await stream.receive());
        }
      });
    });
    EXPECT_EQ(echoed, (std::vector<value>{0, 1, 2}));
    co_await an.cancel();
  });
}

// S-COD-7: what is named is checked as in a dialog whose function is known.
TEST_F(by_name_test, types_that_are_named_are_checked) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto typed = co_await worker.open_context_from_ns<std::string, int>(
        "kit", "simple", {{"value", 6}}, [](auto&, int first) -> sc::task<int> { co_return first * 2; });
    EXPECT_EQ(typed, 14) << "the body's value, as of any context";
    const auto wrong_first = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context_from_ns<std::string, std::string>("kit", "simple", {{"value", 6}},
                                                                   [](auto&, std::string) -> sc::task<> { co_return; });
    });
    RT_REQUIRE(wrong_first);
    EXPECT_THAT(wrong_first->what(), HasSubstr("Started"));
    const auto wrong_result = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context_from_ns<int, int>("kit", "simple", {{"value", 6}}, [](auto&, int) -> sc::task<> { co_return; });
    });
    RT_REQUIRE(wrong_result);
    EXPECT_THAT(wrong_result->what(), HasSubstr("Return"));
    co_await an.cancel();
  });
}

TEST_F(by_name_test, endpoint_that_hands_nothing_over_may_be_opened_so) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto ended =
        co_await worker.open_context_from_ns<value, void>("kit", "sleeper", {}, [](auto& ctx) -> sc::task<> { co_await ctx.cancel(); });
    EXPECT_EQ(ended, std::nullopt);
    co_await an.cancel();
  });
}

// S-POR-4, S-CTX-7: what is not there, or not of that kind, is an error; and nothing of it stays.
TEST_F(by_name_test, what_is_not_there_is_a_remote_error) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto never = [](auto&, value) -> sc::task<> {
      ADD_FAILURE() << "there is no dialog";
      co_return;
    };
    const auto failed = [&](std::string module, std::string name) {
      return catch_as<remote_actor_error>([&, module, name] { return worker.open_context_from_ns(module, name, {}, never); });
    };
    const auto no_module = co_await failed("no_such_module", "simple");
    RT_REQUIRE(no_module);
    EXPECT_THAT(no_module->what(), HasSubstr("'ModuleNotExposed'"));
    const auto no_function = co_await failed("kit", "no_such_function");
    RT_REQUIRE(no_function);
    EXPECT_THAT(no_function->what(), HasSubstr("'AttributeError'"));
    const auto no_argument = co_await failed("kit", "simple");
    RT_REQUIRE(no_argument);
    EXPECT_THAT(no_argument->what(), HasSubstr("'TypeError'"));
    const auto no_context =
        co_await catch_as<tractor::type_error>([&] { return worker.open_context_from_ns("kit", "forever", {}, never); });
    RT_REQUIRE(no_context);
    EXPECT_THAT(no_context->message(), HasSubstr("'forever' in actor 'worker' is of kind asyncfunc, not context"));
    while (co_await worker.run<&kit::running_calls>() != 1) co_await sc::checkpoint();
    co_await an.cancel();
  });
}

// S-OWS-1
TEST_F(by_name_test, generator_gives_what_it_yields) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"by_name"}});
    std::vector<value> any;
    const auto sum = co_await worker.open_stream_from_ns<int>("by_name", "numbers", {{"count", 4}}, [](auto& stream) -> sc::task<int> {
      int all = 0;
      while (const auto number = co_await stream.next()) all += *number;
      co_return all;
    });
    EXPECT_EQ(sum, 6);
    co_await worker.open_stream_from_ns("by_name", "numbers", {{"count", 2}}, [&](auto& stream) -> sc::task<> {
      while (auto number = co_await stream.next()) any.push_back(std::move(*number));
    });
    EXPECT_EQ(any, (std::vector<value>{0, 1}));
    const auto wrong = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_stream_from_ns<std::string>("by_name", "numbers", {{"count", 1}},
                                                     [](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
    });
    RT_REQUIRE(wrong);
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
