// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/context.hpp"

#include <climits>

#include "openssl.hpp"
#include "tractor/tls/errors.hpp"

namespace tractor::tls {

namespace {

constexpr std::string_view session_id_context = "tractor";

[[noreturn]] void fail(const std::string& what) { throw context_error("tls::context: " + what + ": " + detail::take_reason()); }

std::string name_of(const pem& source) { return source.path().empty() ? "a PEM text" : "'" + detail::shown(source.path()) + "'"; }

detail::bio_ptr open(const pem& source) {
  ERR_clear_error();
  if (source.path().empty() && source.blocks().size() > INT_MAX) throw context_error("tls::context: a PEM text is too long");
  detail::bio_ptr opened(source.path().empty() ? BIO_new_mem_buf(source.blocks().data(), static_cast<int>(source.blocks().size()))
                                               : BIO_new_file(source.path().c_str(), "r"));
  if (!opened) fail("cannot read " + name_of(source));
  return opened;
}

// What is encrypted is refused; OpenSSL would ask the terminal for the password.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

[[noreturn]] void fail_unreadable(const std::string& what, const pem& source, bool password_asked) {
  if (!password_asked) fail("cannot read " + what + " from " + name_of(source));
  ERR_clear_error();
  throw context_error("tls::context: cannot read " + what + " from " + name_of(source) + ": it is encrypted with a password");
}

// All certificates in it, at least one.
std::vector<detail::x509_ptr> read_certificates(const pem& source) {
  const detail::bio_ptr from = open(source);
  std::vector<detail::x509_ptr> found;
  bool password_asked = false;
  while (X509* const next = PEM_read_bio_X509(from.get(), nullptr, &no_password, &password_asked)) found.emplace_back(next);
  const unsigned long ended_by = ERR_peek_last_error();
  // "No start line" is how the end of the blocks shows.
  const bool at_end = ERR_GET_LIB(ended_by) == ERR_LIB_PEM && ERR_GET_REASON(ended_by) == PEM_R_NO_START_LINE;
  if (found.empty() || !at_end) fail_unreadable("certificates", source, password_asked);
  ERR_clear_error();
  return found;
}

void use_trust(SSL_CTX* into, const std::vector<pem>& trust, bool list_for_clients) {
  for (const pem& source : trust) {
    for (const auto& each : read_certificates(source)) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(into), each.get()) != 1) fail("cannot trust " + name_of(source));
      if (list_for_clients && SSL_CTX_add_client_CA(into, each.get()) != 1) fail("cannot ask for certificates of " + name_of(source));
    }
  }
}

void use_identity(SSL_CTX* into, const pem& chain, const pem& key) {
  if (chain.empty() != key.empty()) throw context_error("tls::context: a certificate chain and its key belong together, one is missing");
  if (chain.empty()) return;
  const auto certificates = read_certificates(chain);
  if (SSL_CTX_use_certificate(into, certificates.front().get()) != 1) fail("cannot use the certificate in " + name_of(chain));
  for (std::size_t i = 1; i < certificates.size(); ++i)
    if (SSL_CTX_add1_chain_cert(into, certificates[i].get()) != 1) fail("cannot use the chain in " + name_of(chain));
  const detail::bio_ptr from = open(key);
  bool password_asked = false;
  const detail::key_ptr read(PEM_read_bio_PrivateKey(from.get(), nullptr, &no_password, &password_asked));
  if (!read) fail_unreadable("a private key", key, password_asked);
  // One of another kind than the certificate's is only noticed by the check.
  if (SSL_CTX_use_PrivateKey(into, read.get()) != 1 || SSL_CTX_check_private_key(into) != 1)
    fail("the key in " + name_of(key) + " does not go with the certificate in " + name_of(chain));
}

std::vector<unsigned char> on_the_wire(const std::vector<std::string>& alpn) {
  std::vector<unsigned char> list;
  for (const std::string& name : alpn) {
    if (name.empty() || name.size() > alpn_name_bytes_max) throw context_error("tls::context: an ALPN name has 1 to 255 bytes");
    list.push_back(static_cast<unsigned char>(name.size()));
    list.insert(list.end(), name.begin(), name.end());
  }
  if (list.size() > alpn_list_bytes_max) throw context_error("tls::context: the ALPN names are too long together");
  return list;
}

int choose_alpn(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered, unsigned int offered_bytes,
                void* state) {
  const auto& ours = static_cast<const detail::context_state*>(state)->alpn;
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, length, ours.data(), static_cast<unsigned int>(ours.size()), offered, offered_bytes) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<detail::context_state> make_state(bool server, protocol_version version_min) {
  ERR_clear_error();
  auto state = std::make_shared<detail::context_state>();
  state->server = server;
  state->ssl.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!state->ssl) fail("OpenSSL gives none");
  SSL_CTX* const ssl = state->ssl.get();
  const int wanted = version_min == protocol_version::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  // The system's configuration, which is in there already, may ask for more.
  if (SSL_CTX_get_min_proto_version(ssl) < wanted && SSL_CTX_set_min_proto_version(ssl, wanted) != 1)
    fail("cannot ask for " + std::string(to_string(version_min)));
  SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  return state;
}

}  // namespace

const char* to_string(protocol_version version) noexcept { return version == protocol_version::tls1_3 ? "TLSv1.3" : "TLSv1.2"; }

context context::client(client_options options) {
  auto state = make_state(false, options.version_min);
  SSL_CTX* const ssl = state->ssl.get();
  state->verifies = options.server == verify::peer;
  if (state->verifies) {
    if (options.trust.empty() && SSL_CTX_set_default_verify_paths(ssl) != 1) fail("cannot use what the system trusts");
    use_trust(ssl, options.trust, false);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  }
  use_identity(ssl, options.chain, options.key);
  state->alpn = on_the_wire(options.alpn);
  if (!state->alpn.empty() && SSL_CTX_set_alpn_protos(ssl, state->alpn.data(), static_cast<unsigned int>(state->alpn.size())) != 0)
    fail("cannot offer the ALPN names");
  return context(std::move(state));
}

context context::server(server_options options) {
  if (options.chain.empty()) throw context_error("tls::context: a server needs a certificate and its key");
  auto state = make_state(true, options.version_min);
  SSL_CTX* const ssl = state->ssl.get();
  use_identity(ssl, options.chain, options.key);
  state->verifies = options.clients == client_certificates::required;
  if (state->verifies) {
    if (options.trust.empty()) throw context_error("tls::context: client certificates are required, but nobody is trusted to sign them");
    use_trust(ssl, options.trust, true);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  // Without one, a client that comes again with a ticket and a certificate is refused.
  SSL_CTX_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(session_id_context.data()), session_id_context.size());
  state->alpn = on_the_wire(options.alpn);
  if (!state->alpn.empty()) SSL_CTX_set_alpn_select_cb(ssl, &choose_alpn, state.get());
  return context(std::move(state));
}

bool context::is_server() const noexcept { return state_->server; }

}  // namespace tractor::tls
