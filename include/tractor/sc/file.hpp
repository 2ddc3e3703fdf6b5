// SPDX-License-Identifier: Apache-2.0
//
// Files: the calls that block a disk long run in worker threads (to_thread.hpp).
//
//     std::string text = co_await sc::read_file("settings.json");
//     co_await sc::write_file("settings.json", std::as_bytes(std::span(changed)));   // all of it, or nothing
//
//     auto log = co_await sc::open_file("app.log", O_WRONLY | O_CREAT | O_APPEND);
//     co_await log->write(line);
//
// Every call is a checkpoint. It can be cancelled until a thread has begun with it; then it is done to its end and its result given, so
// what the spans refer to is used no longer than the await. A file that can keep a thread waiting for ever (a FIFO, a terminal)
// has no place here: see pipe_stream.hpp. Errors are os_error and name the path.

#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tractor/base/fd.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/sc/too_long_error.hpp"

namespace tractor::sc {

inline constexpr std::size_t file_bytes_max_default = 64 * 1024 * 1024;
// How many names for its temporary file write_file() tries before it gives up with EEXIST.
inline constexpr int temporary_names_max = 16;

// An open file. Calls with an offset may be made by several tasks at a time, those without share the position of the file.
class TRACTOR_API file {
 public:
  // Takes a descriptor; `path` is for messages.
  file(unique_fd open, std::string path) noexcept : fd_(std::move(open)), path_(std::move(path)) {}
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file();  // closes it; no call may be under way

  // Reads at least one byte, as many as there are; 0: the end of the file. `into` is not empty.
  [[nodiscard]] task<std::size_t> read(std::span<std::byte> into);
  [[nodiscard]] task<std::size_t> pread(std::span<std::byte> into, std::uint64_t offset);
  // Write all of it; after an error a part may be written.
  [[nodiscard]] task<> write(std::span<const std::byte> from);
  [[nodiscard]] task<> pwrite(std::span<const std::byte> from, std::uint64_t offset);
  // Returns when what was written will outlast a crash of the machine.
  [[nodiscard]] task<> fsync();
  // Idempotent. Throws what the system reports last of all about what was written. Failed or cancelled, it has closed the file
  // too. Throws busy_resource_error while another call is under way.
  [[nodiscard]] task<> close();

  [[nodiscard]] bool closed() const noexcept { return !fd_; }  // then every other call is closed_resource_error
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  class call;
  unique_fd fd_;
  std::string path_;
  int calls_ = 0;
};

// `flags` are those of open(2), O_CLOEXEC is added; `mode` is for O_CREAT, less the umask.
[[nodiscard]] TRACTOR_API task<std::unique_ptr<file>> open_file(std::string path, int flags = O_RDONLY, mode_t mode = 0666);

// All of a file. Throws too_long_error when it has more than `bytes_max`.
[[nodiscard]] TRACTOR_API task<std::string> read_file(std::string path, std::size_t bytes_max = file_bytes_max_default);

struct write_file_options {
  mode_t mode = 0666;   // of the file, less the umask, whatever the one before it had
  bool durable = true;  // returns when it will outlast a crash of the machine; else it may be the old one after that
};

// Puts a file with `bytes` in the place of the one at `path`, if there is one: who opens it gets the old one or the new one, whole. It is
// written as ".tractor-….tmp" in the same directory and renamed. An error removes that and leaves the old file as it was (one of the
// fsync of the directory comes when the new file is there already); only a process that dies in between leaves it behind. A symbolic
// link at `path` is replaced, not followed.
[[nodiscard]] TRACTOR_API task<> write_file(std::string path, std::span<const std::byte> bytes, write_file_options options = {});

}  // namespace tractor::sc
