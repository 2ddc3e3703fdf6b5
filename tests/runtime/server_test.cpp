// SPDX-License-Identifier: Apache-2.0
//
// Portals to an address at which somebody listens who says nothing, or who speaks the protocol by hand.

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <numeric>
#include <string>
#include <variant>

#include "raw_server.hpp"
#include "runtime_test.hpp"
#include "tests/sc/sc_test.hpp"
#include "tractor/tractor.hpp"

namespace {

using namespace std::chrono_literals;
using raw::begin_context;
using raw::error_of_peer;
using raw::failing_with;
using raw::next_start;
using raw::raw_peer;
using raw::send_error;
using raw::send_start_ack;
using raw::with_peer;
using runtime_test::catch_as;
namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

sc::generator<int> endless_numbers() {
  for (int i = 0;; ++i) co_yield i;
}
TRACTOR_MODULE(server_test) { mod.def<&endless_numbers>("endless_numbers"); }

// What `reach(address)` throws for the address of a listener that never accepts.
void against_silence(const std::function<sc::task<>(ipc::address)>& reach,
                     const std::function<void(std::exception_ptr, std::string)>& check) {
  tractor::testing::run_test([&]() -> sc::task<> {
    co_await tractor::open_root_actor(
        [&]() -> sc::task<> {
          const auto silent = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
          std::exception_ptr thrown;
          try {
            co_await reach(silent->local());
          } catch (const tractor::error&) {
            thrown = std::current_exception();
          }
          check(thrown, silent->local().text());
        },
        {.handle_signals = false});
  });
}

sc::task<> open_portal(ipc::address to) {
  co_await tractor::open_portal(std::move(to), [](tractor::portal&) -> sc::task<> {
    ADD_FAILURE() << "opened";
    co_return;
  });
}

// S-RT-12
TEST(server, portal_to_a_silent_listener_is_transport_closed) {
  against_silence(open_portal, [](const std::exception_ptr& thrown, const std::string& address) {
    EXPECT_EQ("TransportClosed", tractor::wire_type_name(thrown));
    EXPECT_EQ("who listens at " + address + " did not say who it is within 10000 ms (handshake_timeout)", sc::describe(thrown));
  });
}

TEST(server, portal_within_a_shorter_deadline_is_too_slow) {
  const auto within_a_second = [](ipc::address to) -> sc::task<> { co_await sc::fail_after(1s, [&] { return open_portal(to); }); };
  against_silence(within_a_second,
                  [](const std::exception_ptr& thrown, const std::string&) { EXPECT_EQ("TooSlowError", tractor::wire_type_name(thrown)); });
}

// S-CHN-5: nothing waits for what the peer takes, however the block is left.
TEST(server, portal_closes_with_its_block_though_the_peer_reads_nothing) {
  constexpr auto cancelled_after = 1s;
  for (const bool cancelled : {false, true})
    tractor::testing::run_test([&]() -> sc::task<> {
      co_await tractor::open_root_actor(
          [&]() -> sc::task<> {
            const auto listener = ipc::listen(ipc::tcp_address{"127.0.0.1", 0});
            sc::event left;
            std::string answer;
            co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
              n.start_soon([&]() -> sc::task<> {
                raw_peer peer((co_await listener->accept()).stream);
                co_await peer.shake_hands();
                co_await left.wait();
                answer = co_await peer.answer();
              });
              const auto send_much = [&](const tractor::portal& there) -> sc::task<> {
                auto& channel = there.kernel_peer()->channel();
                channel.send([](msg::buffer& out) { msg::encode_stop(out, std::string(16 << 20, 'x')); });
                EXPECT_TRUE(channel.congested());
                if (cancelled) co_await sc::sleep_forever();
              };
              const auto before = sc::current_time();

              const bool complete =
                  co_await sc::move_on_after(cancelled_after, [&] { return tractor::open_portal(listener->local(), send_much); });

              EXPECT_EQ(complete, !cancelled);
              EXPECT_EQ(sc::current_time() - before, cancelled ? cancelled_after : 0s);
              left.set();
            });
            EXPECT_EQ(answer, "closed");
          },
          {.handle_signals = false});
    });
}

// S-CHN-6
TEST(server, portal_shows_who_is_there_and_where) {
  with_peer([](raw_peer&) -> sc::task<> { co_return; },
            [](tractor::portal& there) -> sc::task<> {
              const auto between = there.kernel_peer()->channel().ends();
              TRACTOR_REQUIRE(between);
              EXPECT_EQ(there.text(), "portal to actor 'intruder', open over tcp, " + between->local.text() + " to " +
                                          between->remote.text() + " (" + raw::intruder.uuid + ", pid 1)");
            });
}

// S-ERR-5
// Reference: errreg::test_unregistered_err_still_relayed.
TEST(server, error_of_a_type_that_is_unknown_here_keeps_its_names_and_its_text) {
  const auto weird = [](const std::string& cid) {
    auto fields = error_of_peer("weird.lib.WeirdError", cid);
    fields.tb_str = "Traceback:\n  in weird()\nweird.lib.WeirdError: 42\n";
    return fields;
  };
  with_peer(failing_with(weird), [](tractor::portal& there) -> sc::task<> {
    const auto error = co_await catch_as<tractor::remote_actor_error>([&] { return there.run_from_ns("weird", "function"); });
    TRACTOR_REQUIRE(error);
    EXPECT_EQ("weird.lib.WeirdError", error->boxed_type_str());
    EXPECT_EQ("weird.lib.WeirdError", error->src_type_str());
    EXPECT_EQ("Traceback:\n  in weird()\nweird.lib.WeirdError: 42\n", error->tb_str());
    EXPECT_EQ("the task in actor 'intruder' raised 'weird.lib.WeirdError'", error->message());
    EXPECT_THAT(error->what(), testing::HasSubstr("in weird()\n | weird.lib.WeirdError: 42"));
  });
}

// S-ERR-10: nobody is named who may not have been it.
TEST(server, cancel_without_a_canceller_has_none) {
  const auto cancelled = [](const std::string& cid) { return error_of_peer("ContextCancelled", cid); };
  with_peer(failing_with(cancelled), [](tractor::portal& there) -> sc::task<> {
    const auto error = co_await catch_as<tractor::context_cancelled>([&] { return there.run_from_ns("some", "function"); });
    TRACTOR_REQUIRE(error);
    EXPECT_EQ(std::nullopt, error->canceller());
    EXPECT_EQ("the task in actor 'intruder' was cancelled", error->message());
  });
}

// S-MSG-11: a peer that calls both of us by other names means us all the same.
TEST(server, identities_are_told_apart_by_uuid_alone) {
  const auto talk = [](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await begin_context(peer);
    const auto request = co_await next_start(peer);
    send_start_ack(peer, request, msg::function_kind::asyncfunc);
    auto fields = error_of_peer("ContextCancelled", cid);
    fields.src_uid.name = "renamed";
    fields.canceller = tractor::uid{.name = "renamed, too", .uuid = tractor::current_actor().uid().uuid};
    send_error(peer, fields);
    peer.channel().send([&](msg::buffer& out) { msg::encode_cancel_ack(out, request, true); });
  };
  with_peer(talk, [](tractor::portal& there) -> sc::task<> {
    co_await there.open_context<&kit::sleeper>({}, [](auto& ctx) -> sc::task<> {
      co_await ctx.cancel();
      EXPECT_TRUE(ctx.cancel_acked());
    });
  });
}

// --- generators of a peer that does not behave as one ---

using answer_start = std::function<void(raw_peer&, const std::string& cid)>;

// What a consumer sees of a peer that answers its Start like that: the numbers, and then the error, null for the end.
void expect_of_generator(const answer_start& answer, const std::vector<int>& numbers, bool ends_well) {
  const auto talk = [&](raw_peer& peer) -> sc::task<> {
    const auto cid = co_await next_start(peer);
    answer(peer, cid);
    const auto cancel = co_await peer.channel().receive();  // where the task may run still
    if (!cancel) co_return;
    if (const auto* request = std::get_if<msg::start>(&*cancel)) {
      const std::string request_cid(request->cid);
      send_start_ack(peer, request_cid, msg::function_kind::asyncfunc);
      peer.channel().send([&](msg::buffer& out) { msg::encode_cancel_ack(out, request_cid, true); });
    }
  };
  with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
    std::vector<int> got;
    const auto error = co_await runtime_test::caught([&] {
      return there.open_stream_from<&endless_numbers>({}, [&](auto& stream) -> sc::task<> {
        while (const auto number = co_await stream.next()) got.push_back(*number);
      });
    });
    EXPECT_EQ(got, numbers);
    EXPECT_EQ(error == nullptr, ends_well) << runtime_test::text_of(error);
  });
}

void send_number(raw_peer& peer, const std::string& cid, int number) {
  peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, cid, number); });
}
void send_end(raw_peer& peer, const std::string& cid) {
  peer.channel().send([&](msg::buffer& out) { msg::encode_stop(out, cid); });
}

// S-OWS-1, S-OWS-3: as the reference answers.
TEST(server, generator_of_a_peer_is_read_to_its_end) {
  const auto answer = [](raw_peer& peer, const std::string& cid) {
    send_start_ack(peer, cid, msg::function_kind::asyncgen);
    for (int i = 0; i < 3; ++i) send_number(peer, cid, i);
    send_end(peer, cid);
  };
  expect_of_generator(answer, {0, 1, 2}, true);
}

TEST(server, generator_that_returns_has_ended) {
  const auto answer = [](raw_peer& peer, const std::string& cid) {
    send_start_ack(peer, cid, msg::function_kind::asyncgen);
    send_number(peer, cid, 7);
    peer.channel().send([&](msg::buffer& out) { msg::encode_return(out, cid, 1); });
  };
  expect_of_generator(answer, {7}, true);
}

TEST(server, generator_that_is_something_else_is_a_type_error) {
  for (const auto kind : {msg::function_kind::asyncfunc, msg::function_kind::context}) {
    const auto answer = [kind](raw_peer& peer, const std::string& cid) {
      send_start_ack(peer, cid, kind);
      send_number(peer, cid, 7);
      send_end(peer, cid);
    };
    expect_of_generator(answer, {}, false);
  }
}

// A peer that knows no flow control fills the buffer; what came before the hole is received.
TEST(server, generator_that_overruns_is_an_error_behind_its_values) {
  const auto answer = [](raw_peer& peer, const std::string& cid) {
    send_start_ack(peer, cid, msg::function_kind::asyncgen);
    for (int i = 0; i < 1000; ++i) send_number(peer, cid, i);
    send_end(peer, cid);
  };
  std::vector<int> numbers(tractor::stream_buffer_messages);
  std::iota(numbers.begin(), numbers.end(), 0);
  expect_of_generator(answer, numbers, false);
}

// S-COD-19, S-COD-20: what nobody reads, and an end of what nobody opened, are passed over on the way to the result, or the error.
TEST(server, outcome_is_found_behind_a_stream_that_nobody_reads) {
  for (const bool fails : {false, true}) {
    const auto talk = [&](raw_peer& peer) -> sc::task<> {
      const auto cid = co_await begin_context(peer);
      for (int i = 0; i < 40; ++i) peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, cid, i); });
      peer.channel().send([&](msg::buffer& out) { msg::encode_stop(out, cid); });
      if (fails)
        send_error(peer, error_of_peer("KeyError", cid));
      else
        peer.channel().send([&](msg::buffer& out) { msg::encode_return(out, cid, 40); });
    };
    with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
      const auto context = [&]() -> sc::task<> {
        EXPECT_EQ(40, co_await there.open_context<&kit::echo_stream>({}, [](auto&) -> sc::task<> { co_return; }));
      };
      if (!fails) co_await context();
      if (!fails) co_return;
      const auto error = co_await catch_as<tractor::remote_actor_error>(context);
      TRACTOR_REQUIRE(error);
      EXPECT_EQ("KeyError", error->boxed_type_str());
    });
  }
}

// Echoes so many items of a stream of integers.
sc::task<> echo(raw_peer& peer, const std::string& cid, int items) {
  for (int i = 0; i < items; ++i) {
    const auto message = co_await peer.channel().receive();
    const auto* item = message ? std::get_if<msg::yield>(&*message) : nullptr;
    EXPECT_NE(item, nullptr);
    if (item == nullptr) co_return;
    const int number = msg::decode<int>(item->pld);
    peer.channel().send([&](msg::buffer& out) { msg::encode_yield(out, cid, number); });
  }
}

// S-OOB-1, S-OOB-5: whichever side breaks it, the stream ends at once, and so does the message loop; the actor has others to serve.
// Reference: faults::test_ipc_channel_break_during_stream.
TEST(server, connection_that_breaks_in_the_middle_of_a_stream_is_closed_and_nothing_else) {
  constexpr int items = 1000, echoed = 500;
  for (const bool by_the_peer : {true, false}) {
    const auto talk = [&](raw_peer& peer) -> sc::task<> {
      const auto cid = co_await begin_context(peer);
      co_await echo(peer, cid, echoed);
      if (by_the_peer) peer.hang_up();
    };
    with_peer(talk, [&](tractor::portal& there) -> sc::task<> {
      int received = 0;
      const auto error = co_await catch_as<tractor::transport_closed>([&] {
        return there.open_context<&kit::echo_stream>({}, [&](auto& ctx) -> sc::task<> {
          co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
            for (; received < items; ++received) {
              if (!by_the_peer && received == echoed) there.kernel_peer()->channel().stream().close();
              co_await stream.send(received);
              EXPECT_EQ(received, co_await stream.receive());
            }
          });
        });
      });
      TRACTOR_REQUIRE(error);
      EXPECT_EQ(echoed, received);
      EXPECT_THAT(error->message(), testing::HasSubstr("the connection to actor 'intruder'"));
      EXPECT_TRUE(there.kernel_peer()->lost());
    });
  }
}

}  // namespace
