// SPDX-License-Identifier: Apache-2.0
//
// Where a program's services are, as its configuration says it: names, and for each its addresses as multiaddrs.
//
//     const auto table = ipc::parse_endpoints({{"registry", {"/ip4/127.0.0.1/tcp/1616"}}, {"feed", {}}});
//     options.registry_addrs = *table.find("registry");
//
// The names keep their order and the addresses theirs; a name without addresses stays. The table is a value, and can be a field of what a
// program decodes or sends.

#pragma once

#include <string>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/msg/ordered_map.hpp"

namespace tractor::ipc {

using endpoint_texts = msg::ordered_map<std::string, std::vector<std::string>>;
using endpoint_table = msg::ordered_map<std::string, std::vector<address>>;

// Throws address_error that names the endpoint and what is wrong with its address (S-MAD-6).
[[nodiscard]] TRACTOR_API endpoint_table parse_endpoints(const endpoint_texts& texts);

}  // namespace tractor::ipc
