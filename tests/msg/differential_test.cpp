// SPDX-License-Identifier: Apache-2.0
//
// Our codec against two others, nlohmann-json's and Python's msgpack, on random values and random bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "msg_test.hpp"
#include "tractor/msg/framing.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg {
namespace {

using nlohmann::json;

// Random values that all three codecs can hold: keys that are equal in no language, no NaN.
class value_maker {
 public:
  value_maker(test::seeded& random, bool text_keys_only) : random_(random), text_keys_only_(text_keys_only) {}

  value make(unsigned depth = 0) {
    switch (random_.below(depth < 5 ? 10 : 8)) {
      case 0: return nullptr;
      case 1: return random_.below(2) == 0;
      case 2: return integer();
      case 3: return static_cast<std::int64_t>(integer());
      case 4: return real();
      case 5: return text();
      case 6: return data();
      case 7: return value::ext{static_cast<std::int8_t>(random_.below(128)), data()};
      case 8: return array(depth);
      default: return map(depth);
    }
  }

 private:
  // Every magnitude is as likely as every other.
  std::uint64_t integer() { return random_.engine()() >> random_.below(64); }
  double real() {
    const double number = std::bit_cast<double>(random_.engine()());
    return number == number ? number : static_cast<double>(integer());
  }
  std::size_t size() { return random_.below(random_.below(200) == 0 ? 70'000 : 40) >> random_.below(5); }
  std::string text() {
    static constexpr std::string_view letters[] = {"a", "Z", "0", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d", "\x7f"};
    std::string made;
    for (std::size_t count = size(); count != 0; --count) made += letters[random_.below(std::size(letters))];
    return made;
  }
  bytes data() {
    bytes made(size());
    for (std::byte& b : made) b = static_cast<std::byte>(random_.engine()());
    return made;
  }
  value array(unsigned depth) {
    value::array made(random_.below(20));
    for (value& each : made) each = make(depth + 1);
    return made;
  }
  value map(unsigned depth) {
    value::map made;
    for (std::size_t count = random_.below(20); count != 0; --count) {
      value key = text_keys_only_ || random_.below(2) == 0 ? value(text()) : value(static_cast<std::int64_t>(integer()));
      if (!made.contains(key)) made.append(std::move(key), make(depth + 1));
    }
    return made;
  }

  test::seeded& random_;
  bool text_keys_only_;
};

json to_json(const value& from) {
  switch (from.kind()) {
    case item_kind::boolean: return from.as_bool();
    case item_kind::integer: return from.get_if<std::int64_t>() != nullptr ? json(from.as_int()) : json(from.as_uint());
    case item_kind::real: return from.as_double();
    case item_kind::str: return from.as_str();
    case item_kind::bin: {
      const auto* first = reinterpret_cast<const std::uint8_t*>(from.as_bytes().data());
      return json::binary(std::vector<std::uint8_t>(first, first + from.as_bytes().size()));
    }
    case item_kind::ext: {
      const auto& ext = *from.get_if<value::ext>();
      const auto* first = reinterpret_cast<const std::uint8_t*>(ext.data.data());
      return json::binary(std::vector<std::uint8_t>(first, first + ext.data.size()), static_cast<std::uint8_t>(ext.type));
    }
    case item_kind::array: {
      json made = json::array();
      for (const value& each : from.as_array()) made.push_back(to_json(each));
      return made;
    }
    case item_kind::map: {
      json made = json::object();
      for (const auto& [key, mapped] : from.as_map()) made[key.as_str()] = to_json(mapped);
      return made;
    }
    case item_kind::nil:
    case item_kind::invalid: break;
  }
  return nullptr;
}

TEST(differential, nlohmann_json_reads_what_we_write_and_we_read_what_it_writes) {
  test::seeded random;
  value_maker maker(random, true);
  for (int round = 0; round < 1'000; ++round) {
    const value made = maker.make();
    const json same = to_json(made);
    buffer out;
    encode(out, made);

    const auto* first = reinterpret_cast<const std::uint8_t*>(out.data());
    ASSERT_EQ(json::from_msgpack(first, first + out.size()), same) << made.text();

    const std::vector<std::uint8_t> theirs = json::to_msgpack(same);
    ASSERT_EQ(decode<value>(std::as_bytes(std::span(theirs))), made) << made.text();
  }
}

TEST(differential, nlohmann_json_accepts_no_text_keyed_input_that_we_refuse) {
  test::seeded random;
  value_maker maker(random, true);
  for (int round = 0; round < 3'000; ++round) {
    buffer out;
    encode(out, maker.make(4));
    // One byte changed, or the end cut off.
    bytes input(out.view().begin(), out.view().end());
    input[random.below(input.size())] = static_cast<std::byte>(random.engine()());
    if (random.below(3) == 0) input.resize(random.below(input.size() + 1));

    const auto* first = reinterpret_cast<const std::uint8_t*>(input.data());
    const json theirs = json::from_msgpack(first, first + input.size(), true, false);
    if (theirs.is_discarded()) continue;
    try {
      static_cast<void>(decode<value>(input));
    } catch (const decode_error& error) {
      // It does not look whether text is UTF-8.
      ASSERT_NE(error.reason().find("not UTF-8"), std::string::npos) << error.message() << '\n' << test::hex(input);
    }
  }
}

// Items go through one Python process in a batch.
class python_oracle {
 public:
  python_oracle()
      : directory_(std::filesystem::path(testing::TempDir()) / ("msgpack_oracle." + std::to_string(std::random_device{}()))),
        in_(directory_ / "in"),
        out_(directory_ / "out") {
    std::filesystem::create_directory(directory_);
  }
  python_oracle(const python_oracle&) = delete;
  python_oracle& operator=(const python_oracle&) = delete;
  ~python_oracle() { std::filesystem::remove_all(directory_); }

  void ask(bytes_view item) {
    batch_.append(std::string_view("\0\0\0\0", 4));
    batch_.patch_u32_le(batch_.size() - 4, static_cast<std::uint32_t>(item.size()));
    batch_.append(item);
  }

  std::vector<std::string> answers() {
    std::ofstream(in_, std::ios::binary).write(reinterpret_cast<const char*>(batch_.data()), static_cast<std::streamsize>(batch_.size()));
    const std::string command =
        std::string(TRACTOR_TEST_PYTHON " " TRACTOR_TEST_SOURCE_DIR "/tests/msg/msgpack_oracle.py ") + in_.string() + ' ' + out_.string();
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    std::ifstream replies(out_, std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>(replies), {});
    frame_splitter splitter;
    std::ranges::copy(as_bytes(all), splitter.writable_tail(all.size()).begin());
    splitter.commit(all.size());
    std::vector<std::string> found;
    while (const auto body = splitter.next()) found.emplace_back(as_text(*body));
    return found;
  }

 private:
  std::filesystem::path directory_, in_, out_;
  buffer batch_;
};

TEST(differential, python_packs_what_we_wrote_to_the_same_bytes) {
  test::seeded random;
  value_maker maker(random, false);
  python_oracle python;
  std::vector<std::string> sent;
  for (int round = 0; round < 1'000; ++round) {
    buffer out;
    encode(out, maker.make());
    python.ask(out.view());
    sent.emplace_back(as_text(out.view()));
  }

  const auto answers = python.answers();

  ASSERT_EQ(answers.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(answers[i], 'o' + sent[i]) << item_text(as_bytes(sent[i]));
}

// Whether an extension of type -1 is anywhere in `v` whose size no timestamp has.
bool holds_odd_timestamp(const value& v) {
  if (const auto* ext = v.get_if<value::ext>())
    return ext->type == -1 && ext->data.size() != 4 && ext->data.size() != 8 && ext->data.size() != 12;
  if (const auto* array = v.get_if<value::array>()) return std::ranges::any_of(*array, holds_odd_timestamp);
  if (const auto* map = v.get_if<value::map>())
    return std::ranges::any_of(*map,
                               [](const auto& entry) { return holds_odd_timestamp(entry.first) || holds_odd_timestamp(entry.second); });
  return false;
}

TEST(differential, python_and_we_agree_on_what_is_msgpack) {
  test::seeded random;
  value_maker maker(random, false);
  python_oracle python;
  std::vector<bytes> sent;
  for (int round = 0; round < 3'000; ++round) {
    buffer out;
    encode(out, maker.make(4));
    bytes input(out.view().begin(), out.view().end());
    input[random.below(input.size())] = static_cast<std::byte>(random.engine()());
    if (random.below(3) == 0) input.resize(random.below(input.size() + 1));
    python.ask(input);
    sent.push_back(std::move(input));
  }

  const auto answers = python.answers();

  ASSERT_EQ(answers.size(), sent.size());
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    std::string ours = "refused";
    bool odd_timestamp = false;
    try {
      buffer again;
      const auto decoded = decode<value>(sent[i]);
      odd_timestamp = holds_odd_timestamp(decoded);
      encode(again, decoded);
      ours = 'o' + std::string(as_text(again.view()));
    } catch (const decode_error&) {
    }
    // Python cannot hold lists as keys, knows no extensions below -1 and looks into timestamps.
    const auto says = [&](const char* part) { return answers[i].find(part) != std::string::npos; };
    const bool beyond_python = says("unhashable") || says("Timestamp") || says("code must be") || odd_timestamp;
    if (answers[i].front() == 'o') {
      ++accepted;
      // A changed key may equal another one, of which Python keeps the last: then only the verdicts agree.
      ASSERT_NE(ours, "refused") << test::hex(sent[i]);
      if (ours.size() == answers[i].size()) ASSERT_EQ(ours, answers[i]) << test::hex(sent[i]);
    } else if (!beyond_python) {
      ASSERT_EQ(ours, "refused") << answers[i] << ' ' << test::hex(sent[i]);
    }
  }
  EXPECT_GT(accepted, sent.size() / 20);
}

TEST(differential, recorded_bodies_mean_the_same_to_python) {
  python_oracle python;
  std::vector<std::string> sent;
  for (const auto& recorded : test::recorded_frames("recorded_frames.txt")) {
    const bytes frame = recorded.frame();
    sent.emplace_back(as_text(bytes_view(frame).subspan(frame_header_bytes)));
    python.ask(as_bytes(sent.back()));
  }

  const auto answers = python.answers();

  ASSERT_EQ(answers.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(answers[i], 'o' + sent[i]);
}

}  // namespace
}  // namespace tractor::msg
