// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/endpoints.hpp"

#include "tractor/msg/quoted.hpp"

namespace tractor::ipc {

endpoint_table parse_endpoints(const endpoint_texts& texts) {
  endpoint_table table;
  table.reserve(texts.size());
  for (const auto& [name, addresses] : texts) {
    std::vector<address> parsed;
    parsed.reserve(addresses.size());
    for (const auto& text : addresses) {
      try {
        parsed.push_back(address::parse(text));
      } catch (const address_error& wrong) {
        throw address_error("endpoint " + msg::quoted(name) + ": " + wrong.message());
      }
    }
    table.append(name, std::move(parsed));
  }
  return table;
}

}  // namespace tractor::ipc
