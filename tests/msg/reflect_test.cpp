// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/reflect.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tractor/msg/describe.hpp"

namespace tractor::msg {
namespace {

struct nothing {};
struct progress {
  int epoch;
  double loss;
};
struct node {
  std::string name;
  std::vector<node> children;
  std::unique_ptr<node> next;
  std::map<std::string, node> by_name;
  std::optional<std::variant<int, std::string>> tag;
  std::function<void()> never_sent;
  progress last{};
};
template <class T>
struct box {
  T content;
};
struct not_movable {
  explicit not_movable(int) {}
  not_movable(const not_movable&) = delete;
  not_movable& operator=(const not_movable&) = delete;
};
struct holds_not_movable {
  int first;
  not_movable second;
};

struct of_64 {
  int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28,
      a29, a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, a54, a55,
      a56, a57, a58, a59, a60, a61, a62, a63;
};

static_assert(field_count<nothing> == 0);
static_assert(field_count<progress> == 2);
static_assert(field_count<const progress> == 2);
static_assert(field_count<node> == 7);
static_assert(field_count<box<progress>> == 1);
static_assert(field_count<holds_not_movable> == 2);
static_assert(field_count<of_64> == 64);

TEST(reflect, fields_have_their_names_in_order) {
  EXPECT_EQ(field_names<progress>[0], "epoch");
  EXPECT_EQ(field_names<progress>[1], "loss");
  EXPECT_EQ(field_names<node>[4], "tag");
  EXPECT_EQ(field_names<node>[6], "last");
  EXPECT_EQ(field_names<box<int>>[0], "content");
  EXPECT_EQ(field_names<holds_not_movable>[1], "second");
}

TEST(reflect, sixty_four_fields_are_told_apart) {
  of_64 object{};
  int next = 0;
  for_each_field(object, [&](std::string_view name, int& field) {
    EXPECT_EQ(name, "a" + std::to_string(next));
    field = next++;
  });
  EXPECT_EQ(object.a0, 0);
  EXPECT_EQ(object.a31, 31);
  EXPECT_EQ(object.a63, 63);
}

TEST(reflect, a_type_local_to_a_function_is_reflected) {
  struct local {
    int inner;
  };
  EXPECT_EQ(field_names<local>[0], "inner");
}

TEST(reflect, fields_are_visited_in_place) {
  progress p{1, 2};
  with_fields(p, [](int& epoch, double& loss) {
    epoch = 7;
    loss = 0.5;
  });
  EXPECT_EQ(p.epoch, 7);
  EXPECT_EQ(p.loss, 0.5);

  const progress& constant = p;
  EXPECT_EQ(with_fields(constant, [](const int& epoch, const double& loss) { return epoch + loss; }), 7.5);
}

struct person {
  std::string name;
};
struct employee : person {
  int salary = 0;
};
TRACTOR_DESCRIBE(employee, name, salary)

class account {
 public:
  account() = default;
  account(std::string owner, int balance) : owner_(std::move(owner)), balance_(balance) {}
  [[nodiscard]] int balance() const { return balance_; }
  TRACTOR_DESCRIBE_PRIVATE(account, owner_, balance_)

 private:
  std::string owner_;
  int balance_ = 0;
};

struct renamed {
  int class_ = 0;
};
constexpr auto tractor_describe(const renamed*) { return description<&renamed::class_>{{"class"}}; }

TEST(describe, members_of_bases_and_private_ones_are_reached) {
  employee e;
  with_fields(e, [](std::string& name, int& salary) {
    name = "Ada";
    salary = 3;
  });
  EXPECT_EQ(e.name, "Ada");
  EXPECT_EQ(e.salary, 3);
  EXPECT_EQ(field_names<employee>[0], "name");

  account a("x", 4);
  for_each_field(a, []<class Field>(std::string_view name, Field& field) {
    if constexpr (std::is_same_v<Field, int>) {
      EXPECT_EQ(name, "balance_");
      field = 5;
    }
  });
  EXPECT_EQ(a.balance(), 5);
}

TEST(describe, names_on_the_wire_can_be_given) { EXPECT_EQ(field_names<renamed>[0], "class"); }

enum class colour { red = 3, green = 7 };
TRACTOR_DESCRIBE_ENUM(colour, red, green)

TEST(describe, enumerators_have_names) {
  static_assert(described_enum<colour>);
  ASSERT_EQ(enumerators<colour>.size(), 2U);
  EXPECT_EQ(enumerators<colour>[1].name, "green");
  EXPECT_EQ(enumerators<colour>[1].value, colour::green);
}

}  // namespace
}  // namespace tractor::msg
