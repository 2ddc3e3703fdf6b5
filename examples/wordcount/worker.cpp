// SPDX-License-Identifier: Apache-2.0
//
// The worker: reads ranges of files and counts the words in them. It reads with plain blocking calls: an actor has a process to itself.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "word_table.hpp"
#include "work.hpp"

namespace wordcount {

namespace {

constexpr std::size_t block_bytes = std::size_t{256} << 10;  // read and counted without a look around

struct counted_range {
  range_outcome outcome = range_outcome::counted;
  std::uint64_t bytes = 0;
  int error = 0;
  word_table words;
};

// Reads up to block_bytes at `offset`; short only at the end of the file. Gives 0 or the errno.
int read_block(int file, std::uint64_t offset, std::string& block, std::size_t kept) {
  block.resize(kept + block_bytes);
  std::size_t filled = kept;
  while (filled < block.size()) {
    const ssize_t got = ::pread(file, block.data() + filled, block.size() - filled, static_cast<off_t>(offset + filled - kept));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  block.resize(filled);
  return 0;
}

// Between two blocks: where a cancel reaches the worker. A sleep, because a lone task that calls checkpoint() goes on a number of times
// before the channel is read again, and a block takes milliseconds.
sc::task<> look_around() { co_await sc::sleep(sc::duration::zero()); }

// Counts one range; see file_range for where it really begins and ends.
sc::task<counted_range> count_range(const file_range& range, const utf8_text& utf8) {
  counted_range result;
  const std::string path(msg::as_text(range.path));
  const tractor::unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
  if (!file) {
    result.outcome = range_outcome::unreadable;
    result.error = errno;
    co_return result;
  }
  word_splitter splitter(utf8, result.words);
  std::string block;
  std::size_t kept = 0;  // bytes of an incomplete character, at the beginning of the block
  bool begun = range.begin == 0;
  std::uint64_t offset = begun ? 0 : range.begin - 1;  // of what is read next
  for (bool last = false; !last;) {
    if (const int error = read_block(file.get(), offset, block, kept)) {
      result.outcome = range_outcome::unreadable;
      result.error = error;
      co_return result;
    }
    std::string_view text = std::string_view(block).substr(kept);
    last = text.size() < block_bytes;
    const std::uint64_t block_begin = offset;
    offset += text.size();
    if (!begun) {
      const auto space = std::ranges::find_if(text, is_ascii_space);
      const auto skipped = static_cast<std::uint64_t>(space - text.begin());
      if (range.end && block_begin + skipped + 1 >= *range.end) co_return result;  // a word from before reaches beyond this range
      if (space == text.end()) {
        co_await look_around();
        continue;
      }
      begun = true;
      text.remove_prefix(skipped + 1);
    }
    if (range.end && offset >= *range.end) {
      const std::uint64_t text_begin = offset - text.size();
      const auto from = text.begin() + static_cast<std::ptrdiff_t>(*range.end - 1 > text_begin ? *range.end - 1 - text_begin : 0);
      const auto space = std::find_if(from, text.end(), is_ascii_space);
      if (space != text.end()) {
        text = std::string_view(text.begin(), space + 1);
        last = true;
      }
    }
    if (std::memchr(text.data(), 0, text.size()) != nullptr) {
      result.outcome = range_outcome::holds_nul;
      co_return result;
    }
    result.bytes += text.size();
    const std::string_view fed(text.data() - kept, text.size() + kept);
    const std::size_t taken = splitter.feed(fed);
    kept = fed.size() - taken;
    if (last)
      splitter.finish(fed.substr(taken));
    else
      block.erase(0, block.size() - kept);
    co_await look_around();
  }
  co_return result;
}

sc::task<piece_report> count_piece(const piece& todo, const utf8_text& utf8) {
  piece_report report{.piece = todo.number, .ranges = {}, .words = {}, .counts = {}};
  word_table words;
  for (const file_range& range : todo.ranges) {
    const counted_range counted = co_await count_range(range, utf8);
    if (counted.outcome == range_outcome::counted) words.add(counted.words);
    report.ranges.push_back({.file = range.file,
                             .outcome = counted.outcome,
                             .words = counted.words.total(),
                             .bytes = counted.bytes,
                             .problem = counted.error != 0 ? std::strerror(counted.error) : ""});
  }
  for (const auto& [word, count] : words.counts()) {
    const auto bytes = msg::as_bytes(word);
    report.words.insert(report.words.end(), bytes.begin(), bytes.end());
    report.words.push_back(std::byte{'\n'});
    report.counts.push_back(count);
  }
  co_return report;
}

}  // namespace

sc::task<> count_pieces(tractor::context<void, piece, piece_report>& ctx) {
  co_await ctx.started();
  co_await ctx.open_stream([](auto& stream) -> sc::task<> {
    const utf8_text utf8;
    while (const auto todo = co_await stream.next()) co_await stream.send(co_await count_piece(*todo, utf8));
  });
}

TRACTOR_MODULE(counting) { mod.def<&count_pieces>("count_pieces"); }

}  // namespace wordcount
