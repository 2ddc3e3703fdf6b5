// SPDX-License-Identifier: Apache-2.0
// expect: this type has no msgpack form: specialise tractor::msg::codec<type> for it, or send something else
// expect: builtin_codec<int *

#include "tractor/msg/codec.hpp"

struct message {
  int* pointer = nullptr;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
