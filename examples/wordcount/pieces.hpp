// SPDX-License-Identifier: Apache-2.0
//
// The walk: finds the regular files below a directory, and cuts and groups them into pieces, one at a time as they are wanted.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "work.hpp"

namespace wordcount {

class piece_source {
 public:
  // Throws tractor::error when `root` does not exist, or is a symbolic link.
  piece_source(const std::filesystem::path& root, std::uint64_t piece_bytes);

  // nullopt: that was all.
  [[nodiscard]] std::optional<piece> next();
  // Makes no more pieces of this file.
  void forget(std::uint64_t file);
  // Sentences about what could not be read.
  [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  struct found_file {
    std::uint64_t number;
    msg::bytes path;
    std::uint64_t bytes;
    std::uint64_t cut = 0;  // up to here it was given out
  };
  [[nodiscard]] std::optional<found_file> next_file();
  [[nodiscard]] piece cut_range();

  std::uint64_t piece_bytes_;
  std::vector<std::filesystem::path> directories_;  // found and not read
  std::filesystem::directory_iterator entries_;
  std::optional<std::filesystem::path> only_file_;
  std::optional<found_file> ahead_;  // found and not given out, or partly
  std::uint64_t files_ = 0;
  std::uint64_t pieces_ = 0;
  std::vector<std::string> problems_;
};

// "/a/b", "bytes 0 to 2097152 of /a/b", "12 files from /a/b to /a/z": for messages.
[[nodiscard]] std::string to_string(const piece& what);

}  // namespace wordcount
