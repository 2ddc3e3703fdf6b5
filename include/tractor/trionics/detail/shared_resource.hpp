// SPDX-License-Identifier: Apache-2.0
//
// What context_cache.hpp stands on, without its types: a resource that the first user opens, and the last one has closed.

#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/lock.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/trionics/manager.hpp"

namespace tractor::trionics::detail {

using resource_manager = std::function<sc::task<>(inside_target&)>;

// From the start of a manager to its end. Its tasks own it: the manager's, and all who use it or wait for its end.
class TRACTOR_API resource_life final : public inside_target {
 public:
  explicit resource_life(std::string what);
  ~resource_life() override;

  // The manager's task. Never fails: an error is its users' to have.
  [[nodiscard]] sc::task<> keep(const resource_manager& open);
  sc::task<> enter(std::size_t index, void* value) override;

  // For the user that started it: returns when it has opened, and counts that user. Throws what opening it threw. Cancelled, the manager is
  // cancelled and has ended when this throws.
  [[nodiscard]] sc::task<> opened();
  void add_user() noexcept { ++users_; }
  // Gives how many have left so far.
  std::uint64_t remove_user();
  [[nodiscard]] std::size_t users() const noexcept { return users_; }
  [[nodiscard]] std::uint64_t departures() const noexcept { return departures_; }

  // The scope of a user's body is cancelled when the resource ends before its users.
  void add_scope(sc::cancel_scope& scope);
  void remove_scope(const sc::cancel_scope& scope) noexcept;

  // It has opened, or it never will.
  [[nodiscard]] bool settled() const noexcept { return settled_.is_set(); }
  // It ends by itself, or has ended: nobody may use it any more.
  [[nodiscard]] bool going() const noexcept { return going_; }
  [[nodiscard]] sc::event& ended() noexcept { return ended_; }
  void let_go() { leave_.set(); }
  [[nodiscard]] void* value() const noexcept { return value_; }
  void rethrow_error() const;
  // After its users were cut off, and it had no error: throws.
  [[noreturn]] void throw_cut_off() const;

 private:
  void end_uses() noexcept;

  std::string what_;
  sc::cancel_scope scope_;  // around the manager
  sc::event settled_;
  sc::event leave_;
  sc::event ended_;
  sc::parking_lot changed_;
  void* value_ = nullptr;
  std::size_t users_ = 0;
  std::uint64_t departures_ = 0;
  bool going_ = false;
  std::vector<sc::cancel_scope*> scopes_;
  std::exception_ptr error_;
};

// The resource of one key, over any number of lives. Must outlive its calls.
class TRACTOR_API shared_resource {
 public:
  explicit shared_resource(std::string what);
  shared_resource(const shared_resource&) = delete;
  shared_resource& operator=(const shared_resource&) = delete;
  ~shared_resource();

  struct entry {
    std::shared_ptr<resource_life> life;
    bool hit = false;
  };
  [[nodiscard]] sc::task<entry> enter(sc::nursery& service, resource_manager open);
  // Of a user that has ended. The last one returns when the resource has ended, and throws that's error.
  [[nodiscard]] sc::task<> leave(std::shared_ptr<resource_life> life);

 private:
  std::string what_;
  sc::lock lock_;  // entry and teardown exclude each other, first come first served
  std::shared_ptr<resource_life> life_;
};

// Resources by key, each for as long as somebody refers to it.
template <class Key>
class resource_slots {
  static_assert(
      requires(const Key& a, const Key& b) { a < b; }, "resources are told apart by a key that has operator<: give one of your own");
  struct slot {
    explicit slot(const std::string& what) : resource(what) {}
    shared_resource resource;
    std::size_t references = 0;
  };
  using slots = std::map<Key, slot>;

 public:
  resource_slots() = default;
  resource_slots(const resource_slots&) = delete;
  resource_slots& operator=(const resource_slots&) = delete;
  ~resource_slots() { TRACTOR_ASSERT(slots_.empty(), "a context_cache is destroyed while tasks use it"); }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

  class reference {
   public:
    reference(resource_slots& of, Key key, const std::string& what)
        : slots_(of.slots_), at_(slots_.try_emplace(std::move(key), what).first) {
      ++at_->second.references;
    }
    reference(const reference&) = delete;
    reference& operator=(const reference&) = delete;
    ~reference() {
      if (--at_->second.references == 0) slots_.erase(at_);
    }
    [[nodiscard]] shared_resource& resource() const noexcept { return at_->second.resource; }

   private:
    slots& slots_;
    typename slots::iterator at_;
  };

 private:
  slots slots_;
};

TRACTOR_API void check_inside(const sc::nursery& service, const std::string& what);

// Enters `from`, runs `body(hit, value)`, leaves.
template <class T, class Body>
auto use_resource(shared_resource& from, sc::nursery& service, manager<T> open, Body& body) -> std::invoke_result_t<Body&, bool, T&> {
  using value_type = typename std::invoke_result_t<Body&, bool, T&>::value_type;
  using result_type = std::conditional_t<std::is_void_v<value_type>, bool, std::optional<value_type>>;
  const auto entry = co_await from.enter(service, [opener = std::move(open)](inside_target& into) { return opener(inside<T>(into, 0)); });
  sc::cancel_scope scope;
  const auto use = [&]() -> sc::task<result_type> {
    entry.life->add_scope(scope);
    co_return co_await scope.run([&] { return body(entry.hit, *static_cast<T*>(entry.life->value())); });
  };
  const auto leave = [&]() -> sc::task<> {
    entry.life->remove_scope(scope);
    return from.leave(entry.life);
  };
  auto result = co_await sc::finally(use, leave, sc::duration::max());
  if (!result) entry.life->throw_cut_off();
  if constexpr (!std::is_void_v<value_type>) co_return std::move(*result);
}

}  // namespace tractor::trionics::detail
