// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/detail/reactor.hpp"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>

#include "tractor/sc/run.hpp"

namespace tractor::sc::detail {

namespace {

epoll_event event_for(io_source& source, bool writes) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | (writes ? EPOLLOUT : 0u);
  event.data.ptr = &source;
  return event;
}

int wait(int epoll, epoll_event* events, int count, duration timeout, bool& whole_milliseconds) noexcept {
  if (timeout == duration::zero()) return ::epoll_wait(epoll, events, count, 0);
  if (timeout < duration::zero()) return ::epoll_wait(epoll, events, count, -1);
  if (!whole_milliseconds) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    const timespec spec{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
    const int result = ::epoll_pwait2(epoll, events, count, &spec, nullptr);
    // Before Linux 5.11, and in a container whose system call filter is older than the call.
    if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return result;
    whole_milliseconds = true;
  }
  // Rounded up so that the timer is due when the call returns.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return ::epoll_wait(epoll, events, count, static_cast<int>(std::min<decltype(ms)>(ms, 1 << 30)));
}

}  // namespace

reactor::reactor() : epoll_(check_syscall(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1()")) {}

reactor::~reactor() {
  while (sources_ != nullptr) {
    sources_->reader = sources_->writer = nullptr;  // no task waits any more, but a stream over another may have left its note
    sources_->forget_owner();
  }
}

std::size_t reactor::source_count() const noexcept {
  std::size_t count = 0;
  for (const io_source* each = sources_; each != nullptr; each = each->next_) ++count;
  return count;
}

int reactor::poll(duration timeout) {
  epoll_event events[events_per_poll_max];
  const int count = wait(epoll_.get(), events, events_per_poll_max, timeout, whole_milliseconds_);
  if (count < 0) {
    if (errno == EINTR) return 0;
    throw_os_error("epoll_wait()", errno);
  }
  polled_ = events;
  polled_count_ = count;
  // First all flags, then all waiters: a waiter may detach this source or another one (`forget`), so each is looked up anew.
  for (int i = 0; i < count; ++i) {
    auto& source = *static_cast<io_source*>(events[i].data.ptr);
    const std::uint32_t bits = events[i].events;
    if ((bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) source.readable_ = true;
    if ((bits & EPOLLPRI) != 0) source.urgent_ = true;
    if ((bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) source.hung_up_ = true;
    if ((bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) source.writable_ = true;
  }
  const auto source_of = [&](int i) { return static_cast<io_source*>(events[i].data.ptr); };
  for (int i = 0; i < count; ++i) {
    if (auto* source = source_of(i); source != nullptr && source->maybe_readable() && source->reader != nullptr) {
      io_source::waiter* const told = std::exchange(source->reader, nullptr);
      told->ready(*told);
    }
    if (auto* source = source_of(i); source != nullptr && source->writable_ && source->writer != nullptr) {
      io_source::waiter* const told = std::exchange(source->writer, nullptr);
      told->ready(*told);
    }
  }
  polled_count_ = 0;
  return count;
}

void reactor::forget(const io_source& source) noexcept {
  for (int i = 0; i < polled_count_; ++i)
    if (polled_[i].data.ptr == &source) polled_[i].data.ptr = nullptr;
}

void io_source::attach(int fd) { attach(fd, this_runner().io()); }

void io_source::attach(int fd, reactor& into) {
  TRACTOR_ASSERT(owner_ == nullptr, "a source is attached once");
  epoll_event event = event_for(*this, false);
  fd_ = fd;
  if (::epoll_ctl(into.epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_os_error("epoll_ctl(ADD, " + std::to_string(fd) + ")", errno);
  owner_ = &into;
  next_ = into.sources_;
  if (next_ != nullptr) next_->link_ = &next_;
  link_ = &into.sources_;
  into.sources_ = this;
}

void io_source::forget_owner() noexcept {
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  owner_ = nullptr;
  readable_ = writable_ = true;
  hung_up_ = urgent_ = watching_write_ = false;
}

void io_source::detach() noexcept {
  if (owner_ == nullptr) return;
  TRACTOR_ASSERT(reader == nullptr && writer == nullptr, "a descriptor is closed while a task waits for it");
  ::epoll_ctl(owner_->epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  owner_->forget(*this);
  forget_owner();
}

void io_source::set_not_writable() {
  writable_ = false;
  if (watching_write_) return;
  epoll_event event = event_for(*this, true);
  if (::epoll_ctl(owner_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event) != 0)
    throw_os_error("epoll_ctl(MOD, " + std::to_string(fd_) + ")", errno);
  watching_write_ = true;
}

}  // namespace tractor::sc::detail
