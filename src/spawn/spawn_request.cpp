// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/spawn_request.hpp"

#include "tractor/base/error.hpp"
#include "tractor/msg/quoted.hpp"

namespace tractor::spawn {

namespace {

bool holds_nul(const std::string& text) noexcept { return text.find('\0') != std::string::npos; }

}  // namespace

void spawn_request::check() const {
  if (name.size() > actor_name_bytes_max)
    throw usage_error("an actor's name has " + std::to_string(name.size()) + " bytes, the most is " + std::to_string(actor_name_bytes_max));
  if (holds_nul(name)) throw usage_error("an actor's name holds a NUL byte");
  if (boot.size() > boot_bytes_max)
    throw usage_error("the boot data of actor " + msg::quoted(name) + " has " + std::to_string(boot.size()) + " bytes, the most is " +
                      std::to_string(boot_bytes_max));
  std::size_t environment_bytes = 0;
  for (const environment_override& variable : environment) {
    if (variable.name.empty() || variable.name.find('=') != std::string::npos || holds_nul(variable.name))
      throw usage_error(msg::quoted(variable.name) + " cannot be the name of an environment variable of actor " + msg::quoted(name));
    if (variable.value && holds_nul(*variable.value))
      throw usage_error("environment variable " + msg::quoted(variable.name) + " of actor " + msg::quoted(name) + " holds a NUL byte");
    environment_bytes += variable.name.size() + (variable.value ? variable.value->size() : 0) + 2;
  }
  if (environment_bytes > environment_bytes_max)
    throw usage_error("the environment given to actor " + msg::quoted(name) + " has " + std::to_string(environment_bytes) +
                      " bytes, the most is " + std::to_string(environment_bytes_max));
}

}  // namespace tractor::spawn
