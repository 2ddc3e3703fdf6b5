// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/payload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "msg_test.hpp"
#include "tractor/msg/type_name.hpp"

namespace tractor::msg {
namespace {

using testing::HasSubstr;

struct progress {
  int epoch = 0;
};

// S-COD-9
TEST(payload_mismatch, the_text_names_message_value_type_and_spec) {
  buffer out;
  encode(out, "not a number");
  std::string reason;
  try {
    static_cast<void>(decode<progress>(out.view(), {}, "pld"));
  } catch (const decode_error& error) {
    reason = error.message();
  }

  const std::string text = payload_mismatch(message_kind::yield, out.view(), type_name<progress>(), reason);

  EXPECT_THAT(text, HasSubstr("invalid"));
  EXPECT_THAT(text, HasSubstr("Yield"));
  EXPECT_THAT(text, HasSubstr("msg payload"));
  EXPECT_THAT(text, HasSubstr("'not a number'"));
  EXPECT_THAT(text, HasSubstr("str"));
  EXPECT_THAT(text, HasSubstr("does not match type-spec"));
  EXPECT_THAT(text, HasSubstr("Yield.pld: progress"));
  EXPECT_THAT(text, HasSubstr("pld: expected map, got str 'not a number'"));
}

TEST(payload_mismatch, an_odd_value_is_no_obstacle) {
  EXPECT_THAT(payload_mismatch(message_kind::return_, {}, "int", ""), HasSubstr("Return.pld: int"));
  EXPECT_THAT(payload_mismatch(message_kind::started, test::unhex("c1"), "int", ""), HasSubstr("<invalid>"));
  EXPECT_LT(payload_mismatch(message_kind::started, test::unhex("db00100000(78)x1048576"), "int", "").size(), 1000U);
}

}  // namespace
}  // namespace tractor::msg
