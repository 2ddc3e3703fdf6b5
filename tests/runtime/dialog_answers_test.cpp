// SPDX-License-Identifier: Apache-2.0
//
// Contexts whose peer answers by hand: what is the acknowledgement of a cancel and what is an error, and whose.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <string>

#include "raw_server.hpp"
#include "runtime_test.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/tractor.hpp"

namespace {

using raw::raw_peer;
using runtime_test::as;
using runtime_test::caught;
using namespace std::chrono_literals;
namespace sc = tractor::sc;
namespace msg = tractor::msg;

const tractor::uid somebody{.name = "somebody", .uuid = "5f0c2f6e-0000-4000-8000-00000000000a"};

// What a context ends with, and whom it holds for the canceller, whose peer sends `error`: after it was asked to cancel, if `cancels`.
struct ending {
  std::exception_ptr error;
  std::optional<tractor::uid> canceller;
  bool acknowledged = false;
  std::exception_ptr of_maybe_raise;
};
ending end_by(const std::function<msg::error_msg(const std::string& cid)>& error, bool cancels) {
  ending found;
  const auto talk = [&](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await raw::begin_context(peer);
    if (!cancels) {
      raw::send_error(peer, error(cid));
      co_return;
    }
    const auto request = co_await raw::next_start(peer);
    raw::send_start_ack(peer, request, msg::function_kind::asyncfunc);
    raw::send_error(peer, error(cid));
    peer.channel().send([&](msg::buffer& out) { msg::encode_cancel_ack(out, request, true); });
  };
  raw::with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
    found.error = co_await caught([&] {
      return there.open_context<&kit::sleeper>({}, [&](auto& ctx) -> sc::task<> {
        const auto look = [&]() -> sc::task<> {
          found.canceller = ctx.canceller();
          found.acknowledged = ctx.cancel_acked();
          found.of_maybe_raise = co_await caught([&]() -> sc::task<> {
            ctx.maybe_raise();
            co_return;
          });
        };
        co_await sc::finally(
            [&]() -> sc::task<> {
              if (cancels)
                co_await ctx.cancel();
              else
                co_await sc::sleep_forever();
            },
            look);
      });
    });
  });
  return found;
}

msg::error_msg cancelled_by(const std::string& cid, const tractor::uid& source, const tractor::uid& canceller) {
  auto fields = raw::error_of_peer("ContextCancelled", cid);
  fields.src_uid = source;
  fields.canceller = canceller;
  return fields;
}

// S-CTX-26, S-CTX-60: all of it has to be so, or it is an error like any other.
TEST(dialog_answers, cancel_is_absorbed_when_it_is_ours_and_acknowledged_by_our_peer) {
  const auto own = [] { return tractor::current_actor().uid(); };
  const auto answered = end_by([&](const auto& cid) { return cancelled_by(cid, raw::intruder, own()); }, true);
  EXPECT_EQ(nullptr, answered.error) << runtime_test::text_of(answered.error);
  EXPECT_EQ(nullptr, answered.of_maybe_raise);
  EXPECT_TRUE(answered.acknowledged);

  const auto not_asked = end_by([&](const auto& cid) { return cancelled_by(cid, raw::intruder, own()); }, false);
  const auto of_another = end_by([&](const auto& cid) { return cancelled_by(cid, somebody, own()); }, true);
  const auto for_another = end_by([&](const auto& cid) { return cancelled_by(cid, raw::intruder, somebody); }, true);
  const auto for_nobody = end_by([&](const auto& cid) { return raw::error_of_peer("ContextCancelled", cid); }, true);
  for (const auto* raised : {&not_asked, &of_another, &for_another, &for_nobody}) {
    static_cast<void>(as<tractor::context_cancelled>(raised->error));
    EXPECT_EQ(raised->error, raised->of_maybe_raise) << "the same object";
    EXPECT_FALSE(raised->acknowledged);
  }
}

// S-STR-11, S-CTX-53: that its message was refused here is no end of the peer's task, which is cancelled, whatever ends the block here.
TEST(dialog_answers, task_whose_message_was_refused_is_cancelled_when_the_block_is) {
  bool asked = false;
  const auto talk = [&](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await raw::begin_context(peer);
    peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, cid, "no number"); });
    co_await raw::acknowledge_cancel(peer);
    asked = true;
  };
  raw::with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
    sc::cancel_scope outside;
    const auto body = [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        static_cast<void>(as<tractor::msg_type_error>(co_await caught([&] { return stream.next(); })));
        outside.cancel("from outside");
        co_await sc::sleep_forever();
      });
    };
    const auto error = co_await caught([&]() -> sc::task<> {
      static_cast<void>(co_await outside.run([&] { return there.open_context<&kit::send_numbers>({1}, body); }));
    });
    static_cast<void>(as<tractor::msg_type_error>(error));
    EXPECT_TRUE(asked);
  });
}

// S-CTX-61
TEST(dialog_answers, canceller_is_this_actor_or_the_source_of_the_error) {
  const auto by_us = end_by([&](const auto& cid) { return cancelled_by(cid, raw::intruder, tractor::current_actor().uid()); }, false);
  const auto* ours = as<tractor::context_cancelled>(by_us.error);
  ASSERT_NE(nullptr, ours);
  EXPECT_EQ(ours->canceller(), by_us.canceller);

  const auto by_somebody = end_by([&](const auto& cid) { return cancelled_by(cid, raw::intruder, somebody); }, false);
  const auto* theirs = as<tractor::context_cancelled>(by_somebody.error);
  ASSERT_NE(nullptr, theirs);
  EXPECT_EQ(somebody, theirs->canceller());
  EXPECT_EQ(raw::intruder, by_somebody.canceller) << "who told of it, not who asked for it";

  const auto failed = end_by(
      [](const auto& cid) {
        auto fields = raw::error_of_peer("ValueError", cid);
        fields.src_uid = somebody;
        return fields;
      },
      false);
  static_cast<void>(as<tractor::remote_actor_error>(failed.error));
  EXPECT_EQ(somebody, failed.canceller);
}

// S-CTX-6
TEST(dialog_answers, opener_that_gives_up_before_started_cancels_the_remote_task) {
  std::string cancelled_cid;
  const auto talk = [&](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await raw::next_start(peer);
    raw::send_start_ack(peer, cid, msg::function_kind::context);
    std::string request;
    {
      const auto message = co_await peer.channel().receive();
      const auto* cancel = message ? std::get_if<msg::start>(&*message) : nullptr;
      TRACTOR_REQUIRE(cancel != nullptr);
      EXPECT_EQ("_cancel_task", cancel->func);
      cancelled_cid = msg::decode<msg::value>(cancel->kwargs).text();
      request = cancel->cid;
      EXPECT_EQ(msg::value(msg::value::map{{"cid", cid}}).text(), cancelled_cid);
    }
    raw::send_start_ack(peer, request, msg::function_kind::asyncfunc);
    raw::send_error(peer, cancelled_by(cid, raw::intruder, tractor::current_actor().uid()));
    peer.channel().send([&](msg::buffer& out) { msg::encode_cancel_ack(out, request, true); });
  };
  raw::with_peer(talk, [](tractor::portal& there) -> sc::task<> {
    const bool in_time = co_await sc::move_on_after(1s, [&] {
      return there.open_context<&kit::sleeper>({}, [](auto&) -> sc::task<> {
        ADD_FAILURE() << "entered";
        co_return;
      });
    });
    EXPECT_FALSE(in_time);
  });
  EXPECT_NE("", cancelled_cid);
}

// S-OOB-7, S-RPC-1: what still comes for a dialog that has ended.
TEST(dialog_answers, late_messages_of_a_dialog_that_has_ended_are_dropped) {
  const auto talk = [](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await raw::begin_context(peer);
    const auto say = [&](const auto& encode) { peer.channel().send([&](msg::buffer& out) { encode(out); }); };
    say([&](msg::buffer& out) { msg::encode_return(out, cid, 1); });
    const auto next = co_await raw::next_start(peer);
    say([&](msg::buffer& out) { msg::encode_start_ack(out, cid, msg::function_kind::context); });
    say([&](msg::buffer& out) { msg::encode_started(out, cid, nullptr); });
    say([&](msg::buffer& out) { msg::encode_yield(out, cid, 2); });
    say([&](msg::buffer& out) { msg::encode_stop(out, cid); });
    say([&](msg::buffer& out) { msg::encode_return(out, cid, 3); });
    raw::send_error(peer, raw::error_of_peer("KeyError", cid));
    raw::send_start_ack(peer, next, msg::function_kind::asyncfunc);
    say([&](msg::buffer& out) { msg::encode_return(out, next, 4); });
  };
  raw::with_peer(talk, [](tractor::portal& there) -> sc::task<> {
    EXPECT_EQ(1, co_await there.open_context<&kit::echo_stream>({}, [](auto&) -> sc::task<> { co_return; }));
    EXPECT_EQ(4, co_await there.run<&kit::add>(1, 3));
    EXPECT_FALSE(there.kernel_peer()->lost());
  });
}

// S-STR-2: what is known is raised in this order: the error, then the end.
TEST(dialog_answers, sender_is_told_of_the_error_rather_than_of_the_end_before_it) {
  for (const bool fails : {true, false}) {
    std::optional<sc::event> opened;  // of each run
    const auto talk = [&](raw_peer& peer) -> sc::task<> {
      const auto cid = co_await raw::begin_context(peer);
      co_await opened->wait();
      peer.channel().send([&](msg::buffer& out) { msg::encode_stop(out, cid); });
      if (fails)
        raw::send_error(peer, raw::error_of_peer("KeyError", cid));
      else
        peer.channel().send([&](msg::buffer& out) { msg::encode_return(out, cid, 0); });
    };
    raw::with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
      opened.emplace();
      std::exception_ptr of_send;
      static_cast<void>(co_await caught([&] {
        return there.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
          co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
            opened->set();
            co_await sc::shielded([&]() -> sc::task<> {
              while (!ctx.kernel_link().finished()) co_await sc::checkpoint();
              of_send = co_await caught([&] { return stream.send(1); });
            });
          });
        });
      }));
      if (fails)
        static_cast<void>(as<tractor::remote_actor_error>(of_send));
      else
        static_cast<void>(as<sc::end_of_channel>(of_send));
    });
  }
}

// What this program logs of level `warning` and above while `body` runs.
template <class Body>
std::string warnings_of(Body body) {
  const tractor::log_level_scope levels("warning");
  ::testing::internal::CaptureStderr();
  body();
  return ::testing::internal::GetCapturedStderr();
}

// S-ERR-5, S-ERR-10: the error tells all that is known; the log says what is missing, and how to have it.
TEST(dialog_answers, error_of_an_unknown_type_and_cancel_without_a_canceller_are_logged) {
  const auto unknown = [](const std::string& cid) { return raw::error_of_peer("weird.lib.WeirdError", cid); };
  EXPECT_THAT(warnings_of([&] { static_cast<void>(end_by(unknown, false)); }),
              testing::HasSubstr("actor 'intruder' raised 'weird.lib.WeirdError', a type that is not registered here"));
  const auto by_nobody = [](const std::string& cid) { return raw::error_of_peer("ContextCancelled", cid); };
  EXPECT_THAT(warnings_of([&] { static_cast<void>(end_by(by_nobody, false)); }),
              testing::HasSubstr("a task in actor 'intruder' was cancelled, and it does not say by whom"));
  const auto known = [](const std::string& cid) { return raw::error_of_peer("ValueError", cid); };
  EXPECT_EQ("", warnings_of([&] { static_cast<void>(end_by(known, false)); }));
}

// S-OVR-8: of a peer that knows no flow control. What was dropped for want of room is said at the end of the context, and no error.
TEST(dialog_answers, messages_that_were_dropped_are_logged_when_the_context_ends) {
  constexpr int sent = 10;
  const auto talk = [&](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await raw::begin_context(peer);
    for (int i = 0; i < sent; ++i) peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, cid, i); });
    peer.channel().send([&](msg::buffer& out) { msg::encode_return(out, cid, sent); });
  };
  EXPECT_THAT(warnings_of([&] {
                raw::with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
                  co_await there.open_context<&kit::send_numbers>({sent},
                                                                  [&](auto& ctx) -> sc::task<> {
                                                                    co_await ctx.open_stream([&](auto&) -> sc::task<> {
                                                                      while (!ctx.kernel_link().finished()) co_await sc::checkpoint();
                                                                    });
                                                                  },
                                                                  {.overruns = tractor::overruns::drop_oldest, .buffer_messages = 4});
                });
              }),
              testing::HasSubstr("kit:send_numbers: its receiver did not keep up, messages dropped: 6"));
}

}  // namespace
