// SPDX-License-Identifier: Apache-2.0
// expect: a view would dangle when the received frame goes: decode to std::string, msg::bytes or msg::raw

#include "tractor/msg/codec.hpp"

struct message {
#ifdef TRACTOR_WAY_OUT
  std::string text;
#else
  std::string_view text;
#endif
};

message receive(tractor::msg::bytes_view in) { return tractor::msg::decode<message>(in); }
