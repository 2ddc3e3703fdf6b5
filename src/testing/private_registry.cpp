// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/private_registry.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "tractor/base/error.hpp"
#include "tractor/ipc/listener.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::testing {

namespace {

constexpr const char* private_registry_variable = "TRACTOR_REGISTRY";

// The kernel has all of 127.0.0.0/8 for loopback, and pids of 22 bits at most.
std::string loopback_of_this_process() {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(64 + (pid >> 16 & 63)) + '.' + std::to_string(pid >> 8 & 255) + '.' + std::to_string(pid & 255);
}

// One that is free now. Nobody else's process binds to this address; who binds to all of them would have to take just this port meanwhile.
ipc::address free_loopback_port() {
  return sc::run([]() -> sc::task<ipc::address> {
    const auto listening = ipc::listen(ipc::tcp_address{.host = loopback_of_this_process(), .port = 0});
    co_return listening->local();
  });
}

ipc::address private_address(ipc::transport over) {
  switch (over) {
    case ipc::transport::uds: return ipc::uds_address{.dir = ipc::runtime_directory_path(), .file = std::string(ipc::registry_file)};
    case ipc::transport::tcp: return free_loopback_port();
    case ipc::transport::inproc: break;
  }
  throw usage_error("a private registry is reached over uds or tcp, not over " + std::string(ipc::key_of(over)));
}

}  // namespace

ipc::transport transport_from_environment(ipc::transport otherwise) {
  const char* const set = std::getenv(transport_variable);
  if (set == nullptr) return otherwise;
  for (const ipc::transport known : {ipc::transport::uds, ipc::transport::tcp})
    if (std::string_view(set) == ipc::key_of(known)) return known;
  throw usage_error(std::string(transport_variable) + " is '" + set + "'; it can be uds or tcp");
}

private_registry::private_registry(ipc::transport over) : address_(private_address(over)) {
  if (const char* const set = std::getenv(private_registry_variable)) before_ = set;
  ::setenv(private_registry_variable, address_.text().c_str(), 1);
}

private_registry::~private_registry() {
  if (before_)
    ::setenv(private_registry_variable, before_->c_str(), 1);
  else
    ::unsetenv(private_registry_variable);
}

}  // namespace tractor::testing
