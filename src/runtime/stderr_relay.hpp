// SPDX-License-Identifier: Apache-2.0
//
// What children write to stderr, on its way to this process's own: whole lines, each with the name and pid of the actor that wrote it in
// front, as syslog does it. Neither side ever waits for the other: a child whose text finds no
// room loses it, and so does one whose text finds none here, because nobody reads this process's stderr. Then a line says how much.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tractor/base/fd.hpp"
#include "tractor/sc/detail/reactor.hpp"

namespace tractor::detail {

inline constexpr std::size_t stderr_tail_bytes = 16 * 1024;          // kept of each child for its death certificate
inline constexpr std::size_t stderr_line_bytes_max = 64 * 1024;      // a longer line is passed on in pieces
inline constexpr int stderr_reads_max = 32;                          // of 4 KiB at a time
inline constexpr std::size_t stderr_backlog_bytes_max = 256 * 1024;  // kept while nobody reads this process's stderr
inline constexpr int stderr_flush_bound_ms = 500;                    // for what is kept when the process ends

// This process's stderr, for an actor's run. Must be destroyed in it; what is kept then is given `stderr_flush_bound_ms`.
class stderr_outlet {
 public:
  stderr_outlet() noexcept;
  stderr_outlet(const stderr_outlet&) = delete;
  stderr_outlet& operator=(const stderr_outlet&) = delete;
  ~stderr_outlet();

  // Writes whole lines, at once or when there is room. What is more than the bound is left out up to the moment when all that was kept has
  // been written; a line in its place says how much.
  void pass_on(std::string_view lines) noexcept;
  // The same for a line of this process's own, which is formatted, and cut at 1 KiB.
  [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) noexcept;

 private:
  struct waiter : sc::detail::io_source::waiter {
    stderr_outlet* self = nullptr;
  };
  void keep(std::string_view lines) noexcept;
  void write_backlog() noexcept;
  void say_left_out() noexcept;
  void await_room() noexcept;
  void stop_waiting() noexcept;

  std::string backlog_;
  std::size_t left_out_ = 0;
  unique_fd awaited_;  // a copy: which file the number stands for is the program's business
  std::optional<sc::detail::io_source> source_;
  waiter waiter_;
};

// One child's: passed on by whole lines, the end of it kept, without the names in front.
class stderr_relay {
 public:
  // `who`: in front of the lines that do not say it themselves; empty: nothing is.
  stderr_relay(unique_fd pipe, stderr_outlet& to, std::string who = {});
  stderr_relay(const stderr_relay&) = delete;
  stderr_relay& operator=(const stderr_relay&) = delete;
  ~stderr_relay();
  // From now on.
  void set_who(std::string who) { who_ = std::move(who); }
  // Reads what is there now.
  void drain() noexcept;
  // Drains, passes on an unfinished last line, and closes.
  void finish() noexcept;
  [[nodiscard]] std::string tail() const;

 private:
  struct waiter : sc::detail::io_source::waiter {
    stderr_relay* self = nullptr;
  };
  void take(std::string_view text);
  void pass_on(std::string_view lines);
  void close() noexcept;

  unique_fd pipe_;
  stderr_outlet& outlet_;
  sc::detail::io_source source_;
  waiter waiter_;
  std::string who_;
  bool within_line_ = false;  // of which the first piece was passed on
  std::string line_;
  std::string tail_;
};

}  // namespace tractor::detail
