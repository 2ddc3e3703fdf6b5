// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <optional>
#include <vector>

#include "base/json_text.hpp"
#include "relayed_stderr.hpp"
#include "spin_lock.hpp"
#include "tractor/base/error.hpp"

namespace tractor {

namespace detail {
constinit std::atomic<std::uint32_t> log_generation{1};
}

namespace {

constexpr const char* level_variable = "TRACTOR_LOGLEVEL";
constexpr const char* format_variable = "TRACTOR_LOG_FORMAT";
constexpr log_level level_default = log_level::error;

struct named_level {
  std::string_view name;
  log_level value;
  log_color color;
};
struct part_level {
  std::string part;
  log_level value;
};

// What was set, for all loggers of the process. Not made before something is shown, or set.
struct settings {
  std::vector<named_level> levels{{"TRANSPORT", log_level::transport, log_color::cyan},
                                  {"DEBUG", log_level::debug, log_color::white},
                                  {"RUNTIME", log_level::runtime, log_color::white},
                                  {"DEVX", log_level::devx, log_color::cyan},
                                  {"INFO", log_level::info, log_color::green},
                                  {"IO", log_level::io, log_color::purple},
                                  {"CANCEL", log_level::cancel, log_color::yellow},
                                  {"WARNING", log_level::warning, log_color::yellow},
                                  {"ERROR", log_level::error, log_color::red},
                                  {"CRITICAL", log_level::critical, log_color::red},
                                  {"PDB", log_level::pdb, log_color::white}};
  log_level of_all = level_default;
  std::vector<part_level> parts;
  bool environment_read = false;
  std::optional<log_format> format;
};

constinit detail::spin_lock settings_lock;
constinit std::atomic<detail::log_identify> identify{nullptr};
constinit std::atomic<std::uint64_t> dropped{0};

settings& current() {
  static settings* const one = new settings;  // never destroyed: static destructors log too
  return *one;
}

bool same_text(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

log_level level_named(const settings& in, std::string_view name) {
  for (const auto& level : in.levels)
    if (same_text(level.name, name)) return level.value;
  std::int32_t number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed == std::errc() && end == name.data() + name.size() && number >= 0) return static_cast<log_level>(number);
  std::string known;
  for (const auto& level : in.levels) known += (known.empty() ? "" : ", ") + std::string(level.name);
  throw usage_error("there is no log level '" + std::string(name.substr(0, 100)) + "': there are " + known + ", and numbers");
}

// Nothing is changed when it throws.
void apply(settings& to, std::string_view spec) {
  spec = trimmed(spec);
  if (spec.empty()) return;
  const auto refuse = [&](const std::string& why) {
    throw usage_error("'" + std::string(spec.substr(0, 200)) + "' is no log spec, LEVEL or PART:LEVEL,PART:LEVEL: " + why);
  };
  if (spec.find(':') == std::string_view::npos && spec.find(',') == std::string_view::npos) {
    to.of_all = level_named(to, spec);
    to.parts.clear();
    return;
  }
  std::vector<part_level> parts;
  for (std::string_view rest = spec; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view entry = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const std::size_t colon = entry.find(':');
    if (colon == std::string_view::npos) refuse("'" + std::string(entry) + "' names no part: a level for all stands alone");
    if (colon == 0) refuse("a part is missing before ':'");
    parts.push_back({.part = std::string(entry.substr(0, colon)), .value = level_named(to, entry.substr(colon + 1))});
    if (parts.size() > static_cast<std::size_t>(log_spec_parts_max)) refuse("more than " + std::to_string(log_spec_parts_max) + " parts");
  }
  for (auto& part : parts) {
    const auto known = std::ranges::find(to.parts, part.part, &part_level::part);
    if (known != to.parts.end())
      known->value = part.value;
    else
      to.parts.push_back(std::move(part));
  }
}

// The environment's word comes last, and is asked for once: a mistake in it is said, and no more.
void read_environment(settings& to) noexcept {
  if (to.environment_read) return;
  to.environment_read = true;
  const char* const set = std::getenv(level_variable);
  if (set == nullptr) return;
  try {
    apply(to, set);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "tractor: %s: %s\n", level_variable, wrong.what());
  }
}

bool is_part_of(std::string_view name, std::string_view part) noexcept {
  return name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.');
}

const named_level* find_level(const settings& in, log_level value) noexcept {
  const auto found = std::ranges::find(in.levels, value, &named_level::value);
  return found != in.levels.end() ? &*found : nullptr;
}

// --- rendering ---

std::string_view color_code(log_color color) noexcept {
  switch (color) {
    case log_color::white: return "\x1b[37m";
    case log_color::red: return "\x1b[31m";
    case log_color::green: return "\x1b[32m";
    case log_color::yellow: return "\x1b[33m";
    case log_color::purple: return "\x1b[35m";
    case log_color::cyan: return "\x1b[36m";
  }
  return "";
}

std::string_view file_of(const std::source_location& where) noexcept {
  const std::string_view path = where.file_name();
  return path.substr(path.rfind('/') + 1);
}

std::string time_text(const char* format, bool utc) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  utc ? ::gmtime_r(&now, &parts) : ::localtime_r(&now, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

// So much of a message as a record takes, cut where a character of UTF-8 begins.
std::string_view within_bound(std::string_view message) {
  constexpr int character_rest_max = 3;
  if (message.size() <= log_line_bytes_max) return message;
  std::size_t end = log_line_bytes_max;
  for (int i = 0; i < character_rest_max && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80; ++i) --end;
  return message.substr(0, end);
}

// Lines after the first are indented, so that a record can be told from the next.
void append_message(std::string& to, std::string_view message) {
  const std::string_view whole = within_bound(message);
  for (const char c : whole) {
    to += c;
    if (c == '\n') to += "  ";
  }
  if (whole.size() < message.size()) to += "…";
}

struct record {
  std::string level_name;
  log_color color;
  std::string_view logger;
  const std::source_location& where;
  std::string_view message;
  log_identity who;
  std::uint64_t lost;
};

std::string as_json(const record& of) {
  std::string line = "{\"time\":\"" + time_text("%Y-%m-%dT%H:%M:%SZ", true) + "\",\"level\":";
  const auto add = [&](const char* key, std::string_view text) {
    line += std::string(",\"") + key + "\":";
    detail::append_json_text(line, text);
  };
  detail::append_json_text(line, of.level_name);
  add("logger", of.logger);
  line += ",\"pid\":" + std::to_string(::getpid());
  if (!of.who.actor_name.empty()) add("actor", of.who.actor_name);
  if (!of.who.actor_uuid.empty()) add("uuid", of.who.actor_uuid);
  if (of.who.task_id != 0) {
    add("task", of.who.task_name);
    line += ",\"task_id\":" + std::to_string(of.who.task_id);
  }
  add("file", file_of(of.where));
  line += ",\"line\":" + std::to_string(of.where.line());
  const std::string_view whole = within_bound(of.message);
  add("message", whole.size() < of.message.size() ? std::string(whole) + "…" : std::string(whole));
  if (of.lost != 0) line += ",\"lost_before\":" + std::to_string(of.lost);
  return line + "}\n";
}

std::string as_text(const record& of, bool in_color) {
  constexpr std::size_t uuid_part = 6;
  const std::string_view on = in_color ? color_code(of.color) : "", off = in_color ? "\x1b[0m" : "", dim = in_color ? "\x1b[2m" : "";
  std::string line;
  line += dim;
  line += time_text("%b %d %H:%M:%S", false) + " (";
  line += of.who.actor_name.empty() ? "no actor context" : of.who.actor_name + "[" + of.who.actor_uuid.substr(0, uuid_part) + "]";
  line += ", " + std::to_string(::getpid()) + ", ";
  line += of.who.task_id == 0 ? "no task context" : of.who.task_name + "[" + std::to_string(of.who.task_id) + "]";
  line += ") ";
  line += off;
  line += on;
  line += "[" + of.level_name + "]";
  line += off;
  line += dim;
  line += " " + std::string(of.logger) + " " + std::string(file_of(of.where)) + ":" + std::to_string(of.where.line()) + " ";
  line += off;
  line += on;
  append_message(line, of.message);
  line += off;
  if (of.lost != 0) line += " (" + std::to_string(of.lost) + " records before it found no room)";
  line += '\n';
  return line;
}

// True when all of it was taken in time. A pipe that is ready takes as much as this without waiting, also one that blocks.
bool write_line(std::string_view line) noexcept {
  constexpr std::size_t at_once = PIPE_BUF;
  timespec began{};
  ::clock_gettime(CLOCK_MONOTONIC, &began);
  const auto left_ms = [&] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return log_write_max.count() - ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1'000'000);
  };
  while (!line.empty()) {
    pollfd room{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&room, 1, static_cast<int>(std::max<long long>(0, left_ms())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const auto written = ::write(STDERR_FILENO, line.data(), std::min(line.size(), at_once));
    if (written > 0)
      line.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR && errno != EAGAIN)
      return false;
  }
  return true;
}

}  // namespace

void add_log_level(std::string_view name, log_level value, log_color color) {
  if (name.empty()) throw usage_error("a log level needs a name");
  const std::lock_guard held(settings_lock);
  auto& levels = current().levels;
  const auto known = std::ranges::find(levels, value, &named_level::value);
  if (known != levels.end()) {
    *known = {.name = name, .value = value, .color = color};
    return;
  }
  const auto renumbered = std::ranges::find_if(levels, [&](const named_level& level) { return same_text(level.name, name); });
  if (renumbered != levels.end()) {
    *renumbered = {.name = name, .value = value, .color = color};
    return;
  }
  if (levels.size() >= static_cast<std::size_t>(log_levels_max))
    throw usage_error("there are " + std::to_string(log_levels_max) + " log levels already (log_levels_max)");
  levels.push_back({.name = name, .value = value, .color = color});
}

std::string log_level_name(log_level level) {
  const std::lock_guard held(settings_lock);
  const named_level* const known = find_level(current(), level);
  return known != nullptr ? std::string(known->name) : "level " + std::to_string(static_cast<std::int32_t>(level));
}

log_level log_level_named(std::string_view name) {
  const std::lock_guard held(settings_lock);
  return level_named(current(), trimmed(name));
}

void set_log_level(std::string_view spec) {
  if (trimmed(spec).empty()) return;  // every actor comes here when it boots: nothing is to be made for nothing
  const std::lock_guard held(settings_lock);
  apply(current(), spec);
  current().environment_read = false;  // its word is the last
  detail::log_generation.fetch_add(1);
}

void check_log_spec(std::string_view spec) {
  if (trimmed(spec).empty()) return;
  const std::lock_guard held(settings_lock);
  settings tried = current();
  apply(tried, spec);
}

struct log_level_scope::levels {
  log_level of_all;
  std::vector<part_level> parts;
};

log_level_scope::log_level_scope(std::string_view spec) {
  if (trimmed(spec).empty()) return;
  {
    const std::lock_guard held(settings_lock);
    read_environment(current());
    before_ = std::make_unique<levels>(current().of_all, current().parts);
  }
  set_log_level(spec);
}

log_level_scope::~log_level_scope() {
  if (!before_) return;
  const std::lock_guard held(settings_lock);
  current().of_all = before_->of_all;
  current().parts = std::move(before_->parts);
  current().environment_read = true;  // its word was in what was kept
  detail::log_generation.fetch_add(1);
}

std::string log_spec() {
  const std::lock_guard held(settings_lock);
  read_environment(current());
  const auto text = [&](log_level level) {
    const named_level* const known = find_level(current(), level);
    std::string name = known != nullptr ? std::string(known->name) : std::to_string(static_cast<std::int32_t>(level));
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return name;
  };
  if (current().parts.empty()) return text(current().of_all);
  std::string spec;
  for (const auto& part : current().parts) spec += (spec.empty() ? "" : ",") + part.part + ":" + text(part.value);
  return spec;
}

void set_log_format(log_format format) {
  const std::lock_guard held(settings_lock);
  current().format = format;
}

void detail::set_log_identify(log_identify how) noexcept { identify.store(how); }

void logger::look_up() noexcept {
  const std::lock_guard held(settings_lock);
  settings& set = current();
  read_environment(set);
  const std::uint32_t now = detail::log_generation.load();
  log_level threshold = set.of_all;
  std::size_t longest = 0;
  for (const auto& part : set.parts)
    if (is_part_of(name_, part.part) && part.part.size() >= longest) {
      longest = part.part.size();
      threshold = part.value;
    }
  threshold_.store(static_cast<std::int32_t>(threshold), std::memory_order_relaxed);
  generation_.store(now, std::memory_order_relaxed);
}

void logger::write(log_level level, const std::source_location& where, std::string_view message) {
  record shown{.level_name = log_level_name(level),
               .color = log_color::white,
               .logger = name_,
               .where = where,
               .message = message,
               .who = {},
               .lost = dropped.exchange(0)};
  bool json = false;
  {
    const std::lock_guard held(settings_lock);
    settings& set = current();
    if (const named_level* const known = find_level(set, level)) shown.color = known->color;
    if (!set.format) {
      const char* const wanted = std::getenv(format_variable);
      set.format = wanted != nullptr && same_text(wanted, "json") ? log_format::json : log_format::text;
    }
    json = *set.format == log_format::json;
  }
  if (const auto how = identify.load()) how(shown.who);
  const std::string line = detail::attributed(json ? as_json(shown) : as_text(shown, ::isatty(STDERR_FILENO) == 1));
  if (!write_line(line)) dropped.fetch_add(shown.lost + 1);
}

void logger::drop() noexcept { dropped.fetch_add(1); }

}  // namespace tractor
