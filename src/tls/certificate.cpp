// SPDX-License-Identifier: Apache-2.0

#include "tractor/tls/certificate.hpp"

#include <array>
#include <utility>

#include "openssl.hpp"

namespace tractor::tls::detail {

namespace {

// RFC 2253 escapes control characters and what is not ASCII (with all that a terminal or a reader may be fooled with), not the quote.
std::string text_of(const X509_NAME* name) {
  const bio_ptr into(BIO_new(BIO_s_mem()));
  if (!into || X509_NAME_print_ex(into.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long length = BIO_get_mem_data(into.get(), &data);
  const std::string_view text(data, static_cast<std::size_t>(length));
  std::string safe;
  for (const char each : text.substr(0, shown_bytes_max)) safe += each == '\'' ? std::string("\\27") : std::string(1, each);
  if (text.size() > shown_bytes_max) safe += "…";
  return safe;
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char each : bytes) {
    text += digits[static_cast<unsigned char>(each) >> 4];
    text += digits[static_cast<unsigned char>(each) & 15];
  }
  return text;
}

std::string_view bytes_of(const ASN1_STRING& from) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&from)), static_cast<std::size_t>(ASN1_STRING_length(&from))};
}

// An address of 4 or 16 bytes as a literal; IPv6 in full length.
std::string address_text(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.size() == 4) {
      if (i > 0) text += '.';
      text += std::to_string(static_cast<unsigned char>(bytes[i]));
    } else {
      if (i > 0 && i % 2 == 0) text += ':';
      text += hexadecimal(bytes.substr(i, 1));
    }
  }
  return text;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string safe;
  for (const char each : text.substr(0, shown_bytes_max)) {
    const auto code = static_cast<unsigned char>(each);
    if (code >= 0x20 && code < 0x7f && each != '\\' && each != '\'') {
      safe += each;
    } else {
      safe += "\\x" + hexadecimal({&each, 1});
    }
  }
  if (text.size() > shown_bytes_max) safe += "…";
  return safe;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> found;
  const names_ptr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(names.get(), i);
    if (each->type == GEN_DNS) found.push_back(shown(bytes_of(*each->d.dNSName)));
    if (each->type == GEN_IPADD) found.push_back(address_text(bytes_of(*each->d.iPAddress)));
  }
  return found;
}

std::string subject_of(const X509& certificate) { return text_of(X509_get_subject_name(&certificate)); }

std::string issuer_of(const X509& certificate) { return text_of(X509_get_issuer_name(&certificate)); }

certificate_summary summary_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &length) != 1) length = 0;
  return {.subject = subject_of(certificate),
          .issuer = issuer_of(certificate),
          .names = names_of(certificate),
          .sha256 = hexadecimal({reinterpret_cast<const char*>(digest.data()), length})};
}

}  // namespace tractor::tls::detail
