// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::a_union>
// expect: this type is a union and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

union message {
  int number = 0;
  float fraction;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
