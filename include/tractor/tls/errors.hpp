// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong with TLS. All that a peer can cause is a sc::broken_resource_error, so code written for any byte stream reacts to it
// as to a connection that broke; the category tells whether another connection may work (disconnected) or not.

#pragma once

#include <string>

#include "tractor/sc/errors.hpp"

namespace tractor::tls {

// The connection cannot be used any more, and says why in the words of OpenSSL.
class TRACTOR_API tls_error : public sc::broken_resource_error {
 public:
  explicit tls_error(std::string message, error_category category = error_category::protocol);
  ~tls_error() override;
};

// The two sides did not agree, or the peer speaks something else: nothing was sent or received.
class TRACTOR_API handshake_error : public tls_error {
 public:
  explicit handshake_error(std::string message, error_category category = error_category::protocol);
  ~handshake_error() override;
};

// The certificate of the peer was not accepted here: "the certificate of 'example.org' was refused: certificate verify failed: …".
class TRACTOR_API certificate_error : public handshake_error {
 public:
  certificate_error(std::string message, long verify_code);
  ~certificate_error() override;
  // One of OpenSSL's X509_V_ERR_ numbers.
  [[nodiscard]] long verify_code() const noexcept { return verify_code_; }

 private:
  long verify_code_;
};

// The transport ended without the close_notify that ends a TLS stream: somebody may have cut off what was to follow.
class TRACTOR_API truncated_error : public tls_error {
 public:
  explicit truncated_error(std::string message);
  ~truncated_error() override;
};

// A certificate, a key or an option of a context cannot be used.
class TRACTOR_API context_error : public error {
 public:
  explicit context_error(std::string message);
  ~context_error() override;
};

}  // namespace tractor::tls
