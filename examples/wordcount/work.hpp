// SPDX-License-Identifier: Apache-2.0
//
// What the root and its workers say to each other: pieces of work, and what was counted in them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tractor/tractor.hpp>
#include <vector>

namespace wordcount {

namespace sc = tractor::sc;
namespace msg = tractor::msg;

inline constexpr std::uint64_t piece_bytes_default = std::uint64_t{2} << 20;  // a bigger file is cut into ranges of this size
inline constexpr std::size_t piece_files_max = 256;                           // as many small files share a piece
inline constexpr std::size_t backlog_pieces_max = 4;                          // handed to one worker and not answered

// Part of a file. The nominal bounds fall anywhere: a range begins for real behind the first ASCII space at or after begin - 1 and ends
// where the next one begins for real, so every word and every character lies in exactly one range, however a file is cut.
struct file_range {
  std::uint64_t file;  // its number; unique in a run
  msg::bytes path;     // a path need not be UTF-8
  std::uint64_t begin;
  std::optional<std::uint64_t> end;  // nullopt: the end of the file
};

// Whole files, or one range of one file.
struct piece {
  std::uint64_t number;
  std::vector<file_range> ranges;
};

enum class range_outcome : std::uint8_t { counted, holds_nul, unreadable };

struct range_report {
  std::uint64_t file;
  range_outcome outcome;
  std::uint64_t words;
  std::uint64_t bytes;
  std::string problem;  // of unreadable
};

struct piece_report {
  std::uint64_t piece;
  std::vector<range_report> ranges;
  // The different words, each followed by a newline (no word holds one), and how often each occurred.
  msg::bytes words;
  std::vector<std::uint64_t> counts;
};

// The worker's side: receives pieces and answers each, in order, until the stream ends.
sc::task<> count_pieces(tractor::context<void, piece, piece_report>& ctx);

}  // namespace wordcount
