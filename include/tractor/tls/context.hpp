// SPDX-License-Identifier: Apache-2.0
//
// What TLS streams have in common: certificates, whom to trust, which protocols.
//
//     const auto ours = tls::context::client();                                    // trusts what the system trusts
//     const auto tests = tls::context::client({.trust = {tls::pem::file("test-ca.pem")}});
//     const auto server = tls::context::server({.chain = tls::pem::file("chain.pem"), .key = tls::pem::file("key.pem")});
//
// A client checks the certificate of the server, and that it is for the host it asked for, unless verify::none says otherwise. A
// context is a value: copies share what it was made of, which does not change. It may be used by several runs, in several threads. Files
// are read when it is made. Where the system's configuration of OpenSSL asks for a later protocol than `version_min`, that holds.
// Throws context_error, which names the file or the option and OpenSSL's reason.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tractor/base/config.hpp"

namespace tractor::tls {

inline constexpr std::size_t alpn_name_bytes_max = 255;    // RFC 7301
inline constexpr std::size_t alpn_list_bytes_max = 65535;  // with a byte of length for each name

enum class protocol_version : unsigned char { tls1_2, tls1_3 };
[[nodiscard]] TRACTOR_API const char* to_string(protocol_version version) noexcept;  // "TLSv1.3"

// A client's check of its server.
enum class verify : unsigned char {
  peer,
  none,  // whoever answers is taken for the server: encrypted, and no protection against anybody in between
};

// What a server asks of its clients.
enum class client_certificates : unsigned char { none, required };

// One or more PEM blocks, in a file or at hand; or nothing. A key that is given as text is not wiped from memory: neither what the
// caller keeps nor the copies that are made on the way; one in a file is read by OpenSSL.
class TRACTOR_API pem {
 public:
  pem() = default;
  [[nodiscard]] static pem file(std::string path) { return {std::move(path), {}}; }
  [[nodiscard]] static pem text(std::string blocks) { return {{}, std::move(blocks)}; }

  [[nodiscard]] bool empty() const noexcept { return path_.empty() && text_.empty(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& blocks() const noexcept { return text_; }

 private:
  pem(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}
  std::string path_;
  std::string text_;
};

struct client_options {
  std::vector<pem> trust = {};  // of certificate authorities; none: the system's
  verify server = verify::peer;
  pem chain = {};                      // a certificate of our own, and what leads from it to an authority, for servers that ask
  pem key = {};                        // of that certificate, without a password
  std::vector<std::string> alpn = {};  // what is offered, the preferred one first
  protocol_version version_min = protocol_version::tls1_2;
};

struct server_options {
  pem chain = {};  // both are needed
  pem key = {};
  client_certificates clients = client_certificates::none;
  std::vector<pem> trust = {};  // who may sign the certificates of clients; needed when those are required
  // What is spoken, the preferred one first. A client that offers only others is refused; one that does not use ALPN at all is served, and
  // selected_alpn() is empty then.
  std::vector<std::string> alpn = {};
  protocol_version version_min = protocol_version::tls1_2;
};

namespace detail {
struct context_state;
}

class TRACTOR_API context {
 public:
  [[nodiscard]] static context client(client_options options = {});
  [[nodiscard]] static context server(server_options options);

  [[nodiscard]] bool is_server() const noexcept;

  // For the streams.
  [[nodiscard]] const detail::context_state& state() const noexcept { return *state_; }

 private:
  explicit context(std::shared_ptr<const detail::context_state> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<const detail::context_state> state_;
};

}  // namespace tractor::tls
