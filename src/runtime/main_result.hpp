// SPDX-License-Identifier: Apache-2.0
//
// The result of a run_in_actor's main task, kept for every portal that asks.

#pragma once

#include <exception>

#include "tractor/msg/bytes.hpp"
#include "tractor/sc/event.hpp"

namespace tractor::detail {

class main_result {
 public:
  sc::event done;
  msg::bytes payload;
  std::exception_ptr error;
};

}  // namespace tractor::detail
