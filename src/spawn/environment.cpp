// SPDX-License-Identifier: Apache-2.0

#include "environment.hpp"

#include <algorithm>
#include <cstring>

#include "actor_mark.hpp"

namespace tractor::spawn::detail {

namespace {

std::string_view name_of(const char* variable) noexcept {
  const std::string_view text(variable);
  return text.substr(0, text.find('='));
}

}  // namespace

std::string pack_environment(char* const* variables) {
  std::string packed;
  if (variables == nullptr) return packed;
  std::size_t bytes = 0;
  for (char* const* variable = variables; *variable != nullptr; ++variable) bytes += std::strlen(*variable) + 1;
  packed.reserve(bytes);
  for (char* const* variable = variables; *variable != nullptr; ++variable)
    if (!is_actor_mark(*variable)) packed.append(*variable, std::strlen(*variable) + 1);
  return packed;
}

bool same_environment(std::string_view packed, char* const* variables) noexcept {
  if (variables == nullptr) return packed.empty();
  for (; *variables != nullptr; ++variables) {
    if (is_actor_mark(*variables)) continue;
    const std::size_t bytes = std::strlen(*variables) + 1;
    if (bytes > packed.size() || std::memcmp(packed.data(), *variables, bytes) != 0) return false;
    packed.remove_prefix(bytes);
  }
  return packed.empty();
}

std::string pack_overrides(std::span<const environment_override> overrides) {
  std::string packed;
  for (const environment_override& variable : overrides) {
    packed += variable.name;
    if (variable.value) packed.append(1, '=').append(*variable.value);
    packed += '\0';
  }
  return packed;
}

std::vector<char*> environment_pointers(std::string& packed) {
  std::vector<char*> pointers;
  for (std::size_t at = 0; at < packed.size(); at += std::strlen(packed.data() + at) + 1) pointers.push_back(packed.data() + at);
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<char*> apply_overrides(char* const* base, std::string& packed_overrides) {
  std::vector<char*> result;
  for (char* const* variable = base; base != nullptr && *variable != nullptr; ++variable) result.push_back(*variable);
  for (char* change : environment_pointers(packed_overrides)) {
    if (change == nullptr) break;
    const std::string_view name = name_of(change);
    std::erase_if(result, [&](const char* variable) { return name_of(variable) == name; });
    if (change[name.size()] == '=') result.push_back(change);
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace tractor::spawn::detail
