// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/errors.hpp"

#include <utility>

#include "openssl.hpp"

namespace tractor::tls {

tls_error::tls_error(std::string message, error_category category) : broken_resource_error(std::move(message), category) {}
tls_error::~tls_error() = default;

handshake_error::handshake_error(std::string message, error_category category) : tls_error(std::move(message), category) {}
handshake_error::~handshake_error() = default;

certificate_error::certificate_error(std::string message, long verify_code)
    : handshake_error(std::move(message), error_category::failed), verify_code_(verify_code) {}
certificate_error::~certificate_error() = default;

truncated_error::truncated_error(std::string message) : tls_error(std::move(message), error_category::disconnected) {}
truncated_error::~truncated_error() = default;

context_error::context_error(std::string message) : error(std::move(message)) {}
context_error::~context_error() = default;

namespace detail {

std::string take_reason() {
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  if (first == 0) return "unknown error";
  // OpenSSL 3 has no reason strings for errors of the system.
  if (ERR_SYSTEM_ERROR(first)) return errno_name(ERR_GET_REASON(first));
  const char* const reason = ERR_reason_error_string(first);
  const std::string text = reason != nullptr ? reason : "error " + std::to_string(first);
  const bool alert = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) >= SSL_AD_REASON_OFFSET;
  return alert ? text + " (said by the peer)" : text;
}

}  // namespace detail

}  // namespace tractor::tls
