// SPDX-License-Identifier: Apache-2.0
//
// A registry that no other program meets: what actor_test.hpp is made of, for other test frameworks.
//
//     const testing::leak_check check;                  // has a runtime directory of its own
//     const testing::private_registry registry;
//     …                                                 // root actors that are opened here, and programs that are started, use it
//
// While it lives TRACTOR_REGISTRY names an address that is this process's alone. Over UDS that is a socket file in the runtime directory.
// Over TCP it is a port of a loopback address that no other process takes (127.64.0.0/10, the rest of it the pid). It changes the
// environment, so no other thread may read that meanwhile.

#pragma once

#include <optional>
#include <string>

#include "tractor/base/config.hpp"
#include "tractor/ipc/address.hpp"

namespace tractor::testing {

inline constexpr const char* transport_variable = "TRACTOR_TEST_TRANSPORT";

// What TRACTOR_TEST_TRANSPORT says, uds or tcp; `otherwise` when it is not set. Throws usage_error that names the variable.
[[nodiscard]] TRACTOR_API ipc::transport transport_from_environment(ipc::transport otherwise = ipc::transport::uds);

class TRACTOR_API private_registry {
 public:
  // Outside of a run. usage_error for a transport that has no addresses between processes; os_error where no port is to be had.
  explicit private_registry(ipc::transport over = ipc::transport::uds);
  private_registry(const private_registry&) = delete;
  private_registry& operator=(const private_registry&) = delete;
  ~private_registry();

  [[nodiscard]] const ipc::address& address() const noexcept { return address_; }

 private:
  ipc::address address_;
  std::optional<std::string> before_;
};

}  // namespace tractor::testing
