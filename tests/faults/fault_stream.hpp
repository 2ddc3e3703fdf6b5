// SPDX-License-Identifier: Apache-2.0
//
// A byte stream with one fault in it: at its n-th receive, or its n-th send, counted from 1 and without those that would block.

#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tractor/sc/byte_stream.hpp"

namespace faults {

namespace sc = tractor::sc;

enum class kind : unsigned char {
  cut,      // the connection is reset
  stall,    // this direction moves nothing any more
  shorten,  // one byte is moved, and the rest later
  corrupt,  // one bit of what is moved is another
  delay,    // this direction moves nothing for a while
};
inline constexpr std::array kinds{kind::cut, kind::stall, kind::shorten, kind::corrupt, kind::delay};
enum class operation : unsigned char { receive, send };
inline constexpr std::array operations{operation::receive, operation::send};
[[nodiscard]] std::string to_string(kind fault);
[[nodiscard]] std::string to_string(operation where);

inline constexpr std::byte flipped_bit{0x10};
inline constexpr std::size_t parts = 4;

struct plan {
  kind fault = kind::cut;
  operation where = operation::receive;
  std::size_t at = 0;    // 0: never
  std::size_t part = 0;  // the bit is flipped in the first byte of that one of the `parts` of what is there to move
};

// What became of it; outlives the stream.
struct progress {
  std::array<std::size_t, 2> operations{};  // that have moved something, or found the end: what a plan can hit
  bool hit = false;
  std::vector<std::byte> moved{};        // where a bit was to be flipped: all that has moved in that direction, as it was before
  std::optional<std::size_t> flipped{};  // in that byte of it
  std::size_t moved_in_time = 0;         // so much of it had when patience with the dialog was over
};

class fault_stream final : public sc::byte_stream {
 public:
  // `later` runs what it is given after the delay.
  using defer = std::function<void(std::function<void()>)>;
  fault_stream(std::unique_ptr<sc::byte_stream> inner, plan planned, progress& made, defer later);
  ~fault_stream() override;

  void send_eof() override;
  void close() noexcept override;
  [[nodiscard]] bool closed() const noexcept override { return closed_; }
  sc::io_result try_receive(std::span<std::byte> into) noexcept override;
  sc::io_result try_send(std::span<const std::byte> from) noexcept override;
  void set_reader(sc::detail::io_source::waiter* waiter) noexcept override;
  void set_writer(sc::detail::io_source::waiter* waiter) override;

 private:
  using waiter = sc::detail::io_source::waiter;
  struct direction {
    bool blocked = false;
    waiter* waiting = nullptr;  // while blocked
  };
  [[nodiscard]] direction& direction_of(operation of) noexcept { return directions_[static_cast<std::size_t>(of)]; }
  [[nodiscard]] std::size_t& count_of(operation of) const noexcept { return made_.operations[static_cast<std::size_t>(of)]; }
  // The operation that is about to move something is the planned one.
  [[nodiscard]] bool is_planned(operation of) const noexcept;
  // Those of a stream in which a bit is to be flipped.
  [[nodiscard]] bool corrupts(operation of) const noexcept { return plan_.fault == kind::corrupt && plan_.where == of; }
  sc::io_result receive_for_corruption(std::span<std::byte> into);
  sc::io_result send_for_corruption(std::span<const std::byte> from);
  void block(operation of);
  void release(operation of) noexcept;
  static void wake(direction& of) noexcept;

  std::unique_ptr<sc::byte_stream> inner_;
  plan plan_;
  progress& made_;
  defer later_;
  std::array<direction, 2> directions_;
  std::optional<std::size_t> flip_at_;  // of what moves
  bool cut_ = false;
  bool closed_ = false;
  std::shared_ptr<fault_stream*> self_ = std::make_shared<fault_stream*>(this);  // null when this is gone
};

}  // namespace faults
