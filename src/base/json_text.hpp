// SPDX-License-Identifier: Apache-2.0
//
// A string of JSON.

#pragma once

#include <string>
#include <string_view>

namespace tractor::detail {

// In double quotes, with escapes; what is no UTF-8 becomes U+FFFD.
void append_json_text(std::string& out, std::string_view text);

}  // namespace tractor::detail
