// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/resource.h>
#include <sys/types.h>

namespace spawn_test {

// Sets the soft limit of the descriptors that a process may have, and at its end the one from before.
class descriptor_limit {
 public:
  descriptor_limit(pid_t process, rlim_t limit) : process_(process) {
    ::prlimit(process_, RLIMIT_NOFILE, nullptr, &before_);
    const rlimit lowered{limit, before_.rlim_max};
    ::prlimit(process_, RLIMIT_NOFILE, &lowered, nullptr);
  }
  ~descriptor_limit() { ::prlimit(process_, RLIMIT_NOFILE, &before_, nullptr); }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;

 private:
  pid_t process_;
  rlimit before_{};
};

}  // namespace spawn_test
