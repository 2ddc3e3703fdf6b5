// SPDX-License-Identifier: Apache-2.0

#include "session.hpp"

#include <climits>
#include <utility>

#include "tractor/tls/errors.hpp"

namespace tractor::tls::detail {

namespace {

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t names_max = 8;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < names_max; ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > names_max ? text + ", …" : text;
}

bool is_address(const std::string& host) {
  const address_ptr parsed(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  return parsed != nullptr;
}

}  // namespace

session::session(const context& with, std::string server_name, std::string peer_name)
    : context_(with), asked_name_(std::move(server_name)), peer_name_(std::move(peer_name)) {
  ERR_clear_error();
  ssl_.reset(SSL_new(with.state().ssl.get()));
  bio_ptr in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem()));
  if (!ssl_ || !in || !out) throw context_error("tls::stream: OpenSSL gives none: " + take_reason());
  input_ = in.get();
  output_ = out.get();
  SSL_set_bio(ssl_.get(), in.release(), out.release());
  SSL_set_app_data(ssl_.get(), this);
  if (with.state().verifies) SSL_set_verify(ssl_.get(), SSL_CTX_get_verify_mode(with.state().ssl.get()), &on_verify);
  if (with.is_server()) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    check_host(asked_name_);
  }
}

void session::check_host(const std::string& host) {
  if (host.empty()) {
    if (context_.state().verifies)
      throw usage_error("tls::stream: a client needs the server_name that the certificate must be for, or a context with verify::none");
    return;
  }
  const bool address = is_address(host);
  // The dot that ends an absolute name is not part of the name in a certificate.
  const std::string name = !address && host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  // With a dot in front it would stand for every host below.
  bool set = name.find('\0') == std::string::npos && !name.empty() && !name.starts_with('.');
  if (set && address) {
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1;
  } else if (set) {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    set = SSL_set1_host(ssl_.get(), name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
  }
  if (!set) throw usage_error("tls::stream: '" + shown(host) + "' is no host name: " + take_reason());
}

int session::on_verify(int accepted, X509_STORE_CTX* store) noexcept {
  if (accepted == 1) return 1;
  const SSL* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  session& self = *static_cast<session*>(SSL_get_app_data(ssl));
  const int code = X509_STORE_CTX_get_error(store);
  const X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  self.verify_code_ = code;
  self.refusal_ = X509_verify_cert_error_string(code);
  if (certificate == nullptr) return 0;
  ERR_set_mark();  // what an odd certificate leaves in the queue is not why the handshake fails
  if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    const auto names = names_of(*certificate);
    self.refusal_ += ": expected " + shown(self.asked_name_) + ", the certificate is for " +
                     (names.empty() ? "'" + subject_of(*certificate) + "'" : listed(names));
  } else {
    self.refusal_ += ": of '" + subject_of(*certificate) + "', issued by '" + issuer_of(*certificate) + "'";
  }
  ERR_pop_to_mark();
  return 0;
}

void session::fail(const std::string& reason) noexcept {
  if (failure_) return;
  const std::string peer = shown(peer_name_);
  if (!agreed_ && !refusal_.empty()) {
    failure_ = std::make_exception_ptr(
        certificate_error("the certificate of '" + peer + "' was refused: " + reason + ": " + refusal_, verify_code_));
  } else if (!agreed_) {
    failure_ = std::make_exception_ptr(handshake_error("the TLS handshake with '" + peer + "' failed: " + reason));
  } else {
    failure_ = std::make_exception_ptr(tls_error("the TLS stream with '" + peer + "' failed: " + reason));
  }
}

void session::fail_truncated() noexcept {
  if (failure_) return;
  const std::string peer = shown(peer_name_);
  if (agreed_) {
    failure_ = std::make_exception_ptr(
        truncated_error("the TLS stream with '" + peer + "' was cut off: its connection ended without close_notify"));
  } else {
    failure_ = std::make_exception_ptr(handshake_error(
        "the TLS handshake with '" + peer + "' failed: the peer ended the connection in the middle of it", error_category::disconnected));
  }
}

void session::fail_silent(std::size_t bytes_max) noexcept {
  fail("the peer sent more than " + std::to_string(bytes_max) + " bytes of messages of the protocol and no data (silent_bytes_max)");
}

outcome session::judge(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return outcome::wants_input;
    case SSL_ERROR_ZERO_RETURN: return outcome::ended;
    default: fail(take_reason()); return outcome::failed;
  }
}

outcome session::handshake() noexcept {
  if (failure_) return outcome::failed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    const outcome why = judge(result);
    if (why != outcome::ended) return why;
    fail("the peer ended the stream");
    return outcome::failed;
  }
  agreed_ = true;
  return outcome::done;
}

outcome session::read(std::span<std::byte> into, std::size_t& bytes) noexcept {
  if (failure_) return outcome::failed;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
  return result == 1 ? outcome::done : judge(result);
}

outcome session::write(std::span<const std::byte> from, std::size_t& bytes) noexcept {
  if (failure_) return outcome::failed;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), from.data(), from.size(), &bytes);
  return result == 1 ? outcome::done : judge(result);
}

bool session::say_goodbye() noexcept {
  if (failure_ || !agreed_) return false;
  // A key update that has yet to be sent, and a message that came in part, are a handshake to OpenSSL, which then refuses to shut down.
  if (SSL_in_init(ssl_.get()) != 0 && handshake() != outcome::done) return false;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result >= 0) return true;  // 0 says that the peer has yet to answer
  static_cast<void>(judge(result));
  return false;
}

void session::update_keys() noexcept {
  ERR_clear_error();
  if (!failure_ && SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) != 1) ERR_clear_error();  // TLS 1.2 has none
}

void session::put(std::span<const std::byte> input) noexcept {
  TRACTOR_ASSERT(input.size() <= INT_MAX, "input comes in chunks");
  const int put = BIO_write(input_, input.data(), static_cast<int>(input.size()));
  TRACTOR_ASSERT(put == static_cast<int>(input.size()), "a memory BIO takes everything while there is memory");
}

std::vector<std::byte> session::unread_input() {
  std::vector<std::byte> rest(BIO_ctrl_pending(input_));
  if (!rest.empty()) BIO_read(input_, rest.data(), static_cast<int>(rest.size()));
  return rest;
}

std::size_t session::output_bytes() const noexcept { return BIO_ctrl_pending(output_); }

void session::take(std::span<std::byte> output) noexcept {
  const int taken = BIO_read(output_, output.data(), static_cast<int>(output.size()));
  TRACTOR_ASSERT(taken == static_cast<int>(output.size()), "no more is taken than there is");
}

void session::drop_output() noexcept { static_cast<void>(BIO_reset(output_)); }

std::optional<protocol_version> session::version() const {
  if (!agreed_) return std::nullopt;
  return SSL_version(ssl_.get()) == TLS1_3_VERSION ? protocol_version::tls1_3 : protocol_version::tls1_2;
}

std::string session::selected_alpn() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  if (agreed_) SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

std::string session::server_name() const {
  if (!is_server()) return asked_name_;
  const char* const name = agreed_ ? SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? name : "";
}

std::optional<certificate_summary> session::peer_certificate() const {
  const X509* const certificate = agreed_ ? SSL_get0_peer_certificate(ssl_.get()) : nullptr;
  if (certificate == nullptr) return std::nullopt;
  return summary_of(*certificate);
}

}  // namespace tractor::tls::detail
