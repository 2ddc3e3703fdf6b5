// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/start_method.hpp"

#include <cstdlib>
#include <string>

#include "tractor/base/error.hpp"

namespace tractor::spawn {

namespace {

std::optional<start_method> find_start_method(std::string_view text) noexcept {
  for (const start_method method : {start_method::forkserver, start_method::exec, start_method::inproc})
    if (text == to_string(method)) return method;
  return std::nullopt;
}

std::string unknown_method_text(std::string_view text) {
  return "'" + std::string(text) + "' is no start method; valid ones are forkserver, exec and inproc";
}

}  // namespace

const char* to_string(start_method method) noexcept {
  switch (method) {
    case start_method::forkserver: return "forkserver";
    case start_method::exec: return "exec";
    case start_method::inproc: return "inproc";
  }
  return "unknown";
}

start_method parse_start_method(std::string_view text) {
  if (const auto method = find_start_method(text)) return *method;
  throw usage_error(unknown_method_text(text));
}

std::optional<start_method> start_method_from_environment() {
  const char* text = std::getenv(start_method_variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  if (const auto method = find_start_method(text)) return method;
  throw usage_error("environment variable " + std::string(start_method_variable) + ": " + unknown_method_text(text));
}

}  // namespace tractor::spawn
