// SPDX-License-Identifier: Apache-2.0
//
// The contract checks: every stream of ours passes them, and each fault that a stream can have is found and named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/sc.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/testing/check_streams.hpp"
#include "tractor/testing/lockstep_stream.hpp"
#include "tractor/testing/process_fixture.hpp"
#include "tractor/testing/test.hpp"

namespace {

namespace sc = tractor::sc;
namespace kit = tractor::testing;
using sc::task;
using ::testing::AnyOf;
using ::testing::HasSubstr;

template <class Pair>
kit::stream_pair as_pair(Pair made) {
  return {std::move(made.first), std::move(made.second)};
}

TRACTOR_TEST(check_streams, memory_streams_keep_the_contract) {
  for (const std::size_t buffer_bytes : {std::size_t{1}, std::size_t{100}, sc::memory_stream_buffer_bytes_default})
    co_await kit::check_half_closeable_stream(
        [=]() -> task<kit::stream_pair> { co_return as_pair(sc::open_memory_streams(buffer_bytes)); });
}

TRACTOR_TEST(check_streams, lockstep_streams_keep_the_contract) {
  co_await kit::check_half_closeable_stream([]() -> task<kit::stream_pair> { co_return as_pair(kit::open_lockstep_streams()); });
}

class check_real_streams : public kit::process_fixture {};

TEST_F(check_real_streams, socketpairs_keep_the_contract) {
  sc::run([]() -> task<> {
    co_await kit::check_half_closeable_stream([]() -> task<kit::stream_pair> { co_return as_pair(sc::open_socketpair()); });
  });
}

TEST_F(check_real_streams, tcp_keeps_the_contract) {
  sc::run([]() -> task<> {
    co_await kit::check_half_closeable_stream([]() -> task<kit::stream_pair> {
      const auto listener = sc::listen_tcp("127.0.0.1", 0);
      auto near = co_await sc::connect_tcp("127.0.0.1", listener->local_endpoint()->port);
      co_return kit::stream_pair(std::move(near), co_await listener->accept());
    });
  });
}

// A stream that does as another one, but for one thing.
class faulty_stream : public sc::byte_stream {
 public:
  explicit faulty_stream(std::unique_ptr<sc::byte_stream> real) : real_(std::move(real)) {}
  void send_eof() override { real_->send_eof(); }
  void close() noexcept override { real_->close(); }
  [[nodiscard]] bool closed() const noexcept override { return real_->closed(); }
  sc::io_result try_receive(std::span<std::byte> into) noexcept override { return real_->try_receive(into); }
  sc::io_result try_send(std::span<const std::byte> from) noexcept override { return real_->try_send(from); }
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override { real_->set_reader(waiter); }
  void set_writer(sc::detail::io_source::waiter* waiter) override { real_->set_writer(waiter); }

 protected:
  std::unique_ptr<sc::byte_stream> real_;
};

struct loses_a_byte : faulty_stream {
  using faulty_stream::faulty_stream;
  sc::io_result try_send(std::span<const std::byte> from) noexcept override {
    sc::io_result sent = real_->try_send(from.size() > 2000 ? from.first(from.size() - 1) : from);
    if (sent.bytes == from.size() - 1) ++sent.bytes;
    return sent;
  }
};
struct flips_a_bit : faulty_stream {
  using faulty_stream::faulty_stream;
  sc::io_result try_receive(std::span<std::byte> into) noexcept override {
    const sc::io_result got = real_->try_receive(into);
    if (got.bytes > 500) into[500] ^= std::byte{1};
    return got;
  }
};
struct never_full : faulty_stream {
  using faulty_stream::faulty_stream;
  sc::io_result try_send(std::span<const std::byte> from) noexcept override {
    const sc::io_result sent = real_->try_send(from);
    return sent.would_block() ? sc::io_result{.bytes = from.size()} : sent;
  }
};
struct closes_whole : faulty_stream {
  using faulty_stream::faulty_stream;
  void send_eof() override { real_->close(); }
};
struct mute_end : faulty_stream {
  using faulty_stream::faulty_stream;
  sc::io_result try_send(std::span<const std::byte> from) noexcept override {
    const sc::io_result sent = real_->try_send(from);
    return sent.errno_value == EPIPE ? sc::io_result{.bytes = from.size()} : sent;
  }
};
struct forgets_its_close : faulty_stream {
  using faulty_stream::faulty_stream;
  [[nodiscard]] bool closed() const noexcept override { return false; }
};

template <class Faulty>
std::string fault_found() {
  sc::virtual_clock clock;
  try {
    sc::run({.clock = &clock, .seed = 1}, [] {
      return kit::check_half_closeable_stream([]() -> task<kit::stream_pair> {
        auto [near, far] = sc::open_memory_streams(4096);
        co_return kit::stream_pair(std::make_unique<Faulty>(std::move(near)), std::make_unique<Faulty>(std::move(far)));
      });
    });
  } catch (const std::exception&) {
    return sc::describe(std::current_exception());
  }
  return "nothing";
}

TEST(check_streams, faults_are_found_and_named) {
  EXPECT_THAT(fault_found<faulty_stream>(), "nothing");
  EXPECT_THAT(fault_found<flips_a_bit>(), HasSubstr("what is received is what was sent, in order"));
  EXPECT_THAT(fault_found<never_full>(), AnyOf(HasSubstr("in order"), HasSubstr("deadlock")));
  EXPECT_THAT(fault_found<closes_whole>(), HasSubstr("the stream was closed on this side"));
  EXPECT_THAT(fault_found<mute_end>(), HasSubstr("a sender is held back"));
  EXPECT_THAT(fault_found<forgets_its_close>(), HasSubstr("closed() says so after close()"));
  EXPECT_THAT(fault_found<loses_a_byte>(), AnyOf(HasSubstr("in order"), HasSubstr("deadlock")));
}

}  // namespace
