// SPDX-License-Identifier: Apache-2.0
//
// How often each word occurred, and the splitter that finds the words.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "utf8_text.hpp"

namespace wordcount {

inline constexpr std::size_t word_bytes_max = 1024;  // a longer word is known by its beginning, length and hash
inline constexpr std::size_t long_word_bytes_shown = 64;

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};

class word_table {
 public:
  void add(std::string_view word, std::uint64_t count = 1) {
    total_ += count;
    if (const auto known = counts_.find(word); known != counts_.end())
      known->second += count;
    else
      counts_.emplace(word, count);
  }
  void add(const word_table& other) {
    for (const auto& [word, count] : other.counts_) add(word, count);
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] const auto& counts() const noexcept { return counts_; }

 private:
  std::unordered_map<std::string, std::uint64_t, text_hash, std::equal_to<>> counts_;
  std::uint64_t total_ = 0;
};

// Splits text that comes in blocks of any size into words, as wc does: a word is what stands between separators and holds at least one
// printing character. Its bytes count as they are.
class word_splitter {
 public:
  word_splitter(const utf8_text& utf8, word_table& into) noexcept : utf8_(utf8), into_(into) {}

  // Takes the next text and gives how many of its bytes it took: all, or all but an incomplete character, which must stand at the
  // beginning of the next text.
  [[nodiscard]] std::size_t feed(std::string_view text);
  // The text ends, with these bytes of an incomplete character.
  void finish(std::string_view rest);

 private:
  void extend(std::string_view part);
  void end_word();

  const utf8_text& utf8_;
  word_table& into_;
  std::string pending_;              // of a word that began in an earlier text: at most word_bytes_max bytes
  std::uint64_t pending_bytes_ = 0;  // all of them
  std::uint64_t pending_hash_ = 0;   // of all of them, once there are too many
  bool printing_ = false;            // the word holds a printing character
};

}  // namespace wordcount
