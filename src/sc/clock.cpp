// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/clock.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tractor/base/error.hpp"

namespace tractor::sc {

namespace {

// `times` not negative; what does not fit is the longest there is.
duration scaled(duration by, double times) noexcept {
  const double nanoseconds = static_cast<double>(by.count()) * times;
  return nanoseconds < static_cast<double>(duration::max().count()) ? duration(static_cast<duration::rep>(nanoseconds)) : duration::max();
}

}  // namespace

time_point monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return time_point(std::chrono::seconds(now.tv_sec) + duration(now.tv_nsec));
}

duration virtual_clock::gone_by() const noexcept { return scaled(monotonic_now() - since_, rate_); }

void virtual_clock::set_rate(double rate) {
  if (!std::isfinite(rate) || rate < 0)
    throw usage_error("virtual_clock::set_rate(" + std::to_string(rate) + "): a rate is finite and not negative");
  now_ = now();
  since_ = monotonic_now();
  rate_ = rate;
}

duration virtual_clock::real_time(duration of_ours) const noexcept {
  return rate_ == 0 ? duration(-1) : std::max(duration(1), scaled(of_ours, 1 / rate_));
}

}  // namespace tractor::sc
