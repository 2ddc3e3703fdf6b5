// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::too_many>
// expect: this type has more than 64 fields and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

struct message {
  int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28,
      a29;
  int b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16, b17, b18, b19, b20, b21, b22, b23, b24, b25, b26, b27, b28,
      b29;
  int c0, c1, c2, c3, c4;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
