// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/buffered_reader.hpp"

#include <algorithm>
#include <cstring>

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor::sc {

namespace {

constexpr std::size_t kept_chunks_max = 4;  // of an empty buffer

// As it would stand in a program.
std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown = "\"";
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\r') {
      shown += "\\r";
    } else if (c == '"' || c == '\\') {
      shown += {'\\', c};
    } else if (value < 0x20 || value >= 0x7f) {
      shown += {'\\', 'x', digits[value >> 4], digits[value & 15]};
    } else {
      shown += c;
    }
  }
  return shown + '"';
}

std::string bytes_text(std::size_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

}  // namespace

incomplete_read_error::incomplete_read_error(std::string message, std::size_t received)
    : error(std::move(message), error_category::disconnected), received_(received) {}
incomplete_read_error::~incomplete_read_error() = default;

class buffered_reader::reading {
 public:
  explicit reading(buffered_reader& by) : by_(by) {
    if (by.reading_) throw busy_resource_error("another task is reading from this buffered_reader");
    by.reading_ = true;
  }
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  ~reading() { by_.reading_ = false; }

 private:
  buffered_reader& by_;
};

buffered_reader::buffered_reader(byte_stream& from, std::size_t chunk_bytes) : from_(from), chunk_bytes_(chunk_bytes) {
  if (chunk_bytes == 0) throw usage_error("buffered_reader: a chunk has at least one byte");
}

buffered_reader::~buffered_reader() { TRACTOR_ASSERT(!reading_, "a buffered_reader is destroyed while a task reads from it"); }

// --- the buffer ---

void buffered_reader::discard(std::size_t bytes) noexcept {
  begin_ += bytes;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (buffer_.size() / kept_chunks_max > chunk_bytes_) std::vector<std::byte>().swap(buffer_);  // a long record must not hold it for ever
}

std::string buffered_reader::take(std::size_t bytes, std::size_t drop) {
  std::string taken(text().substr(0, bytes));
  discard(bytes + drop);
  return taken;
}

// Room for a chunk behind the bytes. They are moved only over at least as many that were taken, so each is moved rarely.
void buffered_reader::make_room() {
  if (buffer_.size() - end_ >= chunk_bytes_) return;
  if (begin_ >= size() && buffer_.size() - size() >= chunk_bytes_) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, size());
    end_ -= std::exchange(begin_, 0);
    return;
  }
  buffer_.resize(std::max(buffer_.size() * 2, end_ + chunk_bytes_));
}

task<bool> buffered_reader::fill() {
  if (ended_) co_return false;
  make_room();
  const std::size_t got = co_await from_.receive_some(std::span(buffer_).subspan(end_, chunk_bytes_));
  end_ += got;
  ended_ = got == 0;
  co_return !ended_;
}

// --- records ---

task<std::size_t> buffered_reader::read_some(std::span<std::byte> into) {
  TRACTOR_ASSERT(!into.empty(), "a read into nothing cannot be told from the end of the stream");
  const reading one_at_a_time(*this);
  if (size() == 0 && !ended_) {
    const std::size_t got = co_await from_.receive_some(into);
    ended_ = got == 0;
    co_return got;
  }
  co_await checkpoint();
  const std::size_t bytes = std::min(into.size(), size());
  if (bytes != 0) std::memcpy(into.data(), buffer_.data() + begin_, bytes);
  discard(bytes);
  co_return bytes;
}

task<std::string> buffered_reader::read_exactly(std::size_t bytes, std::size_t bytes_max) {
  const reading one_at_a_time(*this);
  co_await checkpoint();
  if (bytes > bytes_max)
    throw too_long_error("read_exactly(" + std::to_string(bytes) + "): a record may have no more than " + bytes_text(bytes_max), bytes_max);
  while (size() < bytes)
    if (!co_await fill())
      throw incomplete_read_error(
          "read_exactly(" + std::to_string(bytes) + "): the stream ended after " + bytes_text(size()) + " of the record", size());
  co_return take(bytes);
}

task<std::string> buffered_reader::find_record(std::string_view delimiter, std::size_t bytes_max, const char* doing) {
  std::size_t searched = 0;  // no delimiter begins before it
  for (;;) {
    const std::size_t found = text().find(delimiter, searched);
    if (found != std::string_view::npos && found <= bytes_max) co_return take(found, delimiter.size());
    if (size() >= delimiter.size()) searched = size() - delimiter.size() + 1;
    if (found != std::string_view::npos || searched > bytes_max)
      throw too_long_error(std::string(doing) + ": no " + quoted(delimiter) + " came after at most " + bytes_text(bytes_max) +
                               ", and a record may have no more",
                           bytes_max);
    if (!co_await fill())
      throw incomplete_read_error(
          std::string(doing) + ": the stream ended after " + bytes_text(size()) + " of the record, before a " + quoted(delimiter), size());
  }
}

task<std::string> buffered_reader::read_until(std::string delimiter, std::size_t bytes_max) {
  const reading one_at_a_time(*this);
  if (delimiter.empty()) throw usage_error("read_until(): the delimiter is empty");
  co_await checkpoint();
  co_return co_await find_record(delimiter, bytes_max, "read_until()");
}

task<std::optional<std::string>> buffered_reader::read_line(std::size_t bytes_max) {
  const reading one_at_a_time(*this);
  co_await checkpoint();
  if (size() == 0 && !co_await fill()) co_return std::nullopt;
  std::string line = co_await find_record("\n", bytes_max, "read_line()");
  if (line.ends_with('\r')) line.pop_back();
  co_return line;
}

task<std::string> buffered_reader::read_all(std::size_t bytes_max) {
  const reading one_at_a_time(*this);
  co_await checkpoint();
  do {
    if (size() > bytes_max)
      throw too_long_error("read_all(): more than " + bytes_text(bytes_max) + " came before the end of the stream", bytes_max);
  } while (co_await fill());
  co_return take(size());
}

task<bool> buffered_reader::at_end() {
  const reading one_at_a_time(*this);
  co_await checkpoint();
  co_return size() == 0 && !co_await fill();
}

}  // namespace tractor::sc
