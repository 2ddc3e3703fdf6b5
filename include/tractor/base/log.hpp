// SPDX-License-Identifier: Apache-2.0
//
// Logging, with the levels of the reference.
//
//     constinit tractor::logger log("shop.orders");          // a name for each part of a program, known at compile time
//     log.info("order ", number, " is for ", name);          // rendered only when it is shown
//     if (log.enabled(tractor::log_level::debug)) …          // for what takes time to find out
//
// A record is shown when its level is at least that of its logger: that of the longest part of its name that a level was set for, else the
// level of all. TRACTOR_LOGLEVEL, else set_log_level, sets them, by a *log spec*: one level for all ("info"), or levels for parts
// ("shop.orders:debug,tractor.runtime:runtime"), which leaves the rest as it was. The default is `error`. A suppressed statement costs two
// loads and two comparisons.
//
// A record is one line on stderr, written in one call, in colour on a terminal:
//
//     Nov 29 18:00:01 (worker[1f2e3d], 4711, serve[12]) [INFO] shop.orders orders.cpp:14 order 7 is for 'Ada'
//
// or, with TRACTOR_LOG_FORMAT=json, a JSON object. The actor and the task are those that log; where there is none it says so. Any thread
// may log; a record never waits longer than `log_write_max` for who reads stderr: what finds no room is dropped, and counted in the next
// one.
//
// A logger has static storage duration. It takes text, numbers, booleans, and whatever `log_append(std::string&, const T&)` is found for by
// argument-dependent lookup. Neither throws: for want of memory a record is dropped.

#pragma once

#include <atomic>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include "tractor/base/config.hpp"

namespace tractor {

inline constexpr auto log_write_max = std::chrono::milliseconds(50);
inline constexpr std::size_t log_line_bytes_max = 64 * 1024;  // of a message; what is longer is cut
inline constexpr int log_levels_max = 32;                     // with those that add_log_level adds
inline constexpr int log_spec_parts_max = 64;

// S-LOG-1
enum class log_level : std::int32_t {
  transport = 5,
  debug = 10,
  runtime = 15,
  devx = 17,
  info = 20,
  io = 21,
  cancel = 22,
  warning = 30,
  error = 40,
  critical = 50,
  pdb = 500,
};

enum class log_color : std::uint8_t { white, red, green, yellow, purple, cyan };

// Names a number as a level, or changes the name and colour of one (S-LOG-2). `name` must live as long as the process. Throws usage_error
// for an empty name, or when there are `log_levels_max`.
TRACTOR_API void add_log_level(std::string_view name, log_level value, log_color color = log_color::white);
// "INFO"; "level 33" for one without a name.
[[nodiscard]] TRACTOR_API std::string log_level_name(log_level level);
// By name, in any case, or by number. Throws usage_error that lists the names there are.
[[nodiscard]] TRACTOR_API log_level log_level_named(std::string_view name);

// Sets levels by a log spec (above); an empty one changes nothing. Throws usage_error for what is none: a level that does not exist, a
// level beside parts, a part without a level. TRACTOR_LOGLEVEL, where it is set, comes after it.
TRACTOR_API void set_log_level(std::string_view spec);
// Throws as set_log_level does, and changes nothing.
TRACTOR_API void check_log_spec(std::string_view spec);
// Sets levels while it lives; then those from before hold again.
class TRACTOR_API log_level_scope {
 public:
  explicit log_level_scope(std::string_view spec);  // throws as set_log_level does
  log_level_scope(const log_level_scope&) = delete;
  log_level_scope& operator=(const log_level_scope&) = delete;
  ~log_level_scope();

 private:
  struct levels;
  std::unique_ptr<levels> before_;  // null: the spec was empty
};
// The levels as a log spec.
[[nodiscard]] TRACTOR_API std::string log_spec();

enum class log_format : std::uint8_t { text, json };
TRACTOR_API void set_log_format(log_format format);

// Who logs, for a record; what is empty is not known.
struct log_identity {
  std::string actor_name;
  std::string actor_uuid;
  std::string task_name;
  std::uint64_t task_id = 0;
};

namespace detail {

// Filled in by later layers: adds what they know of the calling task.
using log_identify = void (*)(log_identity& who);
TRACTOR_API void set_log_identify(log_identify how) noexcept;

// Changes when levels are set, so that loggers look again.
extern TRACTOR_API constinit std::atomic<std::uint32_t> log_generation;

// A record's first part, which knows where it was written.
struct located_text {
  std::string_view text;
  std::source_location where;
  template <std::convertible_to<std::string_view> Text>
  located_text(const Text& first, std::source_location at = std::source_location::current())  // NOLINT(google-explicit-constructor)
      : text(first), where(at) {}
};

inline void log_append(std::string& to, std::string_view text) { to += text; }
template <class T>
  requires std::is_arithmetic_v<T>
void log_append(std::string& to, T number) {
  if constexpr (std::same_as<T, bool>) {
    to += number ? "true" : "false";
  } else if constexpr (std::same_as<T, char>) {
    to += number;
  } else {
    char text[64];
    to.append(text, std::to_chars(text, text + sizeof text, number).ptr);
  }
}
inline void log_append(std::string& to, const std::exception& error) { to += error.what(); }

}  // namespace detail

class TRACTOR_API logger {
 public:
  constexpr explicit logger(std::string_view name) noexcept : name_(name) {}
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  // Whether a record of that level would come out (S-LOG-12).
  [[nodiscard]] bool enabled(log_level level) noexcept {
    if (generation_.load(std::memory_order_relaxed) != detail::log_generation.load(std::memory_order_relaxed)) [[unlikely]]
      look_up();
    return static_cast<std::int32_t>(level) >= threshold_.load(std::memory_order_relaxed);
  }

  // `parts` are put together, nothing between them.
  template <class... Parts>
  void log(log_level level, detail::located_text first, const Parts&... parts) noexcept {
    if (!enabled(level)) [[likely]]
      return;
    render(level, first, parts...);
  }
  template <class... Parts>
  void transport(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::transport, first, parts...);
  }
  template <class... Parts>
  void debug(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::debug, first, parts...);
  }
  template <class... Parts>
  void runtime(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::runtime, first, parts...);
  }
  template <class... Parts>
  void devx(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::devx, first, parts...);
  }
  template <class... Parts>
  void info(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::info, first, parts...);
  }
  template <class... Parts>
  void io(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::io, first, parts...);
  }
  template <class... Parts>
  void cancel(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::cancel, first, parts...);
  }
  template <class... Parts>
  void warning(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::warning, first, parts...);
  }
  template <class... Parts>
  void error(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::error, first, parts...);
  }
  template <class... Parts>
  void critical(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::critical, first, parts...);
  }
  template <class... Parts>
  void pdb(detail::located_text first, const Parts&... parts) noexcept {
    log(log_level::pdb, first, parts...);
  }

 private:
  template <class... Parts>
  [[gnu::cold, gnu::noinline]] void render(log_level level, const detail::located_text& first, const Parts&... parts) noexcept {
    try {
      using detail::log_append;
      std::string message(first.text);
      (log_append(message, parts), ...);
      write(level, first.where, message);
    } catch (...) {
      drop();
    }
  }
  void look_up() noexcept;
  void write(log_level level, const std::source_location& where, std::string_view message);
  static void drop() noexcept;

  std::string_view name_;
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::int32_t> threshold_{0};
};

}  // namespace tractor
