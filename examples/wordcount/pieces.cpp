// SPDX-License-Identifier: Apache-2.0

#include "pieces.hpp"

#include <utility>

#include "utf8_text.hpp"

namespace wordcount {

namespace fs = std::filesystem;

namespace {

msg::bytes to_bytes(const fs::path& path) {
  const auto view = msg::as_bytes(path.native());
  return {view.begin(), view.end()};
}

}  // namespace

piece_source::piece_source(const fs::path& root, std::uint64_t piece_bytes) : piece_bytes_(piece_bytes) {
  std::error_code failed;
  const fs::file_status status = fs::symlink_status(root, failed);
  const std::string name = printable(root.native());
  if (failed && status.type() != fs::file_type::not_found) throw tractor::os_error("stat(" + name + ")", failed.value());
  switch (status.type()) {
    case fs::file_type::not_found: throw tractor::error("there is no " + name);
    case fs::file_type::symlink:
      throw tractor::error(name + " is a symbolic link, and links are not followed: name what it leads to, or write " + name + "/");
    case fs::file_type::regular: only_file_ = root; break;
    case fs::file_type::directory: directories_.push_back(root); break;
    default: throw tractor::error(name + " is neither a directory nor a regular file");
  }
}

std::optional<piece_source::found_file> piece_source::next_file() {
  std::error_code failed;
  const auto problem = [&](const fs::path& where) {
    problems_.push_back(printable(where.native()) + ": " + failed.message());
    failed.clear();
  };
  if (only_file_) {
    const fs::path path = std::exchange(only_file_, std::nullopt).value();
    const auto bytes = fs::file_size(path, failed);
    if (!failed) return found_file{.number = files_++, .path = to_bytes(path), .bytes = bytes};
    problem(path);
  }
  for (;;) {
    while (entries_ == fs::directory_iterator()) {
      if (directories_.empty()) return std::nullopt;
      const fs::path directory = std::move(directories_.back());
      directories_.pop_back();
      entries_ = fs::directory_iterator(directory, failed);
      if (failed) problem(directory);
    }
    const fs::directory_entry entry = *entries_;
    entries_.increment(failed);
    if (failed) {
      problem(entry.path().parent_path());
      entries_ = {};
    }
    const fs::file_status status = entry.symlink_status(failed);
    if (failed) {
      problem(entry.path());
    } else if (status.type() == fs::file_type::directory) {
      directories_.push_back(entry.path());
    } else if (status.type() == fs::file_type::regular) {
      const auto bytes = entry.file_size(failed);
      if (!failed) return found_file{.number = files_++, .path = to_bytes(entry.path()), .bytes = bytes};
      problem(entry.path());
    }
  }
}

std::optional<piece> piece_source::next() {
  piece group{.number = pieces_, .ranges = {}};
  std::uint64_t bytes = 0;
  for (;;) {
    if (!ahead_) ahead_ = next_file();
    if (!ahead_) break;
    if (ahead_->bytes > piece_bytes_) {
      if (!group.ranges.empty()) break;
      return cut_range();
    }
    if (group.ranges.size() == piece_files_max || (!group.ranges.empty() && bytes + ahead_->bytes > piece_bytes_)) break;
    bytes += ahead_->bytes;
    group.ranges.push_back({.file = ahead_->number, .path = std::move(ahead_->path), .begin = 0, .end = std::nullopt});
    ahead_.reset();
  }
  if (group.ranges.empty()) return std::nullopt;
  ++pieces_;
  return group;
}

piece piece_source::cut_range() {
  file_range range{.file = ahead_->number, .path = ahead_->path, .begin = ahead_->cut, .end = ahead_->cut + piece_bytes_};
  if (*range.end >= ahead_->bytes) {
    range.end = std::nullopt;  // whatever was appended meanwhile belongs to the last
    ahead_.reset();
  } else {
    ahead_->cut = *range.end;
  }
  return {.number = pieces_++, .ranges = {std::move(range)}};
}

void piece_source::forget(std::uint64_t file) {
  if (ahead_ && ahead_->number == file && ahead_->cut != 0) ahead_.reset();
}

std::string to_string(const piece& what) {
  const auto name = [](const file_range& range) { return printable(msg::as_text(range.path)); };
  const file_range& first = what.ranges.front();
  if (what.ranges.size() > 1) return std::to_string(what.ranges.size()) + " files from " + name(first) + " to " + name(what.ranges.back());
  if (first.begin == 0 && !first.end) return name(first);
  return "bytes " + std::to_string(first.begin) + " to " + (first.end ? std::to_string(*first.end) : "the end") + " of " + name(first);
}

}  // namespace wordcount
