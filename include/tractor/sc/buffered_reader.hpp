// SPDX-License-Identifier: Apache-2.0
//
// Records out of a byte stream: so many bytes, everything up to a delimiter, lines, the rest.
//
//     sc::buffered_reader in(*stream);
//     std::string head = co_await in.read_until("\r\n\r\n", 64 * 1024);
//     std::string body = co_await in.read_exactly(length);
//     while (auto line = co_await in.read_line()) use(*line);
//
// Bytes come as std::string, whatever they are; sending takes std::as_bytes(std::span(text)). What was received beyond a record stays
// here for the next call, so once there is a reader nobody else receives from the stream. The stream must outlive the reader.
//
// A call takes its record whole or nothing. Cancelled, refused or failed it has taken nothing: what has come is buffered and the next
// call begins at the same byte. Every call is a checkpoint. One task at a time reads (busy_resource_error).
//
// Each record has a bound in bytes, the delimiter not counted; a longer one is too_long_error. A stream that ends inside a
// record is incomplete_read_error. Other errors are the stream's. What is buffered is no more than the bound of the call, its
// delimiter and one chunk; the memory for it grows with what has come, by doubling.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/sc/too_long_error.hpp"

namespace tractor::sc {

// What one receive asks the stream for.
inline constexpr std::size_t reader_chunk_bytes_default = 16 * 1024;
inline constexpr std::size_t record_bytes_max_default = 16 * 1024 * 1024;
inline constexpr std::size_t line_bytes_max_default = 64 * 1024;

// The stream ended inside a record. The bytes of it that came can still be read.
class TRACTOR_API incomplete_read_error : public error {
 public:
  incomplete_read_error(std::string message, std::size_t received);
  ~incomplete_read_error() override;
  [[nodiscard]] std::size_t received() const noexcept { return received_; }

 private:
  std::size_t received_;
};

class TRACTOR_API buffered_reader {
 public:
  // Throws usage_error when `chunk_bytes` is 0.
  explicit buffered_reader(byte_stream& from, std::size_t chunk_bytes = reader_chunk_bytes_default);
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;
  ~buffered_reader();  // no task may be reading

  // At least one byte: those that are buffered, else what the stream has. 0: the stream ended. `into` is not empty.
  [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> into);
  [[nodiscard]] task<std::string> read_exactly(std::size_t bytes, std::size_t bytes_max = record_bytes_max_default);
  // What comes before `delimiter`, which is taken too and not given. Throws usage_error when it is empty.
  [[nodiscard]] task<std::string> read_until(std::string delimiter, std::size_t bytes_max = record_bytes_max_default);
  // A line without its "\n" or "\r\n"; nothing once the stream has ended behind one. The bound counts the "\r".
  [[nodiscard]] task<std::optional<std::string>> read_line(std::size_t bytes_max = line_bytes_max_default);
  // Everything up to the end of the stream.
  [[nodiscard]] task<std::string> read_all(std::size_t bytes_max = record_bytes_max_default);
  // Waits for a byte or the end of the stream; tells which, and takes nothing.
  [[nodiscard]] task<bool> at_end();

  // What has come and has not been taken. Good until the next call.
  [[nodiscard]] std::span<const std::byte> buffered() const noexcept { return std::span(buffer_).subspan(begin_, size()); }

 private:
  class reading;
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(buffer_.data()) + begin_, size()}; }
  [[nodiscard]] std::string take(std::size_t bytes, std::size_t drop = 0);
  void discard(std::size_t bytes) noexcept;
  void make_room();
  // Receives once; false: the stream has ended.
  [[nodiscard]] task<bool> fill();
  [[nodiscard]] task<std::string> find_record(std::string_view delimiter, std::size_t bytes_max, const char* doing);

  byte_stream& from_;
  std::size_t chunk_bytes_;
  std::vector<std::byte> buffer_;  // [begin_, end_) has come and is not taken
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
  bool reading_ = false;
};

}  // namespace tractor::sc
