// SPDX-License-Identifier: Apache-2.0
// expect: free_of<message, obstacle::not_an_aggregate>
// expect: this type is not an aggregate (it has constructors, virtual functions or private members) and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

class message {
 public:
#ifdef TRACTOR_WAY_OUT
  TRACTOR_DESCRIBE_PRIVATE(message, age_)
#endif
 private:
  int age_ = 0;
};

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
