// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/stack_trace.hpp"

#include <execinfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace {

using ::testing::HasSubstr;

[[gnu::noinline]] std::vector<tractor::stack_frame> stack_of_here() {
  std::array<void*, 16> addresses{};
  const int count = ::backtrace(addresses.data(), static_cast<int>(addresses.size()));
  return tractor::symbolise({addresses.data(), static_cast<std::size_t>(count)});
}

TEST(stack_trace, names_functions_files_and_modules) {
  const auto frames = stack_of_here();
  ASSERT_GE(frames.size(), 2U);
  const auto here = std::ranges::find_if(frames, [](const auto& each) { return each.function.find("stack_of_here") != std::string::npos; });
  ASSERT_NE(here, frames.end()) << "a function that is in no dynamic symbol table has a name all the same";
  EXPECT_THAT(here->module, HasSubstr("base_tests"));
  EXPECT_NE(here->offset, 0U);
  EXPECT_THAT(to_text(*here), HasSubstr("stack_of_here()"));
}

#if __has_include(<elfutils/libdwfl.h>)
// Of a function of the library, which every preset compiles with debug information, as it does not compile the tests.
TEST(stack_trace, names_file_and_line_where_there_is_debug_information) {
  std::array<void*, 1> function{reinterpret_cast<void*>(&tractor::symbolise)};
  const auto frames = tractor::symbolise(function, true);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_THAT(frames[0].file, HasSubstr("stack_trace.cpp"));
  EXPECT_NE(frames[0].line, 0U);
  EXPECT_THAT(to_text(frames[0]), HasSubstr(" at "));
}
#endif

TEST(stack_trace, address_that_lies_nowhere_is_a_number) {
  std::array<void*, 1> nowhere{reinterpret_cast<void*>(16)};
  const auto frames = tractor::symbolise(nowhere, true);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(to_text(frames[0]), "0x10");
}

TEST(stack_trace, texts) {
  EXPECT_EQ(tractor::to_text({.address = nullptr, .function = "f()", .file = "a.cpp", .line = 7, .module = "/bin/app", .offset = 1}),
            "f() at a.cpp:7");
  EXPECT_EQ(tractor::to_text({.address = nullptr, .function = "f()", .module = "/bin/app", .offset = 0x1234}), "f() in app+0x1234");
  EXPECT_EQ(tractor::to_text({.address = nullptr, .module = "/bin/app", .offset = 0x1234}), "app+0x1234");
}

// What one process takes another can name, wherever its modules were loaded.
TEST(stack_trace, places_are_named_as_their_addresses_are) {
  std::array<void*, 16> addresses{};
  const int count = ::backtrace(addresses.data(), static_cast<int>(addresses.size()));
  const std::span<void* const> stack(addresses.data(), static_cast<std::size_t>(count));

  const auto places = tractor::code_places(stack);

  ASSERT_EQ(places.size(), stack.size());
  EXPECT_THAT(places[0].module, ::testing::StartsWith("/"));
  EXPECT_THAT(places[0].module, HasSubstr("base_tests"));
  const auto direct = tractor::symbolise(stack);
  for (const char* time : {"first", "second"}) {
    const auto named = tractor::symbolise_places(places);
    ASSERT_EQ(named.size(), direct.size()) << time;
    for (std::size_t i = 0; i < named.size(); ++i) EXPECT_EQ(to_text(named[i]), to_text(direct[i])) << time;
  }
}

TEST(stack_trace, places_of_a_module_that_is_not_here_keep_module_and_offset) {
  const std::vector<tractor::code_place> places{{.module = "/no/such/libfar.so", .offset = 0x1234}, {.offset = 16}};

  const auto frames = tractor::symbolise_places(places);

  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(to_text(frames[0]), "libfar.so+0x1234");
  EXPECT_EQ(to_text(frames[1]), "0x10");
}

TEST(stack_trace, address_that_lies_nowhere_is_a_place_without_a_module) {
  std::array<void*, 1> nowhere{reinterpret_cast<void*>(16)};

  const auto places = tractor::code_places(nowhere);

  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0], (tractor::code_place{.offset = 16}));
}

TEST(stack_trace, nothing_gives_nothing) { EXPECT_TRUE(tractor::symbolise({}).empty()); }

}  // namespace
