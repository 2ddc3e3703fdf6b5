// SPDX-License-Identifier: Apache-2.0
//
// The root's side: a crew of worker actors that is handed pieces, and what becomes of a piece whose worker dies.

#pragma once

#include <filesystem>
#include <string>

#include "pieces.hpp"
#include "totals.hpp"

namespace wordcount {

struct options {
  std::filesystem::path directory = "/usr/share/common-licenses";
  unsigned workers = 1;
  std::uint64_t piece_bytes = piece_bytes_default;
  bool restart = false;   // replace a worker that died
  unsigned attempts = 3;  // so many workers may die of one piece, or one after another without finishing any
};

// A worker died and is not replaced, or a piece is given up.
class worker_lost : public tractor::error {
 public:
  using tractor::error::error;
};

struct outcome {
  totals counted;
  std::vector<std::string> problems;  // what could not be read
};

// Counts everything below the directory.
[[nodiscard]] sc::task<outcome> count_words(options wanted);

}  // namespace wordcount
