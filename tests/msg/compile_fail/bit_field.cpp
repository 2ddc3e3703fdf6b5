// SPDX-License-Identifier: Apache-2.0
// expect: all_fields_have_addresses<message, count>
// expect: this type has a bit-field and cannot be reflected: describe

#include "tractor/msg/codec.hpp"

struct message {
  int low : 3 = 0;
  int high = 0;
};
#ifdef TRACTOR_WAY_OUT
template <>
struct tractor::msg::codec<message> {
  static void encode(writer& out, const message& from) { out.integer(from.low | from.high << 3); }
  static message decode(reader& in) {
    const int both = in.integer<int>();
    return {.low = both & 3, .high = both >> 3};
  }
};
#endif

void send(tractor::msg::buffer& out, const message& m) { tractor::msg::encode(out, m); }
message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
