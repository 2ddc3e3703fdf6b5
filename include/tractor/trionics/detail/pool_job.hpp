// SPDX-License-Identifier: Apache-2.0
//
// One call that a worker pool is to make: its arguments, and later its outcome.

#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tractor/base/config.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::trionics::detail {

// Shared by the pool and the handle.
class TRACTOR_API pool_job {
 public:
  explicit pool_job(std::string_view function) : function_(function), scope_({.where = {}}) {}
  pool_job(const pool_job&) = delete;
  pool_job& operator=(const pool_job&) = delete;
  virtual ~pool_job();

  // Makes the call on that worker. Whatever becomes of it is kept for the handle.
  [[nodiscard]] sc::task<> run(const portal& worker);
  // The pool has gone without having run it, or before it had ended.
  void abandon();
  // The handle has gone: nobody wants it any more.
  void withdraw() noexcept;
  [[nodiscard]] bool withdrawn() const noexcept { return withdrawn_; }

  [[nodiscard]] sc::event& done() noexcept { return done_; }
  void rethrow_error() const;

 protected:
  [[nodiscard]] virtual sc::task<> call(const portal& worker) = 0;

 private:
  std::string_view function_;
  sc::cancel_scope scope_;
  sc::event done_;
  std::exception_ptr error_;
  bool withdrawn_ = false;
};

template <class Result>
class typed_job : public pool_job {
 public:
  using pool_job::pool_job;
  std::optional<std::conditional_t<std::is_void_v<Result>, char, Result>> value;
};

template <auto Function>
class call_job final : public typed_job<typename tractor::detail::endpoint_traits<Function>::result_type> {
  using traits = tractor::detail::endpoint_traits<Function>;
  static_assert(traits::kind == msg::function_kind::asyncfunc,
                "a worker pool calls functions that return their result, not context endpoints or generators");

 public:
  explicit call_job(typename traits::arguments arguments)
      : typed_job<typename traits::result_type>(tractor::detail::function_text<Function>()), arguments_(std::move(arguments)) {}

 private:
  sc::task<> call(const portal& worker) override {
    auto running = std::apply([&](auto&... each) { return worker.run<Function>(std::move(each)...); }, arguments_);
    if constexpr (std::is_void_v<typename traits::result_type>)
      co_await std::move(running);
    else
      this->value.emplace(co_await std::move(running));
  }

  typename traits::arguments arguments_;
};

}  // namespace tractor::trionics::detail
