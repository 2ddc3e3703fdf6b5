// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/gather_contexts.hpp"

#include <stdexcept>

#include "tractor/base/error.hpp"
#include "tractor/sc/checkpoint.hpp"

namespace tractor::trionics::detail {

namespace {

std::string place_of(std::source_location where) {
  return "gather_contexts at " + std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace

gathering::gathering(std::size_t count, std::source_location where) : where_(where), slots_(count), body_scope_({.where = where}) {
  if (count == 0) throw std::invalid_argument(place_of(where) + " was given no managers");
}

gathering::~gathering() = default;

void gathering::throw_misuse(std::size_t index, const char* what) const {
  throw usage_error(place_of(where_) + ": manager " + std::to_string(index + 1) + " of " + std::to_string(slots_.size()) + " " + what);
}

void gathering::start(sc::nursery& n, std::size_t index, std::function<sc::task<>()> manager) {
  const std::string name = "manager " + std::to_string(index + 1) + " of " + std::to_string(slots_.size());
  n.start_soon({.name = name, .where = where_}, [this, index, call = std::move(manager)] { return run_manager(index, call); });
}

sc::task<> gathering::run_manager(std::size_t index, std::function<sc::task<>()> manager) {
  co_await manager();
  if (slots_[index].left) co_return;
  co_await sc::checkpoint_if_cancelled();  // then it may have given up on purpose
  if (slots_[index].value == nullptr) throw_misuse(index, "ended without having entered: it did not await its `inside`");
  throw_misuse(index, "left before the body had ended: it cut its `inside` short");
}

sc::task<> gathering::enter(std::size_t index, void* value) {
  slot& own = slots_[index];
  if (own.value != nullptr) throw_misuse(index, "awaited its `inside` twice");
  own.value = value;
  if (++entered_ == slots_.size()) all_entered_.set();
  std::exception_ptr cut;
  try {
    co_await body_ended_.wait();
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
  }
  if (cut) {
    // By the failure of another one, by a cancel of the whole block, or by this manager itself. Wherever it came from, the body is not to
    // be left with a value that is gone. This wait is not to be cancelled, and ends: the body is cancelled.
    body_scope_.cancel("manager " + std::to_string(index + 1) + " of gather_contexts leaves", where_);
    co_await sc::shielded([this] { return body_ended_.wait(); });
    std::rethrow_exception(std::exchange(cut, nullptr));
  }
  if (!body_complete_) co_await sc::checkpoint_if_cancelled();  // the body failed: no manager is to think that all went well
  own.left = true;
}

sc::task<> gathering::run_body(std::function<sc::task<>()> body) {
  struct on_end {
    sc::event& ended;
    explicit on_end(sc::event& e) noexcept : ended(e) {}
    on_end(const on_end&) = delete;
    on_end& operator=(const on_end&) = delete;
    ~on_end() { ended.set(); }
  };
  {
    const on_end tell(body_ended_);
    body_complete_ = co_await body_scope_.run([&]() -> sc::task<> {
      co_await all_entered_.wait();
      co_await body();
    });
  }
  // Whichever manager cut the body off ends with an error, which cancels this.
  if (!body_complete_) co_await sc::sleep_forever();
}

}  // namespace tractor::trionics::detail
