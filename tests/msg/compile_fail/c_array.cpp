// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::a_c_array>
// expect: this type has a C array (std::array would do) and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

struct message {
  int before = 0;
#ifdef TRACTOR_WAY_OUT
  std::array<int, 3> numbers{};
#else
  int numbers[3] = {};
#endif
  int behind = 0;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
