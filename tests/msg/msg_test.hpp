// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this layer share: bytes as hexadecimal text, and the recorded frames.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/errors.hpp"

namespace tractor::msg::test {

inline std::string hex(bytes_view data) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte b : data) {
    text += digits[static_cast<unsigned>(b) >> 4];
    text += digits[static_cast<unsigned>(b) & 15];
  }
  return text;
}

inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  ADD_FAILURE() << "not a hexadecimal digit: " << c;
  return 0;
}

// Two digits a byte, blanks ignored; "(78)x3" stands for 787878.
inline bytes unhex(std::string_view text) {
  bytes data;
  const auto take_byte = [&](std::size_t at) { return static_cast<std::byte>(hex_digit(text.at(at)) << 4 | hex_digit(text.at(at + 1))); };
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
    } else if (text[at] == '(') {
      const std::byte repeated = take_byte(at + 1);
      const auto count = static_cast<std::size_t>(std::stoul(std::string(text.substr(at + 5))));
      data.insert(data.end(), count, repeated);
      while (at < text.size() && text[at] != ' ') ++at;
    } else {
      data.push_back(take_byte(at));
      at += 2;
    }
  }
  return data;
}

template <class T>
std::string encoded(const T& from) {
  buffer out;
  encode(out, from);
  return hex(out.view());
}

template <class T>
T decoded(std::string_view hexadecimal, const decode_limits& limits = {}) {
  return decode<T>(unhex(hexadecimal), limits);
}

template <class T>
T round_trip(const T& from) {
  buffer out;
  encode(out, from);
  return decode<T>(out.view());
}

// What the decode_error says; a failure when there is none.
template <class T>
std::string decode_complaint(std::string_view hexadecimal, const decode_limits& limits = {}, std::string_view where = {}) {
  try {
    static_cast<void>(decode<T>(unhex(hexadecimal), limits, where));
  } catch (const decode_error& error) {
    EXPECT_EQ(error.category(), error_category::protocol);
    return error.message();
  }
  ADD_FAILURE() << "decoded without an error";
  return {};
}

template <class T>
std::string encode_complaint(const T& from, std::string_view where = {}) {
  buffer out;
  out.append("before");
  try {
    encode(out, from, where);
  } catch (const encode_error& error) {
    EXPECT_EQ(as_text(out.view()), "before") << "a failed encode must take back what it appended";
    return error.message();
  }
  ADD_FAILURE() << "encoded without an error";
  return {};
}

struct recorded_frame {
  std::string name;
  std::string hexadecimal;  // header included
  [[nodiscard]] bytes frame() const { return unhex(hexadecimal); }
};

// The lines of tests/data/wire/FILE: the first word is the name, the last one the bytes.
inline std::vector<recorded_frame> recorded_frames(const std::string& file) {
  const std::string path = std::string(TRACTOR_TEST_SOURCE_DIR) + "/tests/data/wire/" + file;
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::vector<recorded_frame> frames;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    frames.push_back({line.substr(0, line.find(' ')), line.substr(line.rfind(' ') + 1)});
  }
  return frames;
}

// A fresh seed, or the one in TRACTOR_TEST_SEED; printed with every failure of the test that asks for it.
class seeded {
 public:
  seeded() : seed_(choose()), trace_(__FILE__, __LINE__, "TRACTOR_TEST_SEED=" + std::to_string(seed_)), engine_(seed_) {
    std::cout << "TRACTOR_TEST_SEED=" << seed_ << '\n';
  }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  std::mt19937_64& engine() noexcept { return engine_; }
  // 0 to `bound` - 1
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

 private:
  static std::uint64_t choose() {
    if (const char* given = std::getenv("TRACTOR_TEST_SEED")) return std::stoull(given);
    return std::random_device{}();
  }
  std::uint64_t seed_;
  testing::ScopedTrace trace_;
  std::mt19937_64 engine_;
};

}  // namespace tractor::msg::test
