// SPDX-License-Identifier: Apache-2.0
//
// What contexts are made of, and that what cannot be used is named.

#include "tractor/tls/context.hpp"

#include <fcntl.h>
#include <openssl/conf.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "tls_test.hpp"
#include "tractor/base/fd.hpp"

namespace tractor::test {
namespace {

using sc::task;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string context_refusal(const std::function<void()>& make) {
  try {
    make();
  } catch (const error& refused) {
    return refused.what();
  }
  return "nothing";
}

TEST(tls_context, what_cannot_be_used_is_named) {
  const identity other = authority().sign({.common_name = "other"});
  const auto server = [](tls::pem chain, tls::pem key) {
    return context_refusal([&] { static_cast<void>(tls::context::server({.chain = chain, .key = key})); });
  };
  EXPECT_THAT(server(tls::pem::file("/none/chain.pem"), other.key), AllOf(HasSubstr("'/none/chain.pem'"), HasSubstr("ENOENT")));
  EXPECT_THAT(server(tls::pem::text("nothing"), other.key), HasSubstr("cannot read certificates from a PEM text: no start line"));
  EXPECT_THAT(server(other.chain, localhost_identity().key), HasSubstr("does not go with"));
  EXPECT_THAT(server(other.chain, key_of_another_kind()), HasSubstr("does not go with"));
  EXPECT_THAT(server(other.chain, tls::pem::text("nothing")), HasSubstr("private key"));
  EXPECT_THAT(server(other.chain, {}), HasSubstr("one is missing"));
  EXPECT_THAT(server({}, {}), HasSubstr("needs a certificate"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(localhost_server({.clients = tls::client_certificates::required})); }),
              HasSubstr("nobody is trusted"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(trusting_client({.alpn = {""}})); }), HasSubstr("1 to 255"));
}

// Somebody who would answer if OpenSSL asked for a password: standard input, where there is no terminal.
class answering_terminal {
 public:
  explicit answering_terminal(const std::string& answer) : saved_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const unique_fd reads(ends[0]), writes(ends[1]);
    EXPECT_EQ(write(writes.get(), answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    EXPECT_EQ(dup2(reads.get(), STDIN_FILENO), STDIN_FILENO);
  }
  ~answering_terminal() { saved_ ? dup2(saved_.get(), STDIN_FILENO) : close(STDIN_FILENO); }
  answering_terminal(const answering_terminal&) = delete;
  answering_terminal& operator=(const answering_terminal&) = delete;

 private:
  unique_fd saved_;
};

TEST(tls_context, key_with_a_password_is_refused_and_nobody_is_asked) {
  const answering_terminal somebody("password\n");
  for (const tls::pem& key : key_with_password(localhost_identity().key, "password"))
    EXPECT_THAT(context_refusal([&] { static_cast<void>(localhost_server({.key = key})); }),
                HasSubstr("cannot read a private key from a PEM text: it is encrypted with a password"));
}

TEST(tls_context, certificate_with_a_password_is_refused_and_nobody_is_asked) {
  const answering_terminal somebody("password\n");
  const tls::pem chain = certificate_with_password(localhost_identity().chain, "password");
  EXPECT_THAT(context_refusal([&] { static_cast<void>(localhost_server({.chain = chain})); }),
              HasSubstr("cannot read certificates from a PEM text: it is encrypted with a password"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(trusting_client({.trust = {chain}})); }), HasSubstr("encrypted with a password"));
}

TEST(tls_context, key_with_a_password_beside_the_certificates_does_not_matter) {
  const answering_terminal somebody("password\n");
  for (const tls::pem& key : key_with_password(localhost_identity().key, "password"))
    EXPECT_EQ(context_refusal([&] { static_cast<void>(localhost_server({.chain = joined(key, localhost_identity().chain)})); }), "nothing");
}

TEST(tls_context, alpn_names_fit_their_length_on_the_wire) {
  const auto offer = [](std::vector<std::string> names) {
    return context_refusal([&] { static_cast<void>(trusting_client({.alpn = std::move(names)})); });
  };
  const std::string longest(tls::alpn_name_bytes_max, 'x');
  EXPECT_EQ(offer({longest}), "nothing");
  EXPECT_THAT(offer({"h2", longest + "x"}), HasSubstr("1 to 255 bytes"));
  EXPECT_EQ(offer(std::vector<std::string>(255, longest)), "nothing");
  EXPECT_THAT(offer(std::vector<std::string>(256, longest)), HasSubstr("too long together"));
  EXPECT_THAT(context_refusal([&] { static_cast<void>(localhost_server({.alpn = {longest + "x"}})); }), HasSubstr("1 to 255 bytes"));
}

TEST(tls_context, files_are_read) {
  const auto folder = std::filesystem::temp_directory_path() / ("tractor-tls-test-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto write = [&](const char* name, const tls::pem& what) {
    std::ofstream(folder / name) << what.blocks();
    return tls::pem::file(folder / name);
  };
  const auto chain = write("chain.pem", localhost_identity().chain), key = write("key.pem", localhost_identity().key),
             trust = write("trust.pem", authority().certificate());
  const pair_options options{.client = tls::context::client({.trust = {trust}}),
                             .server = tls::context::server({.chain = chain, .key = key})};
  std::filesystem::remove_all(folder);

  testing::run_test([&]() -> task<> {
    tls_pair pair = open_pair(options);
    co_await agree(pair);
  });
}

TEST(tls_context, later_minimum_of_the_system_is_kept) {
  // Given: a configuration of OpenSSL, loaded behind the system's own.
  const auto before = localhost_server();
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("tractor-tls-test-" + std::to_string(getpid()) + "-openssl.cnf");
  std::ofstream(file) << "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = here\n[here]\nMinProtocol = TLSv1.3\n";
  ASSERT_EQ(CONF_modules_load_file(file.c_str(), nullptr, 0), 1);
  std::filesystem::remove(file);

  const auto asks_for_less = localhost_server({.version_min = tls::protocol_version::tls1_2});
  CONF_modules_finish();

  EXPECT_EQ(SSL_CTX_get_min_proto_version(asks_for_less.state().ssl.get()), TLS1_3_VERSION);
  EXPECT_EQ(SSL_CTX_get_min_proto_version(localhost_server().state().ssl.get()), TLS1_2_VERSION);
}

TEST(tls_context, stream_needs_a_name_to_verify_and_a_transport) {
  const auto make = [](std::unique_ptr<sc::byte_stream> transport, std::string name) {
    return context_refusal([&] { tls::stream(std::move(transport), trusting_client(), {.server_name = name}); });
  };
  EXPECT_THAT(make(sc::open_memory_streams().first, ""), HasSubstr("verify::none"));
  EXPECT_THAT(make(sc::open_memory_streams().first, std::string("a\0b", 3)), HasSubstr("'a\\x00b' is no host name"));
  EXPECT_THAT(make(sc::open_memory_streams().first, ".example.org"), HasSubstr("'.example.org' is no host name"));
  EXPECT_THAT(make(nullptr, "localhost"), HasSubstr("no transport"));
}

}  // namespace
}  // namespace tractor::test
