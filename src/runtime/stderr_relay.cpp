// SPDX-License-Identifier: Apache-2.0

#include "stderr_relay.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "base/relayed_stderr.hpp"
#include "spawn/own_stderr.hpp"
#include "stall_report.hpp"
#include "tractor/base/error.hpp"

namespace tractor::detail {

namespace {

// How much was taken before there was no room. Where stderr cannot be written to: all, there is nobody to keep it for.
std::size_t write_some(std::string_view text) noexcept { return spawn::detail::write_to_stderr(text, 0); }

}  // namespace

// --- this process's own ---

stderr_outlet::stderr_outlet() noexcept {
  waiter_.self = this;
  waiter_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<waiter&>(told).self->write_backlog(); };
}

stderr_outlet::~stderr_outlet() {
  stop_waiting();
  if (spawn::detail::write_to_stderr(backlog_, stderr_flush_bound_ms) < backlog_.size()) return;
  backlog_.clear();
  say_left_out();
  stop_waiting();
}

void stderr_outlet::pass_on(std::string_view lines) noexcept {
  if (!backlog_.empty() && !source_) write_backlog();  // it could not be waited for
  if (backlog_.empty()) lines.remove_prefix(write_some(lines));
  if (lines.empty()) return;
  keep(lines);
  if (!source_) await_room();
}

void stderr_outlet::say(const char* format, ...) noexcept {
  char line[1024];
  std::va_list arguments;
  va_start(arguments, format);
  const int bytes = std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  if (bytes <= 0) return;
  const auto kept = std::min(static_cast<std::size_t>(bytes), sizeof(line) - 1);
  line[kept - 1] = '\n';
  pass_on({line, kept});
}

void stderr_outlet::keep(std::string_view lines) noexcept {
  try {
    if (left_out_ == 0 && backlog_.size() + lines.size() <= stderr_backlog_bytes_max) {
      backlog_.append(lines);
      return;
    }
  } catch (const std::bad_alloc&) {
    // Left out like what is too much.
  }
  left_out_ += lines.size();
}

void stderr_outlet::write_backlog() noexcept {
  backlog_.erase(0, write_some(backlog_));
  if (!backlog_.empty()) return await_room();
  stop_waiting();
  say_left_out();
}

void stderr_outlet::say_left_out() noexcept {
  if (left_out_ != 0) say("tractor: %zu bytes for stderr are left out here: nobody read them\n", std::exchange(left_out_, 0));
}

void stderr_outlet::await_room() noexcept {
  try {
    if (!source_) {
      awaited_.reset(check_syscall(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "fcntl(F_DUPFD_CLOEXEC)"));
      source_.emplace().attach(awaited_.get());
    }
    source_->set_not_writable();
    source_->writer = &waiter_;
  } catch (const error&) {
    stop_waiting();
  }
}

void stderr_outlet::stop_waiting() noexcept {
  if (source_) source_->writer = nullptr;
  source_.reset();
  awaited_.reset();
}

// --- a child's ---

stderr_relay::stderr_relay(unique_fd pipe, stderr_outlet& to, std::string who) : pipe_(std::move(pipe)), outlet_(to), who_(std::move(who)) {
  waiter_.self = this;
  waiter_.ready = [](sc::detail::io_source::waiter& told) noexcept { static_cast<waiter&>(told).self->drain(); };
  if (!pipe_) return;
  source_.attach(pipe_.get());
  source_.reader = &waiter_;
}

stderr_relay::~stderr_relay() { finish(); }

void stderr_relay::drain() noexcept {
  if (!pipe_) return;
  source_.reader = nullptr;  // whoever calls this: nobody waits while it reads
  char buffer[4096];
  // Bounded, so that one who writes without a pause does not keep this actor from everything else. More than a full pipe, so that
  // all is read of one who writes no more.
  for (int i = 0; i < stderr_reads_max; ++i) {
    const auto count = retry_eintr([&] { return ::read(pipe_.get(), buffer, sizeof buffer); });
    if (count > 0) {
      take({buffer, static_cast<std::size_t>(count)});
      continue;
    }
    if (count < 0 && errno == EAGAIN) {
      source_.set_drained();
      source_.reader = &waiter_;
      return;
    }
    // The last writer is gone.
    close();
    return;
  }
  try {
    source_.detach();
    source_.attach(pipe_.get());  // tells of what is there already
    source_.reader = &waiter_;
  } catch (const error&) {
    close();
  }
}

void stderr_relay::close() noexcept {
  source_.reader = nullptr;
  source_.detach();
  pipe_.reset();
}

void stderr_relay::take(std::string_view text) {
  line_.append(text);
  auto end = line_.rfind('\n');
  if (end == std::string::npos) {
    if (line_.size() < stderr_line_bytes_max) return;
    end = line_.size() - 1;
  }
  // Whole lines in one write, so that those of several children do not mix.
  pass_on(std::string_view(line_).substr(0, end + 1));
  line_.erase(0, end + 1);
}

namespace {

bool is_mark(char c) noexcept { return c == attributed_mark || c == stall_mark; }

// Where the next line begins: behind the end of this one, or at a mark in it. A mark stands where its writer began a line; what is before
// it somebody else has left unfinished. (In a report there are more of them.)
std::size_t next_line(std::string_view lines) noexcept {
  const std::size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
  if (lines.front() == stall_mark) return end;
  const auto mark = std::find_if(lines.begin() + 1, lines.begin() + static_cast<std::ptrdiff_t>(end), is_mark);
  return static_cast<std::size_t>(mark - lines.begin());
}

}  // namespace

// Each line with the name of who wrote it, unless it is there; marked when it goes on to another relay.
void stderr_relay::pass_on(std::string_view lines) {
  const bool goes_on = stderr_is_relayed.load(std::memory_order_relaxed);
  std::string text;
  text.reserve(lines.size() + 64);
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, next_line(lines));
    lines.remove_prefix(line.size());
    const bool is_attributed = line.starts_with(attributed_mark);
    const bool may_be_stall = line.starts_with(stall_mark) && line.ends_with('\n');
    if (const auto stall = may_be_stall ? stall_text(line.substr(1, line.size() - 2)) : std::nullopt) {
      const std::string lines_of_it = "tractor: " + *stall + '\n';
      tail_ += lines_of_it;
      text += attributed(who_ + lines_of_it);
      continue;
    }
    std::string plain(line);
    std::erase_if(plain, is_mark);  // it may be none of ours
    if (!lines.empty() && !plain.ends_with('\n')) plain += '\n';
    // The rest of a line that was too long for one piece says whose it is in its first.
    if (!within_line_) {
      if (goes_on) text += attributed_mark;
      if (!is_attributed) text += who_;
    }
    within_line_ = !plain.ends_with('\n');
    tail_ += plain;
    text += plain;
  }
  if (tail_.size() > 2 * stderr_tail_bytes) tail_.erase(0, tail_.size() - stderr_tail_bytes);
  outlet_.pass_on(text);
}

void stderr_relay::finish() noexcept {
  drain();
  close();
  if (line_.empty()) return;
  try {
    line_ += '\n';
    pass_on(line_);
  } catch (const std::bad_alloc&) {
    // The end of what it wrote is lost.
  }
  line_.clear();
}

std::string stderr_relay::tail() const {
  std::string text = tail_ + line_;
  std::erase_if(text, is_mark);
  return text.size() > stderr_tail_bytes ? text.substr(text.size() - stderr_tail_bytes) : text;
}

}  // namespace tractor::detail
