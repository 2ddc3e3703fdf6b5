// SPDX-License-Identifier: Apache-2.0
//
// Completion scripts, made from what the command says of itself.

#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace tractor::cli {

// `shell`: bash, zsh or fish.
[[nodiscard]] std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace tractor::cli
