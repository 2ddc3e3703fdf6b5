// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/resolve_address.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace tractor::ipc {

sc::task<address> resolve_address(address where) {
  const dns_address* const named = where.dns();
  if (named == nullptr) co_return where;
  const auto found = co_await sc::resolve(named->host, std::to_string(named->port), {.family = named->family});
  co_return tcp_address{.host = found.front().host, .port = found.front().port};
}

sc::task<std::vector<address>> resolve_addresses(std::vector<address> all) {
  for (auto& where : all)
    if (where.dns() != nullptr) where = co_await resolve_address(std::move(where));
  co_return all;
}

sc::task<std::vector<address>> resolve_known_addresses(std::vector<address> all) {
  std::vector<address> known;
  std::exception_ptr failed;
  for (auto& where : all) {
    if (where.dns() == nullptr) {
      known.push_back(std::move(where));
      continue;
    }
    try {
      known.push_back(co_await resolve_address(std::move(where)));
    } catch (const error&) {
      failed = std::current_exception();
    }
  }
  if (known.empty() && failed) std::rethrow_exception(std::exchange(failed, nullptr));
  co_return known;
}

}  // namespace tractor::ipc
