// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::a_base>
// expect: this type has a base class and cannot be reflected: describe its fields with TRACTOR_DESCRIBE(type, fields...), or specialise
// tractor::msg::codec<type>

#include "tractor/msg/codec.hpp"

struct person {
  int age = 0;
};
struct message : person {
  int salary = 0;
};
#ifdef TRACTOR_WAY_OUT
TRACTOR_DESCRIBE(message, age, salary)
#endif

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
