// SPDX-License-Identifier: Apache-2.0

#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <stdexcept>
#include <utility>

namespace tractor::test {

namespace {

constexpr long day_s = 24 * 60 * 60;

void check(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("making a test certificate failed: ") + what);
}

template <class Write>
std::string to_pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> into(BIO_new(BIO_s_mem()), &BIO_free);
  check(write(into.get()) == 1, "PEM");
  char* text = nullptr;
  const long length = BIO_get_mem_data(into.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

void add_extension(X509* to, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  check(made != nullptr && X509_add_ext(to, made, -1) == 1, value.c_str());
  X509_EXTENSION_free(made);
}

X509* make(EVP_PKEY* key, const certificate_wish& wish) {
  X509* const made = X509_new();
  check(made != nullptr, "X509_new");
  std::uint32_t serial = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "RAND_bytes");
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), serial);
  X509_gmtime_adj(X509_getm_notBefore(made), (wish.not_yet_valid ? 1 : -10) * day_s);
  X509_gmtime_adj(X509_getm_notAfter(made), (wish.expired ? -1 : 10) * day_s);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
  return made;
}

// What `read` makes of it.
template <auto read, auto free>
auto from_pem(const tls::pem& what) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> from(BIO_new_mem_buf(what.blocks().data(), static_cast<int>(what.blocks().size())),
                                                       &BIO_free);
  auto* const made = read(from.get(), nullptr, nullptr, nullptr);
  check(made != nullptr, "reading PEM again");
  return std::unique_ptr<std::remove_pointer_t<decltype(made)>, decltype(free)>(made, free);
}

}  // namespace

certificate_authority::certificate_authority(const std::string& common_name) : certificate_authority(common_name, *this) {}

certificate_authority::certificate_authority(const std::string& common_name, const certificate_authority& issuer)
    : key_(EVP_EC_gen("P-256")), certificate_(make(key_, {.common_name = common_name})) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(issuer.certificate_));
  add_extension(certificate_, issuer.certificate_, NID_basic_constraints, "critical,CA:TRUE");
  check(X509_sign(certificate_, issuer.key_, EVP_sha256()) > 0, "X509_sign");
}

certificate_authority::~certificate_authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

tls::pem certificate_authority::certificate() const {
  return tls::pem::text(to_pem([&](BIO* into) { return PEM_write_bio_X509(into, certificate_); }));
}

identity certificate_authority::sign(const certificate_wish& wish) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const made = make(key, wish);
  X509_set_issuer_name(made, X509_get_subject_name(certificate_));
  std::string names;
  for (const std::string& each : wish.names) names += (names.empty() ? "" : ",") + each;
  if (!names.empty()) add_extension(made, certificate_, NID_subject_alt_name, names);
  if (!wish.extended_key_usage.empty()) add_extension(made, certificate_, NID_ext_key_usage, wish.extended_key_usage);
  check(X509_sign(made, key_, EVP_sha256()) > 0, "X509_sign");
  identity signed_one{
      .chain = tls::pem::text(to_pem([&](BIO* into) { return PEM_write_bio_X509(into, made); })),
      .key = tls::pem::text(to_pem([&](BIO* into) { return PEM_write_bio_PrivateKey(into, key, nullptr, nullptr, 0, nullptr, nullptr); }))};
  X509_free(made);
  EVP_PKEY_free(key);
  return signed_one;
}

const certificate_authority& authority() {
  static const certificate_authority the_one("authority of the tests");
  return the_one;
}

const identity& localhost_identity() {
  static const identity the_one = authority().sign({.common_name = "a server", .names = {"DNS:localhost", "IP:127.0.0.1"}});
  return the_one;
}

tls::pem key_of_another_kind() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  check(key != nullptr, "EVP_PKEY_Q_keygen");
  const auto text = to_pem([&](BIO* into) { return PEM_write_bio_PrivateKey(into, key, nullptr, nullptr, 0, nullptr, nullptr); });
  EVP_PKEY_free(key);
  return tls::pem::text(text);
}

std::vector<tls::pem> key_with_password(const tls::pem& key, const std::string& password) {
  const auto read = from_pem<&PEM_read_bio_PrivateKey, &EVP_PKEY_free>(key);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(password.data());
  const int length = static_cast<int>(password.size());
  return {tls::pem::text(to_pem([&](BIO* into) {
            return PEM_write_bio_PKCS8PrivateKey(into, read.get(), EVP_aes_128_cbc(), password.data(), length, nullptr, nullptr);
          })),
          tls::pem::text(to_pem([&](BIO* into) {
            return PEM_write_bio_PrivateKey_traditional(into, read.get(), EVP_aes_128_cbc(), bytes, length, nullptr, nullptr);
          }))};
}

tls::pem certificate_with_password(const tls::pem& certificate, const std::string& password) {
  const auto read = from_pem<&PEM_read_bio_X509, &X509_free>(certificate);
  return tls::pem::text(to_pem([&](BIO* into) {
    return PEM_ASN1_write_bio(reinterpret_cast<i2d_of_void*>(&i2d_X509), PEM_STRING_X509, into, read.get(), EVP_aes_128_cbc(),
                              reinterpret_cast<const unsigned char*>(password.data()), static_cast<int>(password.size()), nullptr, nullptr);
  }));
}

tls::pem joined(const tls::pem& first, const tls::pem& second) { return tls::pem::text(first.blocks() + second.blocks()); }

tls::context trusting_client(tls::client_options options) {
  if (options.trust.empty()) options.trust = {authority().certificate()};
  return tls::context::client(std::move(options));
}

tls::context localhost_server(tls::server_options options) {
  if (options.chain.empty()) options.chain = localhost_identity().chain;
  if (options.key.empty()) options.key = localhost_identity().key;
  return tls::context::server(std::move(options));
}

}  // namespace tractor::test
