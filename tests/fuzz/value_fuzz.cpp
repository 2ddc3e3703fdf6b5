// SPDX-License-Identifier: Apache-2.0
//
// Any bytes, decoded as a dynamic value and as types with every codec in them: a value or a decode_error. What decodes
// encodes to bytes that decode to the same.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tractor/msg/codec.hpp"

namespace {

namespace msg = tractor::msg;

void require(bool condition) {
  if (!condition) std::abort();
}

enum class colour { red, green };
TRACTOR_DESCRIBE_ENUM(colour, red, green)

struct leaf {
  int a = 0;
  std::optional<std::string> b{};
};
struct tree {
  std::int8_t small = 0;
  std::vector<tree> children{};
  std::unique_ptr<tree> next{};
  std::variant<std::monostate, std::int64_t, double, leaf, std::vector<std::string>, tractor::uuid, std::string> choice{};
};
struct everything {
  static constexpr bool tractor_defaults = true;
  bool flag = false;
  std::uint64_t large = 0;
  float narrow = 0;
  msg::bytes data{};
  std::array<std::byte, 4> four{};
  std::array<std::uint16_t, 2> pair{};
  std::tuple<int, std::string> both{};
  std::set<std::string> set{};
  std::map<std::string, std::vector<double>> map{};
  std::unordered_map<int, leaf> hashed{};
  msg::ordered_map<std::string, msg::value> ordered{};
  colour shade = colour::red;
  std::chrono::nanoseconds duration{};
  std::chrono::sys_time<std::chrono::nanoseconds> time{};
  msg::raw rest{};
  msg::value any{};
  std::vector<bool> bits{};
  tree root{};
};

template <class T>
void round_trip(msg::bytes_view in) {
  msg::buffer first, second;
  try {
    const T decoded = msg::decode<T>(in);
    msg::encode(first, decoded);
  } catch (const msg::decode_error& error) {
    require(!error.message().empty());
    return;
  }
  msg::encode(second, msg::decode<T>(first.view()));
  require(first.size() == second.size() && std::memcmp(first.data(), second.data(), first.size()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto in = msg::as_bytes({reinterpret_cast<const char*>(data), size});
  round_trip<msg::value>(in);
  round_trip<everything>(in);
  round_trip<tree>(in);
  require(msg::item_text(in, 100).size() < 1000);
  require(!msg::item_description(in).empty());
  try {
    const auto v = msg::decode<msg::value>(in);
    require(v.text() == msg::item_text(in));
    static_cast<void>(v == v);
  } catch (const msg::decode_error&) {
  }
  return 0;
}
