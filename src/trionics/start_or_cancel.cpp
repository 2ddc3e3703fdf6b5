// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/start_or_cancel.hpp"

#include "tractor/sc/errors.hpp"

namespace tractor::trionics::detail {

sc::task<> watch_start(std::shared_ptr<start_watch> watch, sc::nursery& target) {
  try {
    co_await watch->over.wait();
  } catch (const sc::cancelled&) {
    if (watch->pending != nullptr) {
      // A cancel from around the nursery has its reason elsewhere.
      if (const auto* why = target.scope().reason()) watch->reason = to_string(*why);
      watch->pending->cancel("the nursery that the task was to be started in was cancelled");
    }
    throw;
  }
}

sc::task<> fail_start(std::shared_ptr<start_watch> watch, std::exception_ptr failed) {
  co_await sc::checkpoint_if_cancelled();
  if (failed && !watch->pending->cancel_called()) std::rethrow_exception(std::exchange(failed, nullptr));
  throw sc::scope_cancelled_error("the nursery was cancelled before the task in it had started" +
                                  (watch->reason.empty() ? std::string() : ": " + watch->reason));
}

}  // namespace tractor::trionics::detail
