// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/tree_secret.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace tractor::ipc {
namespace {

constexpr std::string_view some_secret = "correct horse battery staple";

struct handshake {
  challenge connector = fresh_challenge(), acceptor = fresh_challenge();
  std::string connector_uuid = "c", acceptor_uuid = "a";
  [[nodiscard]] handshake_facts facts() const { return {connector, acceptor, connector_uuid, acceptor_uuid}; }
};

TEST(tree_secret, answer_is_good_for_one_handshake_and_one_end_of_it) {
  const tree_secret mine(some_secret), same(some_secret), other("another secret of that length");
  const handshake now, later;
  const proof given = mine.prove(connection_end::connector, now.facts());
  EXPECT_TRUE(same.verifies(given, connection_end::connector, now.facts()));
  EXPECT_FALSE(same.verifies(given, connection_end::acceptor, now.facts())) << "sent back to who asked";
  EXPECT_FALSE(same.verifies(given, connection_end::connector, later.facts())) << "of another connection";
  EXPECT_FALSE(other.verifies(given, connection_end::connector, now.facts()));
  EXPECT_FALSE(same.verifies({}, connection_end::connector, now.facts()));
  EXPECT_FALSE(same.verifies(std::span(given).first(proof_bytes - 1), connection_end::connector, now.facts()));
  for (std::size_t i = 0; i < given.size(); ++i) {
    proof changed = given;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(same.verifies(changed, connection_end::connector, now.facts())) << "byte " << i;
  }
}

TEST(tree_secret, answer_is_about_who_is_at_either_end) {
  const tree_secret mine(some_secret);
  const handshake now;
  const proof given = mine.prove(connection_end::connector, now.facts());
  for (const auto change : {&handshake::connector_uuid, &handshake::acceptor_uuid}) {
    handshake other = now;
    other.*change += "x";
    EXPECT_FALSE(mine.verifies(given, connection_end::connector, other.facts()));
  }
  // What moves from one part to the next changes it too.
  handshake shifted = now;
  shifted.connector_uuid = "ca";
  shifted.acceptor_uuid = "";
  EXPECT_FALSE(mine.verifies(given, connection_end::connector, shifted.facts()));
}

TEST(tree_secret, challenges_are_never_the_same) { EXPECT_NE(fresh_challenge(), fresh_challenge()); }

TEST(tree_secret, too_short_or_too_long_is_a_usage_error) {
  EXPECT_THROW(tree_secret(std::string(secret_bytes_min - 1, 'x')), usage_error);
  EXPECT_THROW(tree_secret(std::string(secret_bytes_max + 1, 'x')), usage_error);
  EXPECT_NO_THROW(tree_secret(std::string(secret_bytes_min, 'x')));
}

TEST(tree_secret, key_makes_the_same_secret) {
  const tree_secret mine(some_secret);
  const auto copy = tree_secret::from_key(mine.key());
  ASSERT_TRUE(copy);
  const handshake now;
  EXPECT_TRUE(copy->verifies(mine.prove(connection_end::acceptor, now.facts()), connection_end::acceptor, now.facts()));
  EXPECT_FALSE(tree_secret::from_key(mine.key().first(3)));
}

class secret_file : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "tractor-secret-" + std::to_string(::getpid());
    std::ofstream(path_) << some_secret << "\n";
    ::chmod(path_.c_str(), 0600);
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    ::unsetenv("TRACTOR_SECRET_FILE");
    ::unsetenv("TRACTOR_SECRET");
  }
  std::string path_;
};

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST_F(secret_file, holds_the_secret_without_the_end_of_its_line) {
  const handshake now;
  const tree_secret mine(some_secret);
  EXPECT_TRUE(
      tree_secret::from_file(path_).verifies(mine.prove(connection_end::connector, now.facts()), connection_end::connector, now.facts()));
}

TEST_F(secret_file, that_others_can_use_is_refused) {
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ::chmod(path_.c_str(), mode);
    EXPECT_EQ("the tree secret's file " + path_ + " can be used by others than its owner: chmod 600 it",
              message_of([&] { static_cast<void>(tree_secret::from_file(path_)); }));
  }
}

TEST_F(secret_file, that_is_none_is_an_error_that_names_it) {
  EXPECT_THAT(message_of([&] { static_cast<void>(tree_secret::from_file(path_ + ".not")); }), testing::HasSubstr(path_ + ".not"));
  EXPECT_THAT(message_of([&] { static_cast<void>(tree_secret::from_file(testing::TempDir())); }), testing::HasSubstr("is no file"));
  std::ofstream(path_) << "short\n";
  EXPECT_EQ("the secret in " + path_ + " has 5 bytes: a tree secret has 16 to 4096",
            message_of([&] { static_cast<void>(tree_secret::from_file(path_)); }));
}

TEST_F(secret_file, comes_before_the_variable_and_neither_is_needed) {
  EXPECT_FALSE(tree_secret::from_environment());
  ::setenv("TRACTOR_SECRET", "tiny", 1);
  EXPECT_EQ("TRACTOR_SECRET has 4 bytes: a tree secret has 16 to 4096",
            message_of([] { static_cast<void>(tree_secret::from_environment()); }));
  ::setenv("TRACTOR_SECRET_FILE", path_.c_str(), 1);
  EXPECT_TRUE(tree_secret::from_environment());
}

}  // namespace
}  // namespace tractor::ipc
