// SPDX-License-Identifier: Apache-2.0
// expect: to be decoded, a type needs a default constructor, or a codec with decode(reader&)

#include "tractor/msg/codec.hpp"

class number {
 public:
  explicit number(int n) : n_(n) {}
  TRACTOR_DESCRIBE_PRIVATE(number, n_)

 private:
  int n_;
};

number receive(tractor::msg::bytes_view in) { return tractor::msg::decode<number>(in); }
