// SPDX-License-Identifier: Apache-2.0
//
// The errors of the kernel's own objects. Names and meaning are trio's.

#pragma once

#include <string>

#include "tractor/base/error.hpp"

namespace tractor::sc {

// The object was closed on this side: by this task earlier, or by another one while this task used it.
class TRACTOR_API closed_resource_error : public error {
 public:
  explicit closed_resource_error(std::string message);
  ~closed_resource_error() override;
};

// The other side is gone: nobody will ever take what was sent.
class TRACTOR_API broken_resource_error : public error {
 public:
  explicit broken_resource_error(std::string message);
  ~broken_resource_error() override;

 protected:
  // For a kind of breaking that calls for another reaction than a lost connection does.
  broken_resource_error(std::string message, error_category category);
};

// The other side ended the channel in good order; there is nothing more to receive.
class TRACTOR_API end_of_channel : public error {
 public:
  explicit end_of_channel(std::string message);
  ~end_of_channel() override;
};

// A `…_nowait` call would have had to wait.
class TRACTOR_API would_block : public error {
 public:
  explicit would_block(std::string message);
  ~would_block() override;
};

// Two tasks used an object at once that serves one at a time.
class TRACTOR_API busy_resource_error : public error {
 public:
  explicit busy_resource_error(std::string message);
  ~busy_resource_error() override;
};

// The deadline of `fail_after` or `fail_at` passed.
class TRACTOR_API too_slow_error : public error {
 public:
  explicit too_slow_error(std::string message);
  ~too_slow_error() override;
};

// A scope was cancelled before its body could give the value that the caller wants.
class TRACTOR_API scope_cancelled_error : public error {
 public:
  explicit scope_cancelled_error(std::string message);
  ~scope_cancelled_error() override;
};

// Under a virtual clock: every task waits and nothing can ever wake one. The message holds the task tree.
class TRACTOR_API deadlock_error : public error {
 public:
  explicit deadlock_error(std::string message);
  ~deadlock_error() override;
};

// A task caught `cancelled` and dropped it, in a run with swallow_policy::fail.
class TRACTOR_API swallowed_cancel_error : public error {
 public:
  explicit swallowed_cancel_error(std::string message);
  ~swallowed_cancel_error() override;
};

}  // namespace tractor::sc
