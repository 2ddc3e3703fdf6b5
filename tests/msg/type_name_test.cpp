// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/type_name.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "tractor/msg/codec.hpp"

namespace tractor::msg {
namespace {

struct progress {
  int epoch;
};
template <class T>
struct box {
  T content;
};
enum class colour { red };

TEST(type_name, names_are_those_of_messages_not_of_cpp) {
  EXPECT_EQ(type_name<int>(), "int");
  EXPECT_EQ(type_name<std::uint64_t>(), "int");
  EXPECT_EQ(type_name<bool>(), "bool");
  EXPECT_EQ(type_name<float>(), "float");
  EXPECT_EQ(type_name<std::string>(), "str");
  EXPECT_EQ(type_name<const std::string>(), "str");
  EXPECT_EQ(type_name<bytes>(), "bytes");
  EXPECT_EQ(type_name<std::nullptr_t>(), "None");
  EXPECT_EQ(type_name<value>(), "any");
  EXPECT_EQ(type_name<uuid>(), "uuid");
  EXPECT_EQ(type_name<std::chrono::seconds>(), "duration");
  EXPECT_EQ(type_name<std::chrono::sys_seconds>(), "timestamp");
}

TEST(type_name, classes_go_by_their_own_name) {
  EXPECT_EQ(type_name<progress>(), "progress");
  EXPECT_EQ(type_name<colour>(), "colour");
  EXPECT_EQ(type_name<box<int>>(), "box<int>");
}

TEST(type_name, containers_name_what_they_hold) {
  EXPECT_EQ(type_name<std::vector<int>>(), "list[int]");
  EXPECT_EQ((type_name<std::map<std::string, std::vector<progress>>>()), "dict[str, list[progress]]");
  EXPECT_EQ((type_name<std::tuple<int, bool>>()), "tuple[int, bool]");
  EXPECT_EQ((type_name<std::pair<int, std::string>>()), "tuple[int, str]");
  EXPECT_EQ(type_name<std::set<int>>(), "set[int]");
  EXPECT_EQ(type_name<std::optional<int>>(), "int | None");
  EXPECT_EQ(type_name<std::unique_ptr<progress>>(), "progress | None");
  EXPECT_EQ((type_name<std::variant<int, std::string, std::monostate>>()), "int | str | None");
  EXPECT_EQ(type_name<std::tuple<>>(), "tuple[]");
}

}  // namespace
}  // namespace tractor::msg
