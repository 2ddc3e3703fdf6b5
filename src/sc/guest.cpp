// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/guest.hpp"

#include "tractor/sc/detail/io_host.hpp"

namespace tractor::sc {

class guest_run::host final : public detail::io_host {
 public:
  host(detail::reactor& io, std::any foreign_loop) : io_(io), alarm_(io) { loop = std::move(foreign_loop); }

  int wait(duration /*zero*/) override {
    const int events = io_.poll(duration::zero());
    return events - alarm_.take_fired();
  }
  void nudge() noexcept override { alarm_.set_now(); }
  void set_alarm(time_point at) noexcept { alarm_.set(at); }

 private:
  detail::reactor& io_;
  detail::alarm alarm_;
};

guest_run::guest_run(std::function<task<>()> main, done_function on_done, guest_options options)
    : on_done_(std::move(on_done)), slice_(options.slice), run_(options.run) {
  auto made = std::make_unique<host>(run_.io(), std::move(options.loop));
  host_ = made.get();
  run_.set_io_host(std::move(made));
  run_.start(std::move(main));
  host_->nudge();
}

guest_run::~guest_run() = default;

bool guest_run::step() {
  if (run_.done()) return false;
  const time_point until = saturating_add(monotonic_now(), slice_);
  try {
    do run_.step();
    while (!run_.done() && run_.has_ready_tasks() && monotonic_now() < until);
  } catch (...) {
    host_->nudge();  // the system refused something; the host may try again
    throw;
  }
  if (!run_.done()) {
    set_alarm();
    return true;
  }
  // Everything that is needed is in this frame: the guest may go.
  const done_function on_done = std::move(on_done_);
  if (on_done) on_done(run_.error());
  return false;
}

void guest_run::set_alarm() noexcept {
  if (run_.has_ready_tasks()) {
    host_->nudge();
    return;
  }
  time_point at = run_.next_deadline();
  if (const virtual_clock* const clock = run_.options().clock; clock != nullptr && at != never) {
    const duration real = clock->real_time(std::max(duration(1), at - clock->now()));
    at = real < duration::zero() ? never : saturating_add(monotonic_now(), real);
  }
  host_->set_alarm(at);
}

void guest_run::cancel(std::string_view why, std::source_location where) noexcept {
  if (run_.done()) return;
  run_.cancel(why, where);
  host_->nudge();
}

}  // namespace tractor::sc
