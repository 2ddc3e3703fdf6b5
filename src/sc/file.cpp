// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/to_thread.hpp"

namespace tractor::sc {

namespace {

constexpr std::size_t read_bytes_first = 16 * 1024;  // of a file that does not know its size, as those in /proc

std::string call_text(const char* doing, const std::string& path) { return std::string(doing) + "(" + path + ")"; }

template <class Result>
Result check_call(Result result, const char* doing, const std::string& path) {
  if (result < 0) throw_os_error(call_text(doing, path), errno);
  return result;
}

void check_path(const char* doing, const std::string& path) {
  if (const std::size_t nul = path.find('\0'); nul != std::string::npos)
    throw os_error(std::string(doing) + "(" + path.substr(0, nul) + "…): the path has a NUL byte", EINVAL);
}

// --- in a worker thread ---

unique_fd open_descriptor(const char* doing, const std::string& path, int flags, mode_t mode = 0) {
  return unique_fd(check_call(retry_eintr([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }), doing, path));
}

// `write_some` writes a part and gives its length, or -1.
template <class Write>
void write_all(std::span<const std::byte> bytes, const char* doing, const std::string& path, Write write_some) {
  while (!bytes.empty()) {
    const ssize_t written = check_call(retry_eintr([&] { return write_some(bytes); }), doing, path);
    if (written == 0) throw_os_error(call_text(doing, path) + ": nothing was written", EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::string read_whole(const std::string& path, std::size_t bytes_max) {
  const unique_fd fd = open_descriptor("read_file", path, O_RDONLY);
  struct stat found{};
  check_call(::fstat(fd.get(), &found), "read_file", path);
  const auto throw_too_long = [&] {
    throw too_long_error(call_text("read_file", path) + ": it has more than " + std::to_string(bytes_max) + " bytes", bytes_max);
  };
  std::string text;
  bytes_max = std::min(bytes_max, text.max_size() - 1);
  const auto size = S_ISREG(found.st_mode) ? static_cast<std::size_t>(found.st_size) : 0;
  if (size > bytes_max) throw_too_long();
  // One byte more than it is to have tells whether that was all.
  std::size_t used = 0;
  for (std::size_t room = size != 0 ? size : read_bytes_first;; room *= 2) {
    text.resize(std::min(room, bytes_max) + 1);
    while (used < text.size()) {
      const ssize_t got =
          check_call(retry_eintr([&] { return ::read(fd.get(), text.data() + used, text.size() - used); }), "read_file", path);
      used += static_cast<std::size_t>(got);
      if (got == 0) {
        text.resize(used);
        return text;
      }
    }
    if (used > bytes_max) throw_too_long();
  }
}

// A file that is gone with the object, unless it got its name.
class temporary_file {
 public:
  temporary_file(const std::string& target, std::uint64_t random, mode_t mode) : target_(target) {
    const std::size_t slash = target.rfind('/');
    directory_ = slash == std::string::npos ? "./" : target.substr(0, slash + 1);
    for (int attempt = 1;; ++attempt, ++random) {
      char name[40];
      std::snprintf(name, sizeof name, ".tractor-%016llx.tmp", static_cast<unsigned long long>(random));
      name_ = directory_ + name;
      const int opened = retry_eintr([&] { return ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode); });
      if (opened >= 0) {
        fd_.reset(opened);
        return;
      }
      if (errno != EEXIST || attempt >= temporary_names_max) fail("its temporary file");
    }
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    if (!renamed_) static_cast<void>(::unlink(name_.c_str()));
  }

  void write(std::span<const std::byte> bytes) {
    write_all(bytes, "write_file", target_, [&](auto rest) { return ::write(fd_.get(), rest.data(), rest.size()); });
  }
  void sync() {
    if (::fsync(fd_.get()) != 0) fail("fsync()");
  }
  void close() {
    if (::close(fd_.release()) != 0 && errno != EINTR) fail("close()");
  }
  void rename() {
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail("rename()");
    renamed_ = true;
  }
  // The new name is an entry of the directory. Null: it may be written, but not read.
  unique_fd open_directory() {
    unique_fd directory(retry_eintr([&] { return ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!directory && errno != EACCES) fail("open() of its directory");
    return directory;
  }
  void rename_durably() {
    sync();
    const unique_fd directory = open_directory();
    rename();
    // A file system without an fsync of directories has nothing to make durable (EINVAL).
    if (directory ? ::fsync(directory.get()) != 0 && errno != EINVAL : ::syncfs(fd_.get()) != 0) fail("fsync() of its directory");
  }

 private:
  [[noreturn]] void fail(const char* at) const { throw_os_error(call_text("write_file", target_) + ": " + at, errno); }

  const std::string& target_;
  std::string directory_;
  std::string name_;
  unique_fd fd_;
  bool renamed_ = false;
};

void replace_whole(const std::string& path, std::span<const std::byte> bytes, std::uint64_t random, const write_file_options& options) {
  temporary_file temporary(path, random, options.mode);
  temporary.write(bytes);
  if (options.durable) {
    temporary.rename_durably();
    return;
  }
  temporary.close();
  temporary.rename();
}

}  // namespace

// --- an open file ---

// While one lives the descriptor stays open: a thread uses it.
class file::call {
 public:
  call(file& of, const char* doing) : of_(of) {
    if (of.closed()) throw closed_resource_error(call_text(doing, of.path_) + ": the file was closed on this side");
    ++of.calls_;
  }
  call(const call&) = delete;
  call& operator=(const call&) = delete;
  ~call() { --of_.calls_; }

 private:
  file& of_;
};

file::~file() { TRACTOR_ASSERT(calls_ == 0, "a file is destroyed while a call of it is under way"); }

task<std::size_t> file::read(std::span<std::byte> into) {
  TRACTOR_ASSERT(!into.empty(), "a read into nothing cannot be told from the end of the file");
  const call one(*this, "read");
  co_return co_await to_thread([this, into] {
    return static_cast<std::size_t>(check_call(retry_eintr([&] { return ::read(fd(), into.data(), into.size()); }), "read", path_));
  });
}

task<std::size_t> file::pread(std::span<std::byte> into, std::uint64_t offset) {
  TRACTOR_ASSERT(!into.empty(), "a read into nothing cannot be told from the end of the file");
  const call one(*this, "pread");
  co_return co_await to_thread([this, into, offset] {
    const auto read_some = [&] { return ::pread(fd(), into.data(), into.size(), static_cast<off_t>(offset)); };
    return static_cast<std::size_t>(check_call(retry_eintr(read_some), "pread", path_));
  });
}

task<> file::write(std::span<const std::byte> from) {
  const call one(*this, "write");
  co_await to_thread([this, from] { write_all(from, "write", path_, [&](auto rest) { return ::write(fd(), rest.data(), rest.size()); }); });
}

task<> file::pwrite(std::span<const std::byte> from, std::uint64_t offset) {
  const call one(*this, "pwrite");
  co_await to_thread([this, from, offset] {
    write_all(from, "pwrite", path_, [&](auto rest) {
      const std::uint64_t at = offset + (from.size() - rest.size());
      return ::pwrite(fd(), rest.data(), rest.size(), static_cast<off_t>(at));
    });
  });
}

task<> file::fsync() {
  const call one(*this, "fsync");
  co_await to_thread([this] { check_call(retry_eintr([&] { return ::fsync(fd()); }), "fsync", path_); });
}

task<> file::close() {
  if (closed()) {
    co_await checkpoint();
    co_return;
  }
  if (calls_ != 0) throw busy_resource_error(call_text("close", path_) + ": another call of this file is under way");
  const call one(*this, "close");
  co_await to_thread([this, closing = std::move(fd_)]() mutable {
    // Linux frees the descriptor also when close reports an error.
    if (::close(closing.release()) != 0 && errno != EINTR) throw_os_error(call_text("close", path_), errno);
  });
}

task<std::unique_ptr<file>> open_file(std::string path, int flags, mode_t mode) {
  check_path("open_file", path);
  unique_fd fd = co_await to_thread([&] { return open_descriptor("open_file", path, flags, mode); });
  co_return std::make_unique<file>(std::move(fd), std::move(path));
}

// --- whole files ---

task<std::string> read_file(std::string path, std::size_t bytes_max) {
  check_path("read_file", path);
  co_return co_await to_thread([&] { return read_whole(path, bytes_max); });
}

task<> write_file(std::string path, std::span<const std::byte> bytes, write_file_options options) {
  check_path("write_file", path);
  const std::uint64_t random = detail::this_runner().random();
  co_await to_thread([&] { replace_whole(path, bytes, random, options); });
}

}  // namespace tractor::sc
