// SPDX-License-Identifier: Apache-2.0

#include "progress.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace wordcount {

namespace {

constexpr auto refresh_interval = std::chrono::milliseconds(50);
constexpr double mebibyte = 1024.0 * 1024.0;

}  // namespace

progress_line::progress_line() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void progress_line::show(const totals& so_far) {
  if (!terminal_) return;
  const auto now = sc::current_time();
  if (shown_ && now - last_ < refresh_interval) return;
  last_ = now;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%llu files, %.1f MiB, %llu words", static_cast<unsigned long long>(so_far.files()),
               static_cast<double>(so_far.bytes_seen()) / mebibyte, static_cast<unsigned long long>(so_far.words_seen()));
  std::fflush(stderr);
}

void progress_line::say(const std::string& message) {
  clear();
  std::fprintf(stderr, "wordcount: %s\n", message.c_str());
}

void progress_line::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace wordcount
