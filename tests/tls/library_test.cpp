// SPDX-License-Identifier: Apache-2.0
//
// What the libraries need of others: only tractor_tls needs OpenSSL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string needs_of(const std::string& library) {
  const std::string command = "readelf -dW '" + library + "' || llvm-readelf-19 -dW '" + library + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), &pclose);
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t bytes = fread(buffer.data(), 1, buffer.size(), output.get())) text.append(buffer.data(), bytes);
  return text;
}

bool is_shared(const std::string& library) { return library.find(".so") != std::string::npos; }

TEST(tls_library, alone_needs_openssl) {
  if (!is_shared(TRACTOR_TEST_LIBRARY)) GTEST_SKIP() << "the libraries are static";
  const std::string core = needs_of(TRACTOR_TEST_LIBRARY), tls = needs_of(TRACTOR_TEST_TLS_LIBRARY);
  EXPECT_THAT(core, HasSubstr("NEEDED"));
  EXPECT_THAT(core, Not(HasSubstr("libssl")));
  EXPECT_THAT(core, Not(HasSubstr("libcrypto")));
  EXPECT_THAT(tls, HasSubstr("libssl.so.3"));
  EXPECT_THAT(tls, HasSubstr("libtractor.so"));
}

}  // namespace
