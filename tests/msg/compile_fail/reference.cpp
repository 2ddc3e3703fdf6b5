// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::not_constructible>
// expect: this type has a reference, or a field that cannot be initialised, or more than 64 fields, and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

struct message {
  int number;
  int& other;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
