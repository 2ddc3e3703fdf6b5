// SPDX-License-Identifier: Apache-2.0
//
// What was counted so far. A file that was cut counts when all of its ranges are in: a NUL byte in the last of them takes it all back.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "word_table.hpp"
#include "work.hpp"

namespace wordcount {

inline constexpr std::size_t commonest_words = 20;

class totals {
 public:
  explicit totals(std::uint64_t piece_bytes) noexcept : piece_bytes_(piece_bytes) {}

  // Merges the answer to `what`. A file found to be no text is added to `give_up`.
  void add(const piece& what, const piece_report& report, std::vector<std::uint64_t>& give_up);

  // What the workers have answered so far, files that are not complete included.
  [[nodiscard]] std::uint64_t words_seen() const noexcept { return words_seen_; }
  [[nodiscard]] std::uint64_t bytes_seen() const noexcept { return bytes_seen_; }
  // Complete files.
  [[nodiscard]] std::uint64_t files() const noexcept { return files_; }
  [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

  // The commonest words (of equally common ones the bytewise first) and the totals, as text.
  [[nodiscard]] std::string report() const;

 private:
  struct cut_file {
    word_table words;
    std::uint64_t bytes = 0;
    std::uint64_t ranges_in = 0;
    std::uint64_t ranges_all = 0;  // 0: the last one is not in
    bool dropped = false;
  };
  void drop(const file_range& range, const range_report& report);
  void add_cut(const file_range& range, const range_report& report, const word_table& words, std::vector<std::uint64_t>& give_up);

  std::uint64_t piece_bytes_;
  word_table words_;
  std::uint64_t words_seen_ = 0;
  std::uint64_t bytes_seen_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t unreadable_ = 0;
  std::unordered_map<std::uint64_t, cut_file> cut_;
  std::vector<std::string> problems_;
};

}  // namespace wordcount
