// SPDX-License-Identifier: Apache-2.0
//
// Channels over streams in memory and socket pairs: what reaches whom when one of the two misbehaves, or this side does.

#include "tractor/ipc/channel.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/sc/sc_test.hpp"
#include "tractor/ipc/listener.hpp"
#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/socket_stream.hpp"

namespace {

namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

// A stream whose next send fails.
class failing_stream : public sc::byte_stream {
 public:
  failing_stream(std::unique_ptr<sc::byte_stream> inner, int send_errno) : inner_(std::move(inner)), send_errno_(send_errno) {}
  void send_eof() override { inner_->send_eof(); }
  void close() noexcept override { inner_->close(); }
  [[nodiscard]] bool closed() const noexcept override { return inner_->closed(); }
  sc::io_result try_receive(std::span<std::byte> into) noexcept override { return inner_->try_receive(into); }
  sc::io_result try_send(std::span<const std::byte> from) noexcept override {
    if (const int failure = std::exchange(send_errno_, 0); failure != 0) return {.errno_value = failure};
    return inner_->try_send(from);
  }
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override { inner_->set_reader(waiter); }
  void set_writer(sc::detail::io_source::waiter* waiter) override { inner_->set_writer(waiter); }

 private:
  std::unique_ptr<sc::byte_stream> inner_;
  int send_errno_;
};

// A stream that remembers how much had been received after each read.
class counting_stream : public failing_stream {
 public:
  counting_stream(std::unique_ptr<sc::byte_stream> inner, std::vector<std::size_t>& totals)
      : failing_stream(std::move(inner), 0), totals_(totals) {}
  sc::io_result try_receive(std::span<std::byte> into) noexcept override {
    const sc::io_result got = failing_stream::try_receive(into);
    if (got.bytes > 0) totals_.push_back((totals_.empty() ? 0 : totals_.back()) + got.bytes);
    return got;
  }

 private:
  std::vector<std::size_t>& totals_;
};

void send_stop(ipc::channel& to, std::string_view cid) {
  to.send([&](msg::buffer& out) { msg::encode_stop(out, cid); });
}

// Receives until the end; `on_message` gets the cid of each Stop. Gives the text of what was thrown, "" for a clean end.
sc::task<std::string> receive_stops(ipc::channel& from, std::function<void(const std::string&)> on_message) {
  std::string why;
  try {
    co_await from.receive_each(
        [](void* self, msg::envelope& message, msg::bytes_view) {
          (*static_cast<std::function<void(const std::string&)>*>(self))(std::string(std::get<msg::stop>(message).cid));
        },
        &on_message);
  } catch (const std::exception& thrown) {
    why = thrown.what();
  }
  co_return why;
}

// S-RPC-5, S-FRM-11, S-CHN-4: the last words of a peer that has gone arrive, though none of them can be answered.
TRACTOR_TEST(channel, peer_that_has_gone_is_heard_to_its_last_frame) {
  auto [near, far] = sc::open_socketpair();
  ipc::channel channel(std::move(near));
  msg::buffer last_words;
  for (const auto* cid : {"one", "two", "three"}) msg::encode_stop(last_words, cid);
  co_await far->send_all(last_words.view());
  far->close();
  send_stop(channel, "into the void");
  channel.flush();
  std::vector<std::string> heard;

  const auto why = co_await receive_stops(channel, [&](const std::string& cid) {
    heard.push_back(cid);
    send_stop(channel, "answer to " + cid);
  });

  EXPECT_EQ(heard, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(why, "");
}

// An error of whoever receives is neither the peer's fault nor the end of the channel.
TRACTOR_TEST(channel, sink_that_throws_is_not_taken_for_a_bad_frame) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near)), other(std::move(far));
  send_stop(other, "one");

  const auto why = co_await receive_stops(channel, [](const std::string&) { throw tractor::usage_error("our own mistake"); });

  EXPECT_EQ(why, "our own mistake");
  EXPECT_FALSE(channel.closed());
}

// S-FRM-7, S-CHN-4
TRACTOR_TEST(channel, peer_that_sends_no_msgpack_is_blamed) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near)), other(std::move(far));
  channel.set_peer_name("actor 'x'");
  other.send([](msg::buffer& out) { out.append(std::string_view("\x01\0\0\0\xc1", 5)); });

  const auto why = co_await receive_stops(channel, [](const std::string&) { ADD_FAILURE() << "a message"; });

  EXPECT_TRUE(sc_test::contains(why, "actor 'x' broke the protocol: ")) << why;
  EXPECT_TRUE(channel.closed());
}

// Though the channel had been found broken before, for its own sends failed.
TRACTOR_TEST(channel, fault_of_a_peer_that_takes_nothing_is_told_too) {
  auto [near, far] = sc::open_socketpair();
  ipc::channel channel(std::move(near));
  channel.set_peer_name("actor 'liar'");
  const std::byte garbage[] = {std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0xc1}};
  co_await far->send_all(garbage);
  far->close();
  send_stop(channel, "into the void");
  channel.flush();
  EXPECT_TRUE(sc_test::contains(channel.why_closed(), "broke while sending")) << channel.why_closed();
  EXPECT_TRUE(channel.ended_by_stream());

  const auto why = co_await receive_stops(channel, [](const std::string&) {});

  EXPECT_TRUE(sc_test::contains(why, "actor 'liar' broke the protocol")) << why;
  EXPECT_EQ(why, channel.why_closed());
  EXPECT_FALSE(channel.ended_by_stream());
}

// A peer that lives waits for what was dropped: nobody waits for its answer.
TRACTOR_TEST(channel, send_that_fails_for_want_of_memory_ends_the_reception_too) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::make_unique<failing_stream>(std::move(near), ENOBUFS));
  std::string why = "still waiting";

  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> { why = co_await receive_stops(channel, [](const std::string&) {}); });
    co_await sc_test::settle();
    send_stop(channel, "question");
    co_await sc_test::settle();
    n.cancel();
  });

  EXPECT_TRUE(sc_test::contains(why, "broke while sending [ENOBUFS")) << why;
  EXPECT_TRUE(channel.closed());
  EXPECT_FALSE(channel.ended_by_stream());
  EXPECT_THROW(send_stop(channel, "another"), tractor::transport_closed);
}

// S-FRM-5, S-FRM-6: a peer that ends between two frames has left, and one that ends inside of a frame was lost: who receives gets that as
// transport_closed, which says so.
TRACTOR_TEST(channel, end_inside_a_frame_is_no_clean_end) {
  for (const bool clean : {true, false}) {
    auto [near, far] = sc::open_memory_streams();
    ipc::channel channel(std::move(near));
    channel.set_peer_name("actor 'x'");
    msg::buffer sent;
    msg::encode_stop(sent, "one");
    const std::size_t whole = sent.view().size();
    msg::encode_stop(sent, "two");
    co_await far->send_all(sent.view().first(clean ? whole : whole + 7));
    far->close();
    std::vector<std::string> heard;
    bool lost = false;

    try {
      while (const auto message = co_await channel.receive()) heard.emplace_back(std::get<msg::stop>(*message).cid);
    } catch (const tractor::transport_closed&) {
      lost = true;
    }

    EXPECT_EQ(heard, std::vector<std::string>{"one"});
    EXPECT_EQ(lost, !clean);
    EXPECT_TRUE(channel.closed());
    EXPECT_EQ(channel.ended_by_stream(), clean);
    EXPECT_EQ(channel.why_closed(), clean ? "the connection to actor 'x' was closed by the peer"
                                          : "the connection to actor 'x' ended in the middle: the stream ended inside a frame: 3 of " +
                                                std::to_string(whole - 4) + " bytes of the body had arrived");
  }
}

// S-FRM-9, S-CHN-3: only a peer that has gone is the end of the stream itself; for who sends it is the end of the connection in any case.
TRACTOR_TEST(channel, send_that_fails_closes_the_connection_for_who_sends) {
  struct failure {
    int errno_value;
    const char* name;
    bool by_stream;
  };
  for (const failure& each : {failure{.errno_value = EPIPE, .name = "EPIPE", .by_stream = true},
                              failure{.errno_value = ECONNRESET, .name = "ECONNRESET", .by_stream = true},
                              failure{.errno_value = ENOBUFS, .name = "ENOBUFS", .by_stream = false}}) {
    auto [near, far] = sc::open_memory_streams();
    ipc::channel channel(std::make_unique<failing_stream>(std::move(near), each.errno_value));
    send_stop(channel, "one");
    channel.flush();

    EXPECT_THROW(send_stop(channel, "two"), tractor::transport_closed) << each.name;

    EXPECT_TRUE(sc_test::contains(channel.why_closed(), each.name)) << channel.why_closed();
    EXPECT_EQ(channel.ended_by_stream(), each.by_stream) << each.name;
    EXPECT_EQ(channel.closed(), !each.by_stream) << "who has gone may have said something before";
  }
  co_await sc_test::settle();
}

// S-FRM-13: what tells whether the peer lives is to receive from it.
TRACTOR_TEST(channel, is_open_until_the_end_of_its_peer_is_received) {
  auto [near, far] = sc::open_socketpair();
  ipc::channel channel(std::move(near));
  far->close();
  co_await sc_test::settle();
  EXPECT_FALSE(channel.closed());

  EXPECT_FALSE(co_await channel.receive());

  EXPECT_TRUE(channel.closed());
}

// S-FRM-3: some of the tasks are cancelled in the middle of it.
TRACTOR_TEST(channel, frames_of_tasks_that_send_at_once_arrive_whole_and_in_the_order_of_each) {
  auto [near, far] = sc::open_memory_streams(1000);
  ipc::channel channel(std::move(near)), other(std::move(far));
  constexpr int tasks = 10, frames = 40;
  const std::string padding(5000, 'x');
  std::vector<int> sent(tasks), received(tasks);
  std::string why = "still receiving";

  co_await sc::open_nursery([&](sc::nursery& around) -> sc::task<> {
    around.start_soon([&]() -> sc::task<> {
      why = co_await receive_stops(other, [&](const std::string& cid) {
        const auto end_of_task = cid.find(' '), end_of_number = cid.find(' ', end_of_task + 1);
        const auto task = static_cast<std::size_t>(std::stoi(cid.substr(0, end_of_task)));
        EXPECT_EQ(cid.substr(end_of_number + 1), padding);
        EXPECT_EQ(std::stoi(cid.substr(end_of_task + 1)), received.at(task));
        ++received.at(task);
      });
    });
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      for (int task = 0; task < tasks; ++task)
        n.start_soon([&, task]() -> sc::task<> {
          sc::cancel_scope scope;
          co_await scope.run([&]() -> sc::task<> {
            for (int i = 0; i < frames; ++i) {
              if (task % 2 == 1 && i == frames / 2) scope.cancel();
              send_stop(channel, std::to_string(task) + " " + std::to_string(i) + " " + padding);
              ++sent.at(static_cast<std::size_t>(task));
              co_await channel.drained();
              co_await sc::checkpoint();
            }
          });
        });
      co_return;
    });
    co_await channel.flushed();
    channel.close("done");
  });

  EXPECT_EQ(sent, received);
  EXPECT_EQ(sent.at(0), frames);
  EXPECT_LT(sent.at(1), frames);
  EXPECT_EQ(why, "");
}

// S-FRM-4
TRACTOR_TEST(channel, second_task_that_receives_is_refused) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near)), other(std::move(far));
  std::vector<std::string> got;
  std::string second;

  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon(
        [&]() -> sc::task<> { static_cast<void>(co_await receive_stops(channel, [&](const std::string& cid) { got.push_back(cid); })); });
    co_await sc_test::settle();

    second = co_await receive_stops(channel, [](const std::string&) {});
    send_stop(other, "goes on");  // the first one does
    co_await sc_test::settle();
    n.cancel();
  });

  EXPECT_TRUE(sc_test::contains(second, "another task is receiving")) << second;
  EXPECT_EQ(got, std::vector<std::string>{"goes on"});
}

// Bytes that nobody takes do not pile up without bound.
TRACTOR_TEST(channel, queue_above_its_bound_ends_the_channel) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near));
  channel.set_peer_name("actor 'x'");
  const auto send_big = [&] {
    channel.send([](msg::buffer& out) { out.advance_to(out.room(msg::frame_bytes_max_default) + msg::frame_bytes_max_default); });
  };
  for (int i = 0; i < 4; ++i) send_big();
  EXPECT_FALSE(channel.closed());

  send_big();

  EXPECT_TRUE(channel.closed());
  EXPECT_TRUE(sc_test::contains(channel.why_closed(), "actor 'x' does not read")) << channel.why_closed();
  EXPECT_TRUE(sc_test::contains(channel.why_closed(), "outgoing_bytes_max")) << channel.why_closed();
  EXPECT_THROW(send_big(), tractor::transport_closed);
  co_await sc_test::settle();
}

// Whatever a slow peer makes of the queue's memory, it gets every byte in its order.
TRACTOR_TEST(channel, backlog_arrives_in_order_at_a_slow_peer) {
  auto [near, far] = sc::open_memory_streams(4096);
  ipc::channel channel(std::move(near)), other(std::move(far));
  constexpr int count = 40'000;
  for (int i = 0; i < count; ++i) send_stop(channel, "a cid of some length, to have more than outgoing_bytes_high: " + std::to_string(i));
  EXPECT_TRUE(channel.congested());
  int next = 0;
  std::string why;

  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      why = co_await receive_stops(other, [&](const std::string& cid) {
        EXPECT_TRUE(cid.ends_with(": " + std::to_string(next))) << cid;
        ++next;
      });
    });
    co_await channel.flushed();
    channel.close("done");
  });

  EXPECT_EQ(next, count);
  EXPECT_EQ(why, "");
}

TRACTOR_TEST(channel, idle_after_a_big_frame_gives_its_memory_back) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near)), other(std::move(far));
  std::vector<std::size_t> sizes, held;

  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> {
      static_cast<void>(co_await receive_stops(channel, [&](const std::string& cid) {
        sizes.push_back(cid.size());
        held.push_back(channel.receive_buffer_bytes());
      }));
    });
    send_stop(other, std::string(4 << 20, 'x'));
    co_await sc_test::settle();
    EXPECT_LE(channel.receive_buffer_bytes(), ipc::read_bytes_busy);
    send_stop(other, std::string(3 << 20, 'y'));
    co_await other.flushed();
    other.close("done");
  });

  EXPECT_EQ(sizes, (std::vector<std::size_t>{4 << 20, 3 << 20}));
  for (const std::size_t bytes : held) EXPECT_GT(bytes, 3u << 20);
}

// What is received beyond the end of one has to be copied once more.
TRACTOR_TEST(channel, long_frames_in_a_row_are_received_one_by_one) {
  constexpr int count = 20;
  std::vector<std::size_t> totals;
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::make_unique<counting_stream>(std::move(near), totals)), other(std::move(far));
  int received = 0;

  co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
    n.start_soon([&]() -> sc::task<> { static_cast<void>(co_await receive_stops(channel, [&](const std::string&) { ++received; })); });
    for (int i = 0; i < count; ++i) {
      send_stop(other, std::string(ipc::read_bytes_busy, 'x'));
      co_await other.drained();
    }
    co_await other.flushed();
    other.close("done");
  });

  EXPECT_EQ(received, count);
  const std::size_t frame_bytes = totals.back() / count;
  for (std::size_t i = 1; i < totals.size(); ++i)
    if (totals[i - 1] / frame_bytes != totals[i] / frame_bytes) EXPECT_LE(totals[i] % frame_bytes, ipc::read_bytes_first) << i;
}

// Both ends of a connection to a listener there, the one that connected first.
sc::task<std::pair<std::unique_ptr<ipc::channel>, std::unique_ptr<ipc::channel>>> connected(ipc::listener& to) {
  auto dialled = std::make_unique<ipc::channel>(co_await ipc::connect(to.local()));
  auto accepted = std::make_unique<ipc::channel>((co_await to.accept()).stream);
  dialled->set_peer_name("actor 'server'");
  accepted->set_peer_name("actor 'client'");
  co_return std::pair(std::move(dialled), std::move(accepted));
}

// S-CHN-1, S-CHN-6
TRACTOR_TEST(channel, over_tcp_knows_and_shows_both_addresses_whoever_dialled) {
  const auto listener = ipc::listen(ipc::tcp_address{.host = "127.0.0.1", .port = 0});
  const auto [dialled, accepted] = co_await connected(*listener);

  const auto client = dialled->ends(), server = accepted->ends();

  TRACTOR_REQUIRE(client && server);
  EXPECT_EQ(client->remote, listener->local());
  EXPECT_EQ(server->local, listener->local());
  EXPECT_EQ(client->local, server->remote);
  EXPECT_NE(client->local, client->remote);
  EXPECT_EQ(dialled->text(), "actor 'server', open over tcp, " + client->local.text() + " to " + listener->local().text());
  EXPECT_EQ(accepted->text(), "actor 'client', open over tcp, " + listener->local().text() + " to " + client->local.text());
}

// S-CHN-1, S-CHN-6, S-UDS-8
TRACTOR_TEST(channel, over_uds_has_the_listeners_path_at_both_ends) {
  const ipc::address where =
      ipc::uds_address{.dir = testing::TempDir() + "tractor-channel-" + std::to_string(::getpid()), .file = "a.sock"};
  {
    const auto listener = ipc::listen(where);
    const auto [dialled, accepted] = co_await connected(*listener);
    for (const auto* end : {dialled.get(), accepted.get()}) {
      const auto between = end->ends();
      TRACTOR_REQUIRE(between);
      EXPECT_EQ(between->local, where);
      EXPECT_EQ(between->remote, where);
    }
    EXPECT_EQ(dialled->text(), "actor 'server', open over uds, " + where.text());
  }
  std::filesystem::remove(where.uds()->dir);
}

// S-CHN-6
TRACTOR_TEST(channel, text_says_why_it_is_closed) {
  auto [near, far] = sc::open_socketpair();
  ipc::channel channel(std::move(near)), other(std::move(far));
  EXPECT_EQ(channel.text(), "a peer that has not said who it is, open over a link without an address");
  channel.set_peer_name("actor 'x'");
  other.close("done");
  send_stop(channel, "into the void");
  channel.flush();
  EXPECT_TRUE(channel.text().starts_with("actor 'x', takes nothing any more: the connection to actor 'x' broke while sending [EPIPE"))
      << channel.text();

  channel.close("enough");

  EXPECT_TRUE(channel.text().starts_with("actor 'x', closed: the connection to actor 'x' broke while sending")) << channel.text();
  EXPECT_EQ(other.text(), "a peer that has not said who it is, closed: done");
  EXPECT_FALSE(other.ends());
  co_await sc_test::settle();
}

// S-CHN-2: what a stranger may make us hold is little, until it has said who it is.
TRACTOR_TEST(channel, frame_above_a_bound_that_was_lowered_is_refused) {
  auto [near, far] = sc::open_memory_streams();
  ipc::channel channel(std::move(near), 1024), other(std::move(far));
  send_stop(other, std::string(1000, 'x'));
  send_stop(other, std::string(2000, 'y'));
  send_stop(other, std::string(2000, 'z'));

  EXPECT_TRUE(co_await channel.receive());
  channel.set_frame_bytes_max(4096);
  EXPECT_TRUE(co_await channel.receive());
  channel.set_frame_bytes_max(1024);
  EXPECT_THROW(static_cast<void>(co_await channel.receive()), tractor::transport_closed);
}

}  // namespace
