// SPDX-License-Identifier: Apache-2.0

#include "stall_report.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/raw_place.hpp"
#include "base/relayed_stderr.hpp"
#include "spawn/own_stderr.hpp"
#include "tractor/base/error.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::detail {

namespace {

constexpr int report_wait_max_ms = 200;  // for whoever reads it
constexpr std::size_t line_fields = 6;   // before the frames
constexpr std::size_t line_frames_max = sc::stall_detector::frames_max;
constexpr std::uint64_t held_ms_max = 1'000'000'000'000;  // decades: what is more is no time

// A line in the making, in a signal handler. What finds no room is left out.
class line_buffer {
 public:
  void text(std::string_view more) noexcept {
    for (const char c : more.substr(0, room())) bytes_[size_++] = static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  void mark(char c) noexcept {
    if (room() > 0) bytes_[size_++] = c;
  }
  void number(std::uint64_t value, int base = 10) noexcept {
    const auto [end, failed] = std::to_chars(bytes_.data() + size_, bytes_.data() + size_ + room(), value, base);
    if (failed == std::errc()) size_ = static_cast<std::size_t>(end - bytes_.data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void cut(std::size_t size) noexcept { size_ = size; }
  [[nodiscard]] bool full() const noexcept { return room() == 0; }
  [[nodiscard]] std::string_view end_line() noexcept {
    bytes_[size_] = '\n';
    return {bytes_.data(), size_ + 1};
  }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return bytes_.size() - 1 - size_; }
  std::array<char, stall_line_bytes_max> bytes_;
  std::size_t size_ = 0;
};

std::uint64_t whole_ms(sc::duration of) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(of).count()));
}

// A frame: offset, build and file. A file that is the one of the frame before is left out. False: it found no room.
bool put_frame(line_buffer& line, const raw_place& place, const char*& last_module) noexcept {
  const std::size_t before = line.size();
  line.mark(stall_mark);
  line.number(place.offset, 16);
  line.mark(',');
  line.number(place.build, 16);
  line.mark(',');
  if (place.module != nullptr && place.module == last_module) {
    line.text("=");
  } else if (place.module != nullptr && *place.module == '\0') {
    char path[1024];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    line.text({path, static_cast<std::size_t>(std::max<ssize_t>(0, length))});
  } else if (place.module != nullptr) {
    line.text(place.module);
  }
  if (line.full()) {
    line.cut(before);
    return false;
  }
  last_module = place.module;
  return true;
}

// In the signal handler.
void write_line(void*, const sc::detail::stall_sighting& seen, sc::duration held, sc::duration on_processor) noexcept {
  line_buffer line;
  line.mark(stall_mark);
  line.number(whole_ms(held));
  line.mark(stall_mark);
  line.number(whole_ms(on_processor));
  line.mark(stall_mark);
  line.number(seen.in_task() ? seen.task_id() : 0);
  line.mark(stall_mark);
  line.text(seen.in_task() ? seen.task_name() : "");
  line.mark(stall_mark);
  line.text(seen.in_task() ? seen.spawned_at().file_name() : "");
  line.mark(stall_mark);
  line.number(seen.in_task() ? seen.spawned_at().line() : 0);
  const char* last_module = nullptr;
  bool exact = seen.is_exact();
  for (void* const address : seen.frames()) {
    const raw_place place = raw_place_of(static_cast<const char*>(address) + (exact ? 1 : 0));
    exact = false;
    if (!put_frame(line, place, last_module)) break;
  }
  spawn::detail::write_to_stderr(line.end_line(), 0);
}

template <class Number>
bool parse(std::string_view text, Number& into, int base = 10) noexcept {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return failed == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t end = line.find(stall_mark);
    fields.push_back(line.substr(0, end));
    if (end == std::string_view::npos || fields.size() > line_fields + line_frames_max) return fields;
    line.remove_prefix(end + 1);
  }
}

}  // namespace

child_stall_reports::child_stall_reports(sc::duration bound) noexcept {
  if (bound > sc::duration::zero()) alarm_.emplace(*sc::runner::current(), bound, &write_line, nullptr);
}

root_stall_reports::root_stall_reports(sc::duration bound, std::string actor_name) noexcept {
  if (bound <= sc::duration::zero()) return;
  reporter_.emplace(bound, [name = std::move(actor_name)](const sc::stall& seen) {
    spawn::detail::write_to_stderr("tractor: actor " + msg::quoted(name) + ": " + to_text(seen) + "\n", report_wait_max_ms);
  });
}

std::optional<std::string> stall_text(std::string_view line) {
  const std::vector<std::string_view> fields = split(line);
  sc::stall seen;
  std::uint64_t held_ms = 0, on_processor_ms = 0;
  unsigned spawned_line = 0;
  if (fields.size() < line_fields || !parse(fields[0], held_ms) || !parse(fields[1], on_processor_ms) || !parse(fields[2], seen.task_id) ||
      !parse(fields[5], spawned_line) || held_ms > held_ms_max || on_processor_ms > held_ms_max)
    return std::nullopt;
  std::vector<code_place> places;
  for (std::size_t i = line_fields; i < fields.size(); ++i) {
    const std::string_view frame = fields[i];
    const std::size_t first = frame.find(','), second = frame.find(',', first == std::string_view::npos ? first : first + 1);
    code_place place;
    if (second == std::string_view::npos || !parse(frame.substr(0, first), place.offset, 16) ||
        !parse(frame.substr(first + 1, second - first - 1), place.build, 16))
      return std::nullopt;
    const std::string_view module = frame.substr(second + 1);
    place.module = module == "=" && !places.empty() ? places.back().module : std::string(module);
    places.push_back(std::move(place));
  }
  seen.held = std::chrono::milliseconds(held_ms);
  seen.on_processor = std::chrono::milliseconds(on_processor_ms);
  seen.task_name = fields[3];
  seen.stack = symbolise_places(places);
  return sc::detail::text_of(seen, fields[4], spawned_line);
}

}  // namespace tractor::detail
