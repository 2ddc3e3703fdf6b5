// SPDX-License-Identifier: Apache-2.0
//
// Counts the words of every regular file below a directory, with a crew of worker actors.
//
//     wordcount [DIR] [--workers N] [--restart] [--attempts N] [--piece-bytes N]
//
// Words are what `find DIR -type f -print0 | LC_ALL=C.UTF-8 wc -w --files0-from=-` of GNU coreutils counts. Files that hold a NUL byte are
// skipped and counted as skipped. The root cuts and groups the files into pieces and hands them out (pieces.hpp, crew.hpp); the workers
// read and count (worker.cpp, word_table.hpp); the root merges (totals.hpp). A worker that dies ends the count with an error; with
// --restart it is replaced and what it had in hand is counted again. Exit status: 0; 1 when anything was not counted; 2 for wrong
// arguments.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <tractor/base/cpus.hpp>

#include "crew.hpp"

namespace {

constexpr unsigned workers_max = 1024;
constexpr unsigned attempts_max = 1000;
constexpr unsigned piece_bytes_max = 16U << 20;  // what was counted in a piece must fit a frame

constexpr const char* usage =
    "usage: wordcount [DIR] [--workers N] [--restart] [--attempts N] [--piece-bytes N]\n"
    "  DIR              where to look for files (/usr/share/common-licenses)\n"
    "  --workers N      how many worker actors (one a core)\n"
    "  --restart        replace a worker that dies, and count again what it had in hand\n"
    "  --attempts N     with --restart: so many workers may die of one piece (3)\n"
    "  --piece-bytes N  how much of a file a worker gets at a time (2097152)\n";

std::optional<unsigned> parse_number(const char* text, unsigned most) {
  unsigned value = 0;
  if (text == nullptr) return std::nullopt;
  const char* const end = text + std::strlen(text);
  const auto [stop, failed] = std::from_chars(text, end, value);
  if (failed != std::errc() || stop != end || value < 1 || value > most) return std::nullopt;
  return value;
}

// nullopt: the arguments are wrong, and that has been said.
std::optional<wordcount::options> parse(int argc, char** argv) {
  wordcount::options wanted{.workers = std::min(tractor::usable_cpus(), workers_max)};
  bool have_directory = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--workers" || argument == "--attempts" || argument == "--piece-bytes") {
      const unsigned most = argument == "--workers" ? workers_max : argument == "--attempts" ? attempts_max : piece_bytes_max;
      const auto number = parse_number(++i < argc ? argv[i] : nullptr, most);
      if (!number) {
        std::fprintf(stderr, "wordcount: %s takes a number from 1 to %u\n", argument.data(), most);
        return std::nullopt;
      }
      if (argument == "--workers")
        wanted.workers = *number;
      else if (argument == "--attempts")
        wanted.attempts = *number;
      else
        wanted.piece_bytes = *number;
    } else if (argument == "--restart") {
      wanted.restart = true;
    } else if (argument.starts_with("-") || have_directory || argument.empty()) {
      std::fprintf(stderr, "wordcount: the argument '%s' is not understood\n%s", argv[i], usage);
      return std::nullopt;
    } else {
      wanted.directory = argument;
      have_directory = true;
    }
  }
  return wanted;
}

tractor::sc::task<int> amain(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(usage, stdout);
    co_return 0;
  }
  const auto wanted = parse(argc, argv);
  if (!wanted) co_return 2;
  try {
    const wordcount::outcome result = co_await wordcount::count_words(*wanted);
    std::fputs(result.counted.report().c_str(), stdout);
    for (const auto& problem : result.problems) std::fprintf(stderr, "wordcount: %s\n", problem.c_str());
    co_return result.problems.empty() ? 0 : 1;
  } catch (const tractor::keyboard_interrupt&) {
    throw;  // tractor::run has an exit status for it
  } catch (const tractor::terminated&) {
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wordcount: %s\n", error.what());
    co_return 1;
  }
}

}  // namespace

int main(int argc, char** argv) { return tractor::run(argc, argv, amain); }
