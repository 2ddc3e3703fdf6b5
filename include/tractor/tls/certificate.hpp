// SPDX-License-Identifier: Apache-2.0
//
// What there is to say about a certificate in a log or in a check of one's own.

#pragma once

#include <string>
#include <vector>

namespace tractor::tls {

struct certificate_summary {
  // "CN=example.org,O=Example", at most 256 bytes of it; what is not printable ASCII is escaped: "CN=M\C3\BCller".
  std::string subject;
  std::string issuer;
  std::vector<std::string> names;  // the hosts and IP addresses it is for
  std::string sha256;              // of the whole certificate, 64 hexadecimal digits
};

}  // namespace tractor::tls
