// SPDX-License-Identifier: Apache-2.0
// expect: a const field cannot be decoded

#include "tractor/msg/codec.hpp"

struct message {
  const int number = 0;
};

message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
