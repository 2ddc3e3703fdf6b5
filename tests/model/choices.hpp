// SPDX-License-Identifier: Apache-2.0
//
// Every way through something that has a choice here and there: run it with one of these, call next(), and run it again.

#pragma once

#include <cstddef>
#include <vector>

namespace sc_model {

class choices {
 public:
  // One of so many.
  std::size_t pick(std::size_t of) {
    if (of == 1) return 0;
    if (depth_ == picked_.size()) picked_.push_back({.what = 0, .of = of});
    return picked_[depth_++].what;
  }
  // Goes back to the beginning, with the next way. False: that was all.
  bool next() {
    depth_ = 0;
    while (!picked_.empty() && ++picked_.back().what == picked_.back().of) picked_.pop_back();
    return !picked_.empty();
  }

 private:
  struct choice {
    std::size_t what, of;
  };
  std::vector<choice> picked_;
  std::size_t depth_ = 0;
};

}  // namespace sc_model
