// SPDX-License-Identifier: Apache-2.0
//
// One side of a TLS connection without any transport: ciphertext is put in and taken out, plain text is read and written. Nothing here
// waits or knows of tasks.

#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "openssl.hpp"

namespace tractor::tls::detail {

enum class outcome : unsigned char {
  done,
  wants_input,
  ended,   // the peer said so
  failed,  // for good; see failure()
};

class session {
 public:
  // `with` outlives the session's SSL by its copy of the context. Throws usage_error, context_error.
  session(const context& with, std::string server_name, std::string peer_name);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() = default;

  outcome handshake() noexcept;
  outcome read(std::span<std::byte> into, std::size_t& bytes) noexcept;
  outcome write(std::span<const std::byte> from, std::size_t& bytes) noexcept;
  // close_notify, behind what else the protocol has to say first. False: it was not said. Before the rest of a message of the peer's it
  // cannot be: more input helps then, unless there is a failure().
  [[nodiscard]] bool say_goodbye() noexcept;
  void update_keys() noexcept;

  // Ciphertext from the peer.
  void put(std::span<const std::byte> input) noexcept;
  [[nodiscard]] std::vector<std::byte> unread_input();
  // Ciphertext for the peer.
  [[nodiscard]] std::size_t output_bytes() const noexcept;
  void take(std::span<std::byte> output) noexcept;  // no more than there is
  void drop_output() noexcept;

  // The transport ended where it should not.
  void fail_truncated() noexcept;
  // The peer sent more than that without any plain text.
  void fail_silent(std::size_t bytes_max) noexcept;
  [[nodiscard]] std::exception_ptr failure() const noexcept { return failure_; }

  [[nodiscard]] bool is_server() const noexcept { return context_.is_server(); }
  [[nodiscard]] std::optional<protocol_version> version() const;
  [[nodiscard]] std::string selected_alpn() const;
  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] std::optional<certificate_summary> peer_certificate() const;

 private:
  static int on_verify(int accepted, X509_STORE_CTX* store) noexcept;
  void check_host(const std::string& host);
  // What a call of OpenSSL that gave `result` means.
  outcome judge(int result) noexcept;
  void fail(const std::string& reason) noexcept;
  [[nodiscard]] bool handshake_done() const noexcept { return SSL_is_init_finished(ssl_.get()) != 0; }

  context context_;
  ssl_ptr ssl_;
  BIO* input_ = nullptr;  // the SSL owns both
  BIO* output_ = nullptr;
  std::string asked_name_;
  std::string peer_name_;
  std::string refusal_;  // of the certificate, as on_verify saw it
  long verify_code_ = X509_V_OK;
  std::exception_ptr failure_;
  bool agreed_ = false;
};

}  // namespace tractor::tls::detail
