// SPDX-License-Identifier: Apache-2.0

#include "word_table.hpp"

#include <cstdio>

namespace wordcount {

namespace {

constexpr std::uint64_t hash_first = 0xcbf29ce484222325;  // FNV-1a

std::uint64_t hash_on(std::uint64_t hash, std::string_view text) noexcept {
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::size_t word_splitter::feed(std::string_view text) {
  std::size_t begin = 0;  // of the current word in this text
  std::size_t at = 0;
  while (at < text.size()) {
    const decoded next = utf8_.first(text.substr(at));
    if (next.kind == char_class::incomplete) break;
    if (next.kind == char_class::separator) {
      const std::string_view part = text.substr(begin, at - begin);
      if (pending_bytes_ == 0 && part.size() <= word_bytes_max) {  // the plain case: all of it is here
        if (printing_) into_.add(part);
        printing_ = false;
      } else {
        extend(part);
        end_word();
      }
      begin = at + next.bytes;
    } else if (next.kind == char_class::printing) {
      printing_ = true;
    }
    at += next.bytes;
  }
  extend(text.substr(begin, at - begin));
  return at;
}

void word_splitter::finish(std::string_view rest) {
  extend(rest);
  end_word();
}

void word_splitter::extend(std::string_view part) {
  const bool was_long = pending_bytes_ > word_bytes_max;
  pending_bytes_ += part.size();
  if (was_long) {
    pending_hash_ = hash_on(pending_hash_, part);
  } else if (pending_bytes_ > word_bytes_max) {
    pending_hash_ = hash_on(hash_on(hash_first, pending_), part);
    pending_.append(part.substr(0, long_word_bytes_shown));
  } else {
    pending_ += part;
  }
}

void word_splitter::end_word() {
  if (pending_bytes_ > word_bytes_max) {
    char rest[80];
    std::snprintf(rest, sizeof(rest), "...[%llu bytes, hash %016llx]", static_cast<unsigned long long>(pending_bytes_),
                  static_cast<unsigned long long>(pending_hash_));
    pending_.resize(long_word_bytes_shown);
    pending_ += rest;
  }
  if (printing_) into_.add(pending_);
  pending_.clear();
  pending_bytes_ = 0;
  printing_ = false;
}

}  // namespace wordcount
