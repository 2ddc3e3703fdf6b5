// SPDX-License-Identifier: Apache-2.0
//
// Floor of the kernel's own operations: bare coroutines with pooled frames and a queue of handles. No cancellation, no task
// tree, no clock, no error handling beyond what the language does. Each sample is a mean over many operations, in ns each.
//
//   kernel.await          a nested coroutine made, awaited and destroyed
//   kernel.yield          a coroutine puts itself at the end of the queue and is resumed from it
//   kernel.nursery.one       one child queued, run and joined;  kernel.nursery.hundred: each of a hundred
//   kernel.cancel.100k     each of 100,000 suspended coroutines resumed with an exception, which ends it
#include "coroutine.hpp"

namespace {

constexpr std::size_t operations_a_sample = 10'000;
constexpr std::size_t sleepers = 100'000;

[[gnu::noinline]] raw::task leaf() { co_return 1; }
[[gnu::noinline]] raw::task sleeper() { co_return (co_await raw::forever{}, 0); }

raw::task awaits() {
  int sum = 0;
  for (std::size_t i = 0; i < operations_a_sample; ++i) {
    raw::owned child(leaf());
    sum += co_await child;
  }
  co_return sum;
}
raw::task yields() {
  for (std::size_t i = 0; i < operations_a_sample; ++i) co_await raw::yield{};
  co_return 0;
}
raw::task nurseries(std::size_t children) {
  for (std::size_t done = 0; done < operations_a_sample; done += children) {
    raw::joiner nursery{children, {}};
    for (std::size_t i = 0; i < children; ++i) {
      const raw::task child = leaf();
      child.handle.promise().nursery = &nursery;
      raw::ready.push(child.handle);
    }
    co_await nursery;
  }
  co_return 0;
}

template <class Make>
void measure(const char* id, std::size_t n, Make make) {
  std::vector<double> samples;
  for (std::size_t i = 0; i <= n; ++i) {
    const double before = raw::now_ns();
    raw::owned t(make());
    raw::ready.push(t.handle);
    raw::ready.run();
    if (i > 0) samples.push_back((raw::now_ns() - before) / operations_a_sample);
  }
  raw::report(id, "ns", samples);
}

// The frames are made and suspended beforehand; the resumption unwinds each, destroys it and counts it off.
void cancels(std::size_t n) {
  std::vector<double> samples;
  std::vector<std::coroutine_handle<>> waiting(sleepers);
  for (std::size_t i = 0; i < n; ++i) {
    raw::joiner nursery{sleepers, {}};
    for (auto& h : waiting) {
      const raw::task t = sleeper();
      t.handle.promise().nursery = &nursery;
      (h = t.handle).resume();
    }
    const double before = raw::now_ns();
    for (const auto h : waiting) h.resume();
    samples.push_back((raw::now_ns() - before) / sleepers);
    if (nursery.running != 0) errno = EBUSY, raw::fail("a sleeper survived");
  }
  raw::report("kernel.cancel.100k", "ns", samples);
}

}  // namespace

// `--mode` picks one of the five; `--n` counts samples.
int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  const auto wanted = [&](std::string_view mode) { return o.mode.empty() || o.mode == mode; };
  if (wanted("await")) measure("kernel.await", o.n, awaits);
  if (wanted("yield")) measure("kernel.yield", o.n, yields);
  if (wanted("nursery.one")) measure("kernel.nursery.one", o.n, [] { return nurseries(1); });
  if (wanted("nursery.hundred")) measure("kernel.nursery.hundred", o.n, [] { return nurseries(100); });
  if (wanted("cancel.100k")) cancels(o.n);
}
