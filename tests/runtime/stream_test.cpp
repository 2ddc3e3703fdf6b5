// SPDX-License-Identifier: Apache-2.0
//
// The bidirectional stream of a context: order, both ends of it, and what it does with what does not belong there.

#include <numeric>

#include "runtime_test.hpp"

namespace counting {
namespace {

tractor::sc::generator<int> count() {
  for (int i = 0;; ++i) co_yield i;
}

}  // namespace
}  // namespace counting

TRACTOR_MODULE(counting) { mod.def<&counting::count>("count"); }

namespace runtime_test {
namespace {

class stream_test : public runtime_test {};

using tractor::context_cancelled;
using tractor::remote_actor_error;

// S-STR-1, S-STR-2, S-STR-3, S-STR-7
// Reference: 2way::test_simple_rpc, advstr::test_reqresp_ontopof_streaming.
TEST_F(stream_test, items_come_back_in_order_and_the_end_is_seen) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        for (int i = 0; i < 10; ++i) {
          co_await stream.send(i);
          EXPECT_EQ(i, co_await stream.receive());
        }
        for (int i = 0; i < 50; ++i) co_await stream.send(i);
        for (int i = 0; i < 50; ++i) EXPECT_EQ(i, co_await stream.next());
        EXPECT_FALSE(stream.closed());
      });
    });
    EXPECT_EQ(60, result);
    co_await an.cancel();
  });
}

// S-STR-3, S-STR-4, S-STR-5, S-COD-20
// Reference: 2way::test_simple_rpc, ctx::test_child_exits_ctx_after_stream_open.
TEST_F(stream_test, end_of_the_peers_side_ends_receiving) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::send_numbers>({3}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        std::vector<int> got;
        while (const auto item = co_await stream.next()) got.push_back(*item);
        EXPECT_EQ((std::vector{0, 1, 2}), got);
        const auto first = co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); });
        const auto second = co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); });
        const auto third = co_await catch_as<sc::end_of_channel>([&] { return stream.send(1); });
        EXPECT_EQ(first.owner, second.owner) << "always the same object";
        EXPECT_EQ(first.owner, third.owner);
        EXPECT_THROW(static_cast<void>(stream.receive_nowait()), sc::end_of_channel);
        static_cast<void>(co_await stream.receive());  // leaves the block, quietly
        ADD_FAILURE() << "received";
      });
    });
    EXPECT_EQ(3, result);
    co_await an.cancel();
  });
}

// S-STR-4, S-STR-7, S-STR-8: left by an error or a cancel that the body handles, so that nothing but the end of the stream can follow.
TEST_F(stream_test, block_that_is_left_by_what_the_body_handles_ends_the_stream_with_the_body) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto by_error = [](auto& ctx) -> sc::task<> {
      const auto read_one = [](auto& stream) -> sc::task<> {
        co_await stream.send(1);
        EXPECT_EQ(1, co_await stream.receive());
        throw std::runtime_error("enough of it");
      };
      EXPECT_TRUE(co_await catch_as<std::runtime_error>([&] { return ctx.open_stream(read_one); }));
    };
    const auto by_cancel = [](auto& ctx) -> sc::task<> {
      sc::cancel_scope reading;
      const auto read_for_ever = [&](auto& stream) -> sc::task<> {
        co_await stream.send(1);
        EXPECT_EQ(1, co_await stream.receive());
        reading.cancel("enough of it");
        static_cast<void>(co_await stream.receive());
        ADD_FAILURE() << "received";
      };
      EXPECT_FALSE(co_await reading.run([&] { return ctx.open_stream(read_for_ever); }));
    };
    EXPECT_EQ(1, co_await worker.open_context<&kit::echo_stream>({}, by_error));
    EXPECT_EQ(1, co_await worker.open_context<&kit::echo_stream>({}, by_cancel));
    EXPECT_EQ(1, co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await by_error(ctx);
      EXPECT_EQ(1, co_await ctx.wait_for_result());
    }));
    EXPECT_EQ(1, co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
        n.start_soon([&]() -> sc::task<> { EXPECT_EQ(1, co_await ctx.wait_for_result()); });
        co_await by_error(ctx);  // while that task waits
      });
    }));
    co_await an.cancel();
  });
}

// S-STR-4: also when it reaches several tasks at once.
TEST_F(stream_test, end_seen_by_several_tasks_does_not_escape) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_numbers>({0}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          for (int i = 0; i < 3; ++i) n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await stream.receive()); });
          co_return;
        });
      });
    });
    co_await an.cancel();
  });
}

// The end of another stream is an error like any other.
TEST_F(stream_test, foreign_end_of_channel_escapes) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    static_cast<void>(co_await catch_as<sc::end_of_channel>([&] {
      return worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([](auto&) -> sc::task<> {
          throw sc::end_of_channel("of something else");
          co_return;
        });
      });
    }));
    co_await an.cancel();
  });
}

// S-STR-3
TEST_F(stream_test, receive_nowait_takes_what_is_there) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::send_numbers>({2}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        EXPECT_EQ(0, co_await stream.receive());
        while (co_await worker.run<&kit::running_calls>() != 1) {  // when the task has ended, everything has arrived
        }
        EXPECT_EQ(1, stream.receive_nowait());
        EXPECT_THROW(static_cast<void>(stream.receive_nowait()), sc::end_of_channel);
      });
    });
    co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        EXPECT_THROW(static_cast<void>(stream.receive_nowait()), sc::would_block);
        co_return;
      });
    });
    co_await an.cancel();
  });
}

// S-STR-6
TEST_F(stream_test, closing_is_idempotent_and_ends_both_directions_here) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        co_await stream.aclose();
        co_await stream.aclose();
        EXPECT_TRUE(stream.closed());
        static_cast<void>(co_await catch_as<sc::end_of_channel>([&] { return stream.send(1); }));
        static_cast<void>(co_await catch_as<sc::end_of_channel>([&] { return stream.receive(); }));
        EXPECT_EQ(std::nullopt, co_await stream.next());
      });
    });
    co_await an.cancel();
  });
}

// S-STR-6: a task that uses the stream while another one closes it.
// Reference: advstr::test_local_task_fanout_from_stream.
TEST_F(stream_test, other_tasks_see_that_their_side_was_closed) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto echoed = co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        int answered = 0;
        sc::event enough;
        co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
          n.start_soon([&]() -> sc::task<> {
            for (;;) {
              co_await stream.send(answered);
              EXPECT_EQ(answered, co_await stream.receive());
              if (++answered == 5) enough.set();
            }
          });
          co_await enough.wait();
          co_await stream.aclose();
        });
        ADD_FAILURE() << "the end left the nursery, and the block with it";
      });
    });
    EXPECT_LE(5, echoed);
    co_await an.cancel();
  });
}

// S-STR-7: one side never opened it.
// Reference: ctx::test_parent_exits_ctx_after_child_enters_stream.
TEST_F(stream_test, stream_of_one_side_is_harmless) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    EXPECT_EQ(20, *co_await worker.open_context<&kit::send_numbers>({20}, [](auto&) -> sc::task<> { co_return; }));
    co_await worker.open_context<&kit::never_opens>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> { co_await stream.send(1); });
      co_await ctx.cancel();
    });
    co_await an.cancel();
  });
}

// S-CTX-30, S-CTX-31: what nobody reads any more is thrown away, and the block still waits for the task.
// Reference: 2way::test_simple_rpc.
TEST_F(stream_test, leaving_early_discards_what_still_comes_and_waits_for_the_result) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::send_numbers_on_request>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        co_await stream.send(60);
        EXPECT_EQ(0, co_await stream.receive());
        while (co_await worker.run<&kit::bursts_sent>() == 0) {
        }
      });
    });
    EXPECT_EQ(60, result);
    co_await an.cancel();
  });
}

// S-STR-9
// Reference: ctx::test_child_exits_ctx_after_stream_open.
TEST_F(stream_test, context_has_one_stream) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    static_cast<void>(co_await catch_as<sc::closed_resource_error>([&] {
      return worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
        co_await ctx.open_stream([](auto&) -> sc::task<> { co_return; });
      });
    }));
    const auto error = co_await catch_as<remote_actor_error>(
        [&] { return worker.open_context<&kit::reopen>({}, [](auto&) -> sc::task<> { co_return; }); });
    RT_REQUIRE(error);
    EXPECT_EQ("ClosedResourceError", error->boxed_type_str());
    co_await an.cancel();
  });
}

// S-STR-10
TEST_F(stream_test, cancelled_receive_loses_nothing) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        for (int i = 0; i < 20; ++i) {
          co_await stream.send(i);
          co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
            n.start_soon([&]() -> sc::task<> {
              const int got = co_await stream.receive();
              EXPECT_EQ(i, got);
            });
            co_await sc::checkpoint();
          });
          const auto none = co_await sc::move_on_after(0ms, [&] { return stream.next(); });
          EXPECT_FALSE(none.has_value());
        }
      });
    });
    co_await an.cancel();
  });
}

// A wait for the result that was given up does not spoil the stream that comes after it.
TEST_F(stream_test, stream_works_after_a_wait_for_the_result_was_given_up) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      EXPECT_FALSE(co_await sc::move_on_after(1ms, [&] { return ctx.wait_for_result(); }));
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        co_await stream.send(7);
        EXPECT_EQ(7, co_await stream.receive());
      });
    });
    co_await an.cancel();
  });
}

// S-STR-8: the error comes, not a quiet end before it.
TEST_F(stream_test, error_in_the_stream_block_is_what_the_reader_sees) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    int ends = 0;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::fail_in_stream>({}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          while (co_await stream.next()) {
          }
          ++ends;
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ("RuntimeError", error->boxed_type_str());
    EXPECT_EQ(0, ends);
    co_await an.cancel();
  });
}

// S-STR-12, S-SIG-3
// Reference: faults::test_ipc_channel_break_during_stream, advstr::test_sigint_both_stream_types.
TEST_F(stream_test, error_within_streams_of_both_kinds_comes_out_bare) {
  const auto throw_it = [](bool interrupt) {
    if (interrupt) throw tractor::keyboard_interrupt("of the body");
    throw std::domain_error("of the body");
  };
  const auto one_way_within = [=](const portal& worker, bool interrupt) -> sc::task<> {
    co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([&](auto& both_ways) -> sc::task<> {
        co_await both_ways.send(1);
        co_await worker.open_stream_from<&counting::count>({}, [&](auto& one_way) -> sc::task<> {
          EXPECT_EQ(0, co_await one_way.receive());
          EXPECT_EQ(1, co_await both_ways.receive());
          throw_it(interrupt);
        });
      });
    });
  };
  const auto one_way_around = [=](const portal& worker, bool interrupt) -> sc::task<> {
    co_await worker.open_stream_from<&counting::count>({}, [&](auto& one_way) -> sc::task<> {
      co_await worker.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& both_ways) -> sc::task<> {
          co_await both_ways.send(1);
          EXPECT_EQ(1, co_await both_ways.receive());
          EXPECT_EQ(0, co_await one_way.receive());
          throw_it(interrupt);
        });
      });
    });
  };
  run_in_nursery([&](actor_nursery&) -> sc::task<> {
    for (const bool within : {true, false})
      for (const bool interrupt : {true, false}) {
        const auto error = co_await caught([&] {
          return tractor::open_nursery([&](actor_nursery& an) -> sc::task<> {
            auto worker = co_await an.start_actor("worker", {.enable_modules = {"kit", "counting"}});
            co_await (within ? one_way_within(worker, interrupt) : one_way_around(worker, interrupt));
          });
        });
        if (interrupt)
          static_cast<void>(as<tractor::keyboard_interrupt>(error));
        else
          static_cast<void>(as<std::domain_error>(error));
      }
  });
}

// S-STR-11, S-COD-6, S-COD-7, S-COD-8: raised where it was received; the sender's task is cancelled, and over when the block is.
TEST_F(stream_test, item_of_the_wrong_type_is_an_error_of_the_receiver) {
  RT_NEEDS_PROCESSES("the endpoint is another one there");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::exception_ptr recorded;
    const auto error = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context<&kit::numbers_out>({}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          static_cast<void>(co_await caught([&] { return stream.receive(); }));
          recorded = ctx.maybe_error();
          static_cast<void>(co_await stream.receive());
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(error.owner, recorded);
    EXPECT_EQ(worker.peer_uid(), error->src_uid());
    EXPECT_THAT(error->what(), HasSubstr("not a number"));
    EXPECT_EQ(1, co_await worker.run<&kit::count_cancelled>()) << "the remote task does not outlive the block";
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-COD-10
TEST_F(stream_test, item_of_the_wrong_type_is_kept_with_its_dialog_and_the_type_expected) {
  RT_NEEDS_PROCESSES("the endpoint is another one there");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::string cid;
    const auto error = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context<&kit::numbers_out>({}, [&](auto& ctx) -> sc::task<> {
        cid = ctx.cid();
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(cid, error->cid());
    const auto& bad = error->fields().bad_msg;
    RT_REQUIRE(bad);
    EXPECT_EQ(tractor::msg::message_kind::yield, bad->kind);
    EXPECT_EQ(cid, bad->cid);
    EXPECT_EQ("not a number", tractor::msg::decode<std::string>(bad->pld));
    EXPECT_THAT(error->what(), HasSubstr("Yield.pld: int"));
    co_await an.cancel();
  });
}

// S-CTX-73, S-COD-8, S-ERR-6
TEST_F(stream_test, item_of_the_wrong_type_fails_the_endpoint_that_receives_it) {
  RT_NEEDS_PROCESSES("the endpoint is another one there");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context<&kit::numbers_in>({}, [](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([](auto& stream) -> sc::task<> {
          co_await stream.send(5);
          co_await sc::sleep_forever();
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ(worker.peer_uid(), error->src_uid());
    co_await an.cancel();
  });
}

// S-COD-5
TEST_F(stream_test, started_value_of_the_wrong_type_is_raised_where_the_block_is_entered) {
  RT_NEEDS_PROCESSES("the endpoint is another one there");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    static_cast<void>(co_await catch_as<tractor::msg_type_error>([&] {
      return worker.open_context<&kit::number_first>({}, [](auto&, int) -> sc::task<> {
        ADD_FAILURE() << "entered";
        co_return;
      });
    }));
    EXPECT_EQ(1U, co_await worker.run<&kit::running_calls>());
    co_await an.cancel();
  });
}

// S-COD-2, S-COD-6, S-COD-7
TEST_F(stream_test, result_of_the_wrong_type_is_raised_by_the_block) {
  RT_NEEDS_PROCESSES("the endpoint is another one there");
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto error = co_await catch_as<tractor::msg_type_error>(
        [&] { return worker.open_context<&kit::number_last>({}, [](auto&) -> sc::task<> { co_return; }); });
    RT_REQUIRE(error);
    EXPECT_EQ(worker.peer_uid(), error->src_uid());
    EXPECT_FALSE(error->tb_str().empty());
    co_await an.cancel();
  });
}

// S-CTX-33, S-COD-12: a value without a form is refused where it is sent; the stream stays in order.
TEST_F(stream_test, item_without_a_form_is_an_error_of_the_sender) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    std::vector<std::string> got;
    const auto error = co_await catch_as<remote_actor_error>([&] {
      return worker.open_context<&kit::send_invalid_text>({}, [&](auto& ctx) -> sc::task<> {
        co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
          while (auto item = co_await stream.next()) got.push_back(*item);
        });
      });
    });
    RT_REQUIRE(error);
    EXPECT_EQ("MsgTypeError", error->boxed_type_str());
    EXPECT_LE(got.size(), 1U) << "the error may come in before the block looks at what came before it";
    co_await an.cancel();
  });
}

// Far more than the socket and the buffers hold, the reader keeping up.
TEST_F(stream_test, long_dialogs_keep_their_order) {
  run_in_nursery([](actor_nursery& an) -> sc::task<> {
    auto worker = co_await start(an);
    const auto result = co_await worker.open_context<&kit::echo_stream>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.open_stream([](auto& stream) -> sc::task<> {
        int wrong = 0;
        for (int round = 0; round < 100; ++round) {
          for (int i = 0; i < 64; ++i) co_await stream.send(64 * round + i);
          for (int i = 0; i < 64; ++i) wrong += co_await stream.receive() != 64 * round + i;
        }
        EXPECT_EQ(0, wrong);
      });
    });
    EXPECT_EQ(6400, result);
    co_await an.cancel();
  });
}

}  // namespace
}  // namespace runtime_test
