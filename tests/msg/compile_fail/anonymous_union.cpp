// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::an_anonymous_union>
// expect: this type has an anonymous union or struct and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

struct message {
  int kind = 0;
  union {
    int number = 0;
    float fraction;
  };
};
#ifdef TRACTOR_WAY_OUT
TRACTOR_DESCRIBE(message, kind, number)
#endif

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
