// SPDX-License-Identifier: Apache-2.0
//
// Records out of a byte stream: whole or nothing, within their bounds, whatever the pieces are in which the bytes come.

#include "tractor/sc/buffered_reader.hpp"

#include <array>
#include <memory>
#include <random>

#include "sc_test.hpp"

namespace {

using namespace sc_test;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string buffered_text(const sc::buffered_reader& in) {
  return {reinterpret_cast<const char*>(in.buffered().data()), in.buffered().size()};
}

// Two streams, and a reader at the far end.
struct reader_pair {
  explicit reader_pair(std::size_t chunk_bytes = sc::reader_chunk_bytes_default) : in(*ends.second, chunk_bytes) {}

  [[nodiscard]] auto send(std::string_view text) { return ends.first->send_all(bytes_of(text)); }
  void end() { ends.first->send_eof(); }

  std::pair<std::unique_ptr<sc::memory_stream>, std::unique_ptr<sc::memory_stream>> ends = sc::open_memory_streams();
  sc::buffered_reader in;
};

// The error that `body` ends with.
template <class Error, class Body>
task<std::optional<Error>> error_of(Body body) {
  try {
    static_cast<void>(co_await body());
  } catch (const Error& thrown) {
    co_return thrown;
  }
  co_return std::nullopt;
}

// Cancels `body` once it waits.
template <class Body>
task<> cancel_while_waiting(Body body) {
  EXPECT_FALSE(co_await sc::move_on_after(1s, [&]() -> task<> { static_cast<void>(co_await body()); }));
}

// --- the records ---

TRACTOR_TEST(buffered_reader, read_exactly_gives_that_many_bytes_and_keeps_the_rest) {
  reader_pair pair;
  co_await pair.send("abcdef");

  EXPECT_EQ(co_await pair.in.read_exactly(4), "abcd");
  EXPECT_EQ(buffered_text(pair.in), "ef");
  EXPECT_EQ(co_await pair.in.read_exactly(2), "ef");
}

TRACTOR_TEST(buffered_reader, read_exactly_waits_for_what_is_missing) {
  reader_pair pair;
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await pair.in.read_exactly(6); });
    co_await pair.send("abc");
    co_await settle();
    EXPECT_EQ(got, "");

    co_await pair.send("def");
  });
  EXPECT_EQ(got, "abcdef");
}

TRACTOR_TEST(buffered_reader, read_exactly_of_nothing_waits_for_nothing) {
  reader_pair pair;

  EXPECT_EQ(co_await pair.in.read_exactly(0), "");
}

TRACTOR_TEST(buffered_reader, read_until_gives_what_stands_before_the_delimiter_and_takes_both) {
  reader_pair pair;
  co_await pair.send("head\r\n\r\nbody\r\n\r\n");

  EXPECT_EQ(co_await pair.in.read_until("\r\n\r\n", 100), "head");
  EXPECT_EQ(co_await pair.in.read_until("\r\n\r\n", 100), "body");
  EXPECT_TRUE(pair.in.buffered().empty());
}

TRACTOR_TEST(buffered_reader, read_until_finds_a_delimiter_that_came_in_pieces) {
  reader_pair pair;
  std::string got;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { got = co_await pair.in.read_until("<=>", 100); });
    for (const char* piece : {"a<", "=", "<=", ">b"}) {
      co_await pair.send(piece);
      co_await settle();
    }
  });

  EXPECT_EQ(got, "a<=");
  EXPECT_EQ(buffered_text(pair.in), "b");
}

TRACTOR_TEST(buffered_reader, read_until_takes_bytes_of_any_value) {
  reader_pair pair;
  const std::string record("a\0\xff\n", 4);
  co_await pair.send(record + std::string("\0\0", 2));

  EXPECT_EQ(co_await pair.in.read_until(std::string("\0\0", 2), 100), record);
}

TRACTOR_TEST(buffered_reader, read_line_gives_lines_without_their_ends_and_nothing_at_the_end) {
  reader_pair pair;
  co_await pair.send("one\n\r\ntwo\r\n");
  pair.end();

  EXPECT_EQ(co_await pair.in.read_line(), "one");
  EXPECT_EQ(co_await pair.in.read_line(), "");
  EXPECT_EQ(co_await pair.in.read_line(), "two");
  EXPECT_EQ(co_await pair.in.read_line(), std::nullopt);
  EXPECT_EQ(co_await pair.in.read_line(), std::nullopt) << "the end stays the end";
}

TRACTOR_TEST(buffered_reader, read_all_gives_what_is_buffered_and_what_comes_until_the_end) {
  reader_pair pair;
  co_await pair.send("a line\nand ");
  EXPECT_EQ(co_await pair.in.read_line(), "a line");
  co_await pair.send("more");
  pair.end();

  EXPECT_EQ(co_await pair.in.read_all(100), "and more");
  EXPECT_EQ(co_await pair.in.read_all(100), "");
}

TRACTOR_TEST(buffered_reader, read_some_gives_what_is_buffered_before_it_receives) {
  reader_pair pair;
  co_await pair.send("a line\nrest");
  EXPECT_EQ(co_await pair.in.read_line(), "a line");
  co_await pair.send("new");
  pair.end();
  std::array<std::byte, 16> into{};

  EXPECT_EQ(co_await pair.in.read_some(std::span(into).first(3)), 3u);
  EXPECT_EQ(co_await pair.in.read_some(into), 1u);
  EXPECT_EQ(co_await pair.in.read_some(into), 3u);
  EXPECT_EQ(static_cast<char>(into[0]), 'n');
  EXPECT_EQ(co_await pair.in.read_some(into), 0u);
}

TRACTOR_TEST(buffered_reader, at_end_tells_whether_another_record_follows) {
  reader_pair pair;
  co_await pair.send("ab");
  pair.end();

  EXPECT_FALSE(co_await pair.in.at_end());
  EXPECT_EQ(co_await pair.in.read_exactly(2), "ab");
  EXPECT_TRUE(co_await pair.in.at_end());
}

TRACTOR_TEST(buffered_reader, records_come_out_as_they_were_sent_whatever_the_pieces) {
  std::mt19937_64 random(sc::runner::current()->random());
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    reader_pair pair(chunk);
    std::vector<std::string> sent, got;
    for (int i = 0; i < 100; ++i) sent.emplace_back(random() % (i % 10 == 0 ? 1000 : 20), static_cast<char>('a' + i % 26));
    co_await sc::open_nursery([&](nursery& n) {
      n.start_soon([&]() -> task<> {
        std::string all;
        for (const std::string& each : sent) all += each + ";\n";
        for (std::string_view rest = all; !rest.empty();) {
          const std::size_t part = std::min<std::size_t>(rest.size(), 1 + random() % 50);
          co_await pair.send(rest.substr(0, part));
          rest.remove_prefix(part);
        }
        pair.end();
      });
      n.start_soon([&]() -> task<> {
        while (!co_await pair.in.at_end()) got.push_back(co_await pair.in.read_until(";\n", 1000));
      });
    });
    EXPECT_EQ(got, sent) << "chunk of " << chunk;
  }
}

// --- bounds ---

TRACTOR_TEST(buffered_reader, record_as_long_as_its_bound_is_given) {
  reader_pair pair;
  co_await pair.send("12345\n12345\n12345");
  pair.end();

  EXPECT_EQ(co_await pair.in.read_until("\n", 5), "12345");
  EXPECT_EQ(co_await pair.in.read_line(5), "12345");
  EXPECT_EQ(co_await pair.in.read_all(5), "12345");
}

TRACTOR_TEST(buffered_reader, read_until_over_its_bound_says_bound_and_delimiter_and_takes_nothing) {
  reader_pair pair;
  co_await pair.send("123456\r\n");

  const auto failed = co_await error_of<sc::too_long_error>([&] { return pair.in.read_until("\r\n", 5); });

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(), "read_until(): no \"\\r\\n\" came after at most 5 bytes, and a record may have no more");
  EXPECT_EQ(failed->bytes_max(), 5u);
  EXPECT_EQ(co_await pair.in.read_until("\r\n", 6), "123456") << "the bytes stayed";
}

TRACTOR_TEST(buffered_reader, read_until_of_a_stream_without_delimiters_fails_at_its_bound) {
  reader_pair pair(4);
  co_await pair.send(std::string(100, 'x'));

  EXPECT_TRUE(co_await error_of<sc::too_long_error>([&] { return pair.in.read_until("\x01\"", 10); }));
  EXPECT_LE(pair.in.buffered().size(), 10u + 2u + 4u);
  EXPECT_EQ(co_await pair.in.read_exactly(100), std::string(100, 'x'));
}

TRACTOR_TEST(buffered_reader, read_exactly_over_its_bound_is_refused_before_anything_is_received) {
  reader_pair pair;

  const auto failed = co_await error_of<sc::too_long_error>([&] { return pair.in.read_exactly(1'000'000'000'000); });

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(), "read_exactly(1000000000000): a record may have no more than 16777216 bytes");
}

TRACTOR_TEST(buffered_reader, read_all_over_its_bound_says_so_and_takes_nothing) {
  reader_pair pair;
  co_await pair.send("12");
  pair.end();

  const auto failed = co_await error_of<sc::too_long_error>([&] { return pair.in.read_all(1); });

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->message(), "read_all(): more than 1 byte came before the end of the stream");
  EXPECT_EQ(co_await pair.in.read_all(2), "12");
}

TRACTOR_TEST(buffered_reader, record_behind_a_long_one_is_read_as_ever) {
  reader_pair pair(16);
  co_await pair.send(std::string(10'000, 'x'));
  static_cast<void>(co_await pair.in.read_exactly(10'000));
  co_await pair.send("after");

  EXPECT_EQ(co_await pair.in.read_exactly(5), "after");
}

// --- the end of the stream inside a record ---

TRACTOR_TEST(buffered_reader, end_inside_a_record_says_how_many_bytes_came_and_keeps_them) {
  reader_pair pair;
  co_await pair.send("abc");
  pair.end();

  const auto exactly = co_await error_of<sc::incomplete_read_error>([&] { return pair.in.read_exactly(5); });
  const auto until = co_await error_of<sc::incomplete_read_error>([&] { return pair.in.read_until(";", 100); });
  const auto line = co_await error_of<sc::incomplete_read_error>([&] { return pair.in.read_line(); });

  TRACTOR_REQUIRE(exactly && until && line);
  EXPECT_EQ(exactly->message(), "read_exactly(5): the stream ended after 3 bytes of the record");
  EXPECT_EQ(until->message(), "read_until(): the stream ended after 3 bytes of the record, before a \";\"");
  EXPECT_EQ(line->message(), "read_line(): the stream ended after 3 bytes of the record, before a \"\\n\"");
  EXPECT_EQ(exactly->received(), 3u);
  EXPECT_EQ(co_await pair.in.read_all(100), "abc");
}

TRACTOR_TEST(buffered_reader, error_shows_a_delimiter_as_it_stands_in_a_program) {
  for (const auto& [delimiter, shown] :
       {std::pair("\\\"", R"("\\\"")"), std::pair("\r\n", R"("\r\n")"), std::pair("\x7f\x01", R"("\x7f\x01")")}) {
    reader_pair pair;
    pair.end();
    const auto error = co_await error_of<sc::incomplete_read_error>([&] { return pair.in.read_until(delimiter, 100); });
    TRACTOR_REQUIRE(error);
    EXPECT_TRUE(error->message().ends_with(std::string("before a ") + shown)) << error->message();
  }
}

TRACTOR_TEST(buffered_reader, end_before_a_record_that_was_asked_for_is_an_error_with_no_bytes) {
  reader_pair pair;
  pair.end();

  const auto failed = co_await error_of<sc::incomplete_read_error>([&] { return pair.in.read_exactly(1); });

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->received(), 0u);
}

TRACTOR_TEST(buffered_reader, error_of_the_stream_comes_out_and_loses_nothing) {
  reader_pair pair;
  co_await pair.send("abc");
  EXPECT_FALSE(co_await pair.in.at_end());
  pair.ends.second->close();

  EXPECT_TRUE(co_await error_of<sc::closed_resource_error>([&] { return pair.in.read_exactly(5); }));
  EXPECT_EQ(co_await pair.in.read_exactly(3), "abc");
}

// --- cancels and misuse ---

TRACTOR_TEST(buffered_reader, cancel_inside_a_record_loses_no_bytes) {
  reader_pair pair;
  co_await pair.send("begin");

  co_await cancel_while_waiting([&] { return pair.in.read_exactly(10); });
  co_await cancel_while_waiting([&] { return pair.in.read_until("\n", 100); });
  co_await cancel_while_waiting([&] { return pair.in.read_line(); });
  co_await cancel_while_waiting([&] { return pair.in.read_all(100); });

  EXPECT_EQ(buffered_text(pair.in), "begin");
  co_await pair.send(" end\n");
  EXPECT_EQ(co_await pair.in.read_line(), "begin end");
}

TRACTOR_TEST(buffered_reader, call_in_a_cancelled_scope_takes_nothing_though_all_is_there) {
  reader_pair pair;
  co_await pair.send("line\n");
  EXPECT_FALSE(co_await pair.in.at_end());
  std::array<std::byte, 16> into{};
  const auto cancelled = [](auto body) -> task<bool> {
    sc::cancel_scope scope;
    scope.cancel("before it began");
    co_return !co_await scope.run([&]() -> task<> { static_cast<void>(co_await body()); });
  };

  EXPECT_TRUE(co_await cancelled([&] { return pair.in.read_some(into); }));
  EXPECT_TRUE(co_await cancelled([&] { return pair.in.read_exactly(1); }));
  EXPECT_TRUE(co_await cancelled([&] { return pair.in.read_line(); }));
  EXPECT_TRUE(co_await cancelled([&] { return pair.in.at_end(); }));

  EXPECT_EQ(buffered_text(pair.in), "line\n");
}

TRACTOR_TEST(buffered_reader, second_reader_at_a_time_is_refused) {
  reader_pair pair;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    n.start_soon([&]() -> task<> { EXPECT_EQ(co_await pair.in.read_line(), "line"); });
    co_await settle();

    EXPECT_TRUE(co_await error_of<sc::busy_resource_error>([&] { return pair.in.read_exactly(1); }));
    co_await pair.send("line\n");
  });
}

TRACTOR_TEST(buffered_reader, empty_delimiter_and_empty_chunk_are_usage_errors) {
  reader_pair pair;

  EXPECT_TRUE(co_await error_of<tractor::usage_error>([&] { return pair.in.read_until("", 10); }));
  EXPECT_THROW(sc::buffered_reader(*pair.ends.first, 0), tractor::usage_error);
}

}  // namespace
