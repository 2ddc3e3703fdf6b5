// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests, made when they are needed; nothing of them is in a file.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tractor/tls/context.hpp"

struct evp_pkey_st;
struct x509_st;

namespace tractor::test {

struct identity {
  tls::pem chain;
  tls::pem key;
};

struct certificate_wish {
  std::string common_name = "a test";
  std::vector<std::string> names = {};  // "DNS:localhost", "IP:127.0.0.1"
  bool expired = false;
  bool not_yet_valid = false;
  std::string extended_key_usage = {};  // "clientAuth"; empty: for anything
};

class certificate_authority {
 public:
  explicit certificate_authority(const std::string& common_name);  // one that signed itself
  certificate_authority(const std::string& common_name, const certificate_authority& issuer);
  ~certificate_authority();
  certificate_authority(const certificate_authority&) = delete;
  certificate_authority& operator=(const certificate_authority&) = delete;

  [[nodiscard]] tls::pem certificate() const;
  [[nodiscard]] identity sign(const certificate_wish& wish) const;

 private:
  evp_pkey_st* key_;
  x509_st* certificate_;
};

// One that everybody who tests may trust, and what it signed: made once a process.
const certificate_authority& authority();
const identity& localhost_identity();  // for localhost and 127.0.0.1

tls::pem key_of_another_kind();  // than the certificates'

// The same with that password, in each of the forms there are.
std::vector<tls::pem> key_with_password(const tls::pem& key, const std::string& password);
tls::pem certificate_with_password(const tls::pem& certificate, const std::string& password);

// One behind the other.
tls::pem joined(const tls::pem& first, const tls::pem& second);

// Contexts with them.
tls::context trusting_client(tls::client_options options = {});
tls::context localhost_server(tls::server_options options = {});

}  // namespace tractor::test
