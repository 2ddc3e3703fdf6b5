// SPDX-License-Identifier: Apache-2.0

#include "totals.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "utf8_text.hpp"

namespace wordcount {

namespace {

word_table decode_words(const piece_report& report) {
  word_table words;
  std::string_view text = msg::as_text(report.words);
  for (const std::uint64_t count : report.counts) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) throw tractor::error("a worker's report has more counts than words");
    words.add(text.substr(0, end), count);
    text.remove_prefix(end + 1);
  }
  return words;
}

bool is_whole(const file_range& range) { return range.begin == 0 && !range.end; }

}  // namespace

void totals::add(const piece& what, const piece_report& report, std::vector<std::uint64_t>& give_up) {
  if (report.piece != what.number || report.ranges.size() != what.ranges.size())
    throw tractor::error("a worker answered piece " + std::to_string(report.piece) + " when it was at " + std::to_string(what.number));
  for (const range_report& range : report.ranges) {
    words_seen_ += range.words;
    bytes_seen_ += range.bytes;
  }
  const word_table words = decode_words(report);
  if (!is_whole(what.ranges.front())) {
    add_cut(what.ranges.front(), report.ranges.front(), words, give_up);
    return;
  }
  words_.add(words);
  for (std::size_t i = 0; i < what.ranges.size(); ++i) {
    if (report.ranges[i].outcome == range_outcome::counted) {
      ++files_;
      bytes_ += report.ranges[i].bytes;
    } else {
      drop(what.ranges[i], report.ranges[i]);
    }
  }
}

void totals::add_cut(const file_range& range, const range_report& report, const word_table& words, std::vector<std::uint64_t>& give_up) {
  cut_file& file = cut_[range.file];
  if (file.dropped) return;
  if (report.outcome != range_outcome::counted) {
    drop(range, report);
    file.dropped = true;
    file.words = {};
    give_up.push_back(range.file);
    return;
  }
  file.words.add(words);
  file.bytes += report.bytes;
  ++file.ranges_in;
  if (!range.end) file.ranges_all = range.begin / piece_bytes_ + 1;
  if (file.ranges_in != file.ranges_all) return;
  words_.add(file.words);
  bytes_ += file.bytes;
  ++files_;
  cut_.erase(range.file);
}

void totals::drop(const file_range& range, const range_report& report) {
  if (report.outcome == range_outcome::holds_nul) {
    ++skipped_;
    return;
  }
  ++unreadable_;
  problems_.push_back(printable(msg::as_text(range.path)) + ": " + report.problem);
}

std::string totals::report() const {
  using entry = std::pair<std::string_view, std::uint64_t>;
  std::vector<entry> all(words_.counts().begin(), words_.counts().end());
  const auto shown = std::min(commonest_words, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(shown), [](const entry& left, const entry& right) {
    return left.second != right.second ? left.second > right.second : left.first < right.first;
  });
  std::string text;
  char number[32];
  const auto row = [&](std::uint64_t value, std::string_view what) {
    std::snprintf(number, sizeof(number), "%10llu  ", static_cast<unsigned long long>(value));
    text.append(number).append(what).append("\n");
  };
  for (std::size_t i = 0; i < shown; ++i) row(all[i].second, printable(all[i].first));
  if (shown != 0) text += '\n';
  row(words_.total(), "words");
  row(all.size(), "different words");
  row(files_, "files");
  row(bytes_, "bytes");
  if (skipped_ != 0) row(skipped_, "files skipped: they hold a NUL byte");
  if (unreadable_ != 0) row(unreadable_, "files not read");
  return text;
}

}  // namespace wordcount
