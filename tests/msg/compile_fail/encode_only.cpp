// SPDX-License-Identifier: Apache-2.0
// expect: this type can be encoded, but not decoded

#include "tractor/msg/codec.hpp"

const char* receive(tractor::msg::bytes_view in) { return tractor::msg::decode<const char*>(in); }
