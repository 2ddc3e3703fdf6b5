// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL's objects as owned ones, its errors as text, and what a context is made of.

#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/tls/certificate.hpp"
#include "tractor/tls/context.hpp"

namespace tractor::tls::detail {

template <auto free>
struct freed_by {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
using ssl_ptr = std::unique_ptr<SSL, freed_by<SSL_free>>;
using ssl_context_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using names_ptr = std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>>;
using address_ptr = std::unique_ptr<ASN1_OCTET_STRING, freed_by<ASN1_OCTET_STRING_free>>;

struct context_state {
  ssl_context_ptr ssl;
  bool server = false;
  bool verifies = false;
  std::vector<unsigned char> alpn;  // as on the wire
};

// Empties OpenSSL's queue of errors of this thread; gives the reason of the first one, or what errno says, or "unknown error".
[[nodiscard]] std::string take_reason();

// Text of others in a message: control characters and what is not ASCII as \xNN, no more than `shown_bytes_max`.
inline constexpr std::size_t shown_bytes_max = 256;
[[nodiscard]] std::string shown(std::string_view text);

[[nodiscard]] std::vector<std::string> names_of(const X509& certificate);
// As RFC 2253 writes them, for a message as well.
[[nodiscard]] std::string subject_of(const X509& certificate);
[[nodiscard]] std::string issuer_of(const X509& certificate);
[[nodiscard]] certificate_summary summary_of(const X509& certificate);

}  // namespace tractor::tls::detail
