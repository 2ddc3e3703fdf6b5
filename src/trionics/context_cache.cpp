// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/context_cache.hpp"

#include <algorithm>

#include "tractor/base/error.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/task_local.hpp"

namespace tractor::trionics::detail {

namespace {

// The resources that are being opened where a task stands, innermost first: its own manager's, and those that wait for that.
struct opening {
  const shared_resource* which = nullptr;  // alive while `life` is not settled
  std::shared_ptr<resource_life> life;
  std::shared_ptr<const opening> around;
};
constinit sc::task_local<std::shared_ptr<const opening>> opening_key;

std::shared_ptr<const opening> opening_here() {
  const auto* found = opening_key.get();
  return found != nullptr ? *found : nullptr;
}

}  // namespace

void check_inside(const sc::nursery& service, const std::string& what) {
  const sc::cancel_scope* const wanted = &const_cast<sc::nursery&>(service).scope();
  for (const sc::cancel_scope* scope = sc::detail::running_task().scope; scope != nullptr; scope = sc::detail::scope_walk::outer(*scope))
    if (scope == wanted) return;
  throw usage_error(what + ": this task is not inside the service nursery of the context_cache, which could end before it");
}

// --- one life ---

resource_life::resource_life(std::string what) : what_(std::move(what)), scope_({.where = {}}) {}
resource_life::~resource_life() = default;

sc::task<> resource_life::keep(const resource_manager& open) {
  std::exception_ptr cut;
  try {
    co_await scope_.run([&] { return open(*this); });
    if (value_ == nullptr && !scope_.cancel_called())
      throw usage_error(what_ + " did not open: its manager ended without having awaited its `inside`");
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
  } catch (...) {
    error_ = std::current_exception();
  }
  going_ = true;
  settled_.set();
  ended_.set();
  if (cut) std::rethrow_exception(std::exchange(cut, nullptr));
}

sc::task<> resource_life::enter(std::size_t /*index*/, void* value) {
  if (value_ != nullptr) throw usage_error(what_ + ": its manager awaited its `inside` twice");
  co_await sc::checkpoint_if_cancelled();  // from here on there is a user, or nobody wants it any more
  value_ = value;
  users_ = 1;
  settled_.set();
  std::exception_ptr cut;
  try {
    co_await leave_.wait();
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
  }
  if (!cut) co_return;
  // The value must not go while somebody uses it. This wait is not to be cancelled, and ends: the users are cancelled.
  end_uses();
  co_await sc::shielded([this]() -> sc::task<> {
    while (users_ != 0) co_await changed_.park("end of the users of a shared resource");
  });
  std::rethrow_exception(std::exchange(cut, nullptr));
}

void resource_life::end_uses() noexcept {
  going_ = true;
  for (sc::cancel_scope* scope : scopes_) scope->cancel("the shared resource ends");
}

sc::task<> resource_life::opened() {
  std::exception_ptr cut;
  try {
    co_await settled_.wait();
  } catch (const sc::cancelled&) {
    cut = std::current_exception();
  }
  if (cut) {
    if (value_ != nullptr) remove_user();  // it opened at the same moment, for nobody
    scope_.cancel("the task that opened it was cancelled");
    co_await sc::shielded([this] { return ended_.wait(); });
    rethrow_error();
    std::rethrow_exception(std::exchange(cut, nullptr));
  }
  if (value_ != nullptr) co_return;
  rethrow_error();
  co_await sc::checkpoint_if_cancelled();
  throw sc::scope_cancelled_error(what_ + " was cancelled, with the service nursery, before it had opened");
}

std::uint64_t resource_life::remove_user() {
  --users_;
  changed_.unpark_all();
  return ++departures_;
}

void resource_life::add_scope(sc::cancel_scope& scope) {
  scopes_.push_back(&scope);
  if (going_) scope.cancel("the shared resource ends");
}

void resource_life::remove_scope(const sc::cancel_scope& scope) noexcept { std::erase(scopes_, &scope); }

void resource_life::rethrow_error() const {
  if (error_) std::rethrow_exception(error_);
}

void resource_life::throw_cut_off() const { throw sc::scope_cancelled_error(what_ + " ended while it was in use"); }

// --- over its lives ---

shared_resource::shared_resource(std::string what) : what_(std::move(what)) {}
shared_resource::~shared_resource() = default;

sc::task<shared_resource::entry> shared_resource::enter(sc::nursery& service, resource_manager open) {
  for (auto at = opening_here(); at != nullptr; at = at->around)
    if (!at->life->settled() && at->which == this)
      throw usage_error(what_ + " needs itself to open: its manager asked for the same one, and would wait for ever");
  const auto exclusive = co_await lock_.hold();
  if (life_ && life_->going()) co_await life_->ended().wait();
  if (life_ && !life_->ended().is_set()) {
    life_->add_user();
    co_return {.life = life_, .hit = true};
  }
  const auto fresh = std::make_shared<resource_life>(what_);
  {
    const sc::task_local<std::shared_ptr<const opening>>::binding bound(
        opening_key, std::make_shared<const opening>(opening{.which = this, .life = fresh, .around = opening_here()}));
    service.start_soon({.name = what_}, [fresh, manager = std::move(open)] { return fresh->keep(manager); });
  }
  life_ = fresh;
  co_await fresh->opened();
  co_return {.life = fresh, .hit = false};
}

sc::task<> shared_resource::leave(std::shared_ptr<resource_life> life) {
  const auto number = life->remove_user();
  if (!life->going()) {
    if (life->users() != 0) co_return;
    const auto exclusive = co_await lock_.hold();
    if (life->users() != 0 || life->departures() != number) co_return;  // one that came meanwhile is the last one now
    life->let_go();
    co_await life->ended().wait();
  } else {
    co_await life->ended().wait();
  }
  life->rethrow_error();
}

}  // namespace tractor::trionics::detail
