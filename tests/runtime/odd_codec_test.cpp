// SPDX-License-Identifier: Apache-2.0
//
// Codecs of the user's that throw exceptions of their own.

#include <stdexcept>

#include "runtime_test.hpp"

namespace odd_codec {
namespace {

namespace sc = tractor::sc;

struct colour {
  int number = 0;
};

sc::task<colour> gives(int number) { co_return colour{number}; }

sc::task<colour> streams(tractor::context<colour, void, colour>& ctx, int started, int streamed, int result) {
  co_await ctx.started(colour{started});
  co_await ctx.open_stream([=](auto& stream) -> sc::task<> {
    co_await stream.send(colour{1});
    co_await stream.send(colour{streamed});
  });
  co_return colour{result};
}

sc::task<std::string> starts_again(tractor::context<colour>& ctx) {
  std::string why;
  try {
    co_await ctx.started(colour{-1});
  } catch (const tractor::msg_type_error& refused) {
    why = refused.what();
  }
  co_await ctx.started(colour{7});
  co_return why;
}

}  // namespace
}  // namespace odd_codec

template <>
struct tractor::msg::codec<odd_codec::colour> {
  static void encode(writer& out, const odd_codec::colour& from) { out.integer(from.number); }
  static odd_codec::colour decode(reader& in) {
    const int number = in.integer<int>();
    if (number < 0) throw std::invalid_argument("no such colour");
    return {number};
  }
  static constexpr std::string_view type_text = "colour";
};

TRACTOR_MODULE(odd_codec) {
  mod.def<&odd_codec::gives>("gives", "number");
  mod.def<&odd_codec::starts_again>("starts_again");
  mod.def<&odd_codec::streams>("streams", "started", "streamed", "result");
}

namespace runtime_test {
namespace {

class odd_codec_test : public runtime_test {};

using tractor::msg_type_error;

// S-COD-7, S-COD-8: it is the payload that does not fit, whoever finds that out.
TEST_F(odd_codec_test, what_a_codec_throws_is_a_payload_that_does_not_fit) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"odd_codec"}});
    const auto result = co_await catch_as<msg_type_error>([&] { return worker.run<&odd_codec::gives>(-1); });
    RT_REQUIRE(result);
    EXPECT_THAT(result->what(), HasSubstr("no such colour"));

    const auto nothing = [](auto&, odd_codec::colour) -> sc::task<> { co_return; };
    EXPECT_TRUE(co_await catch_as<msg_type_error>([&] { return worker.open_context<&odd_codec::streams>({-1, 1, 1}, nothing); }));
    EXPECT_TRUE(co_await catch_as<msg_type_error>([&] { return worker.open_context<&odd_codec::streams>({1, 1, -1}, nothing); }));
    EXPECT_EQ(5, (co_await worker.run<&odd_codec::gives>(5)).number) << "the connection is in order";
    co_await an.cancel();
  });
}

// S-CTX-10, S-COD-4: found before it is sent, by who sends it.
TEST_F(odd_codec_test, started_is_checked_before_it_is_sent) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"odd_codec"}});
    const auto why = co_await worker.open_context<&odd_codec::starts_again>({}, [](auto&, odd_codec::colour started) -> sc::task<> {
      EXPECT_EQ(7, started.number);
      co_return;
    });
    EXPECT_THAT(why.value(), HasSubstr("no such colour"));
    co_await an.cancel();
  });
}

// A reader that logs it and goes on gets it once.
TEST_F(odd_codec_test, message_that_does_not_fit_is_taken) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await an.start_actor("worker", {.enable_modules = {"odd_codec"}});
    const auto raised = co_await catch_as<msg_type_error>([&] {
      return worker.open_context<&odd_codec::streams>({1, -1, 1}, [&](auto& ctx, odd_codec::colour) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          EXPECT_EQ(1, (co_await stream.receive()).number);
          const auto first = co_await caught([&] { return stream.receive(); });
          static_cast<void>(as<msg_type_error>(first));
          EXPECT_EQ(first, co_await caught([&] { return stream.receive(); })) << "the dialog has failed by it";
        });
      });
    });
    EXPECT_TRUE(raised);
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
