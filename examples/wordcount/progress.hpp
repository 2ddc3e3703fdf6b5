// SPDX-License-Identifier: Apache-2.0
//
// The line that shows how far the count is, on a terminal only, and messages that do not collide with it.

#pragma once

#include <string>

#include "totals.hpp"

namespace wordcount {

class progress_line {
 public:
  progress_line();
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() { clear(); }

  void show(const totals& so_far);
  // A line of its own on stderr.
  void say(const std::string& message);

 private:
  void clear();

  bool terminal_;
  bool shown_ = false;
  sc::time_point last_{};
};

}  // namespace wordcount
