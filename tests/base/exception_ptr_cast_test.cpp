// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/exception_ptr_cast.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tractor/base/error.hpp"

namespace {

using tractor::exception_ptr_cast;

struct left {
  virtual ~left() = default;
  int at_left = 1;
};
struct right {
  virtual ~right() = default;
  int at_right = 2;
};
struct both : left, right {
  int own = 3;
};
struct hidden : private std::runtime_error {
  hidden() : std::runtime_error("hidden") {}
};
struct twice_a : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct twice_b : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct twice : twice_a, twice_b {
  twice() : twice_a("a"), twice_b("b") {}
};

TEST(exception_ptr_cast, finds_the_type_itself_and_its_bases) {
  const std::exception_ptr error = std::make_exception_ptr(std::out_of_range("row 7"));

  ASSERT_NE(exception_ptr_cast<std::out_of_range>(error), nullptr);
  EXPECT_STREQ(exception_ptr_cast<std::out_of_range>(error)->what(), "row 7");
  ASSERT_NE(exception_ptr_cast<std::logic_error>(error), nullptr);
  ASSERT_NE(exception_ptr_cast<std::exception>(error), nullptr);
  EXPECT_STREQ(exception_ptr_cast<std::exception>(error)->what(), "row 7");
  EXPECT_EQ(exception_ptr_cast<std::runtime_error>(error), nullptr);
  EXPECT_EQ(exception_ptr_cast<std::length_error>(error), nullptr);
}

TEST(exception_ptr_cast, leads_to_the_base_where_it_lies) {
  const std::exception_ptr error = std::make_exception_ptr(both());

  ASSERT_NE(exception_ptr_cast<left>(error), nullptr);
  EXPECT_EQ(exception_ptr_cast<left>(error)->at_left, 1);
  ASSERT_NE(exception_ptr_cast<right>(error), nullptr);
  EXPECT_EQ(exception_ptr_cast<right>(error)->at_right, 2);
  EXPECT_EQ(exception_ptr_cast<right>(error), static_cast<const right*>(exception_ptr_cast<both>(error)));
}

TEST(exception_ptr_cast, is_null_where_a_handler_would_not_catch) {
  const std::exception_ptr none;
  const std::exception_ptr behind_a_private_base = std::make_exception_ptr(hidden());
  const std::exception_ptr ambiguous = std::make_exception_ptr(twice());
  const std::exception_ptr number = std::make_exception_ptr(7);

  EXPECT_EQ(exception_ptr_cast<std::exception>(none), nullptr);
  EXPECT_EQ(exception_ptr_cast<std::runtime_error>(behind_a_private_base), nullptr);
  EXPECT_NE(exception_ptr_cast<hidden>(behind_a_private_base), nullptr);
  EXPECT_EQ(exception_ptr_cast<std::runtime_error>(ambiguous), nullptr);
  EXPECT_NE(exception_ptr_cast<twice_b>(ambiguous), nullptr);
  EXPECT_EQ(exception_ptr_cast<std::exception>(number), nullptr);
}

TEST(exception_ptr_cast, finds_what_was_thrown_and_thrown_again) {
  std::exception_ptr error;
  try {
    try {
      throw std::invalid_argument("first");
    } catch (...) {
      std::rethrow_exception(std::current_exception());
    }
  } catch (const std::invalid_argument& caught) {
    error = std::current_exception();
    EXPECT_EQ(exception_ptr_cast<std::invalid_argument>(error), &caught);
  }
  EXPECT_STREQ(exception_ptr_cast<std::invalid_argument>(error)->what(), "first");
}

// What it points at lives as long as the exception_ptr: of a temporary it would be gone at once.
template <class Error>
constexpr bool castable = requires { exception_ptr_cast<std::exception>(std::declval<Error>()); };
static_assert(castable<const std::exception_ptr&>);
static_assert(!castable<std::exception_ptr>);

}  // namespace
