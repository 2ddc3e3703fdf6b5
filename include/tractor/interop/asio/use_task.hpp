// SPDX-License-Identifier: Apache-2.0
//
// Awaiting any asynchronous operation of Boost.Asio, or of a library made on it, in a task.
//
//     std::size_t got = co_await socket.async_read_some(boost::asio::buffer(data), interop::use_task);
//     auto [error, n] = co_await boost::asio::async_read(socket, buffer, boost::asio::as_tuple(interop::use_task));
//
// Gives what the handler would get: nothing, a value, or a std::tuple of several. A leading error_code is left out and thrown as
// boost::system::system_error when it is set; a leading exception_ptr is rethrown. With Asio's own as_tuple nothing is left out or thrown.
// The operation begins when it is awaited, and not at all where the task is cancelled already.
//
// A cancel of the task is passed on to the operation, through its cancellation slot and as `cancellation_type::all`; the task goes on when
// the operation has called its handler, so buffers and I/O objects may live in the task's frame. An operation that was broken off by that
// (operation_aborted, also with as_tuple) throws `cancelled`; what a composed operation had read or written by then is not told. One that
// had its result, or ended with another error, gives that, and the next checkpoint is cancelled. One that knows no cancel is waited for.
//
// The I/O object belongs to asio_context() (context.hpp), or to a context whose operations, if they are to be cancelled, may be
// cancelled from this thread; the handler runs in asio_context() in any case. While an operation is pending a virtual clock does not jump:
// Asio's time is the system's.

#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tractor/interop/asio/context.hpp"
#include "tractor/sc/detail/leaf.hpp"

namespace tractor::interop {

// The completion token.
struct use_task_t {};
inline constexpr use_task_t use_task{};

namespace detail {

// What does not depend on the operation's types.
class asio_wait : public sc::detail::leaf_wait {
 public:
  bool await_ready() { return refuse_if_cancelled(); }

  [[nodiscard]] boost::asio::io_context& loop() const noexcept { return *loop_; }
  [[nodiscard]] boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  // The handler is gone, and was never called.
  void dropped() noexcept {
    failure_ = std::make_exception_ptr(boost::system::system_error(boost::asio::error::operation_aborted, "the operation was dropped"));
    ended();
  }

 protected:
  asio_wait() = default;
  ~asio_wait() = default;

  // False: it has ended already.
  template <class Promise, class Start>
  bool begin(std::coroutine_handle<Promise> here, Start start) {
    loop_ = &asio_context();
    start();
    if (ended_) return false;
    sc::runner& run = sc::detail::this_runner();
    run.add_external_wait();
    waiting_ = true;
    park(here, waits);
    if (sc::detail::scope_cancelled(run)) abort_wait(*this);  // since it started
    return true;
  }
  void ended() noexcept {
    ended_ = true;
    if (!waiting_) return;
    waiting_ = false;
    sc::runner& run = *task->owner;
    run.remove_external_wait();
    wake();
    if (sc::runner::current() != &run) run.io_host()->nudge();  // a guest's, in its host
  }
  void failed(std::exception_ptr with) noexcept { failure_ = std::move(with); }
  [[nodiscard]] static bool is_abort(const boost::system::error_code& error) noexcept {
    return error == boost::system::errc::operation_canceled;
  }
  [[nodiscard]] static bool is_abort(const std::exception_ptr& error) noexcept {
    if (error == nullptr) return false;
    try {
      std::rethrow_exception(error);
    } catch (const boost::system::system_error& thrown) {
      return is_abort(thrown.code());
    } catch (...) {
      return false;
    }
  }
  // For await_resume, with whether the operation says that it was aborted.
  template <class Aborted>
  void throw_if_failed(Aborted aborted) {
    throw_if_cancelled();
    if (cancel_asked_ && (failure_ ? is_abort(failure_) : aborted()) && sc::detail::scope_cancelled(sc::detail::this_runner()))
      sc::detail::throw_cancelled(this->checkpoint_at);
    if (failure_) std::rethrow_exception(std::move(failure_));
  }

 private:
  static bool abort_wait(suspension& self) noexcept {
    auto& asked = static_cast<asio_wait&>(self);
    if (!std::exchange(asked.cancel_asked_, true)) asked.signal_.emit(boost::asio::cancellation_type::all);
    return false;  // goes on when the handler is called
  }
  static constexpr sc::detail::wait_kind waits{"asio operation", &abort_wait};

  boost::asio::io_context* loop_ = nullptr;
  boost::asio::cancellation_signal signal_;
  std::exception_ptr failure_;
  bool waiting_ = false;
  bool ended_ = false;
  bool cancel_asked_ = false;
};

// Takes the results in. A handler is called once or dropped; moving it leaves an empty one behind.
template <class Operation>
class asio_handler {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using cancellation_slot_type = boost::asio::cancellation_slot;

  explicit asio_handler(Operation& to) noexcept : to_(&to), executor_(to.loop().get_executor()), slot_(to.slot()) {}
  asio_handler(asio_handler&& other) noexcept : to_(std::exchange(other.to_, nullptr)), executor_(other.executor_), slot_(other.slot_) {}
  asio_handler& operator=(asio_handler&&) = delete;
  ~asio_handler() {
    if (to_ != nullptr) to_->dropped();
  }

  template <class... Arguments>
  void operator()(Arguments&&... arguments) {
    std::exchange(to_, nullptr)->finish(std::forward<Arguments>(arguments)...);
  }
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

 private:
  Operation* to_;
  executor_type executor_;
  cancellation_slot_type slot_;
};

// The results without the part that is thrown.
template <class... Results>
struct asio_results {
  static constexpr bool first_is_thrown = false;
  using rest = std::tuple<Results...>;
};
template <class First, class... Rest>
  requires(std::is_same_v<First, boost::system::error_code> || std::is_same_v<First, std::exception_ptr>)
struct asio_results<First, Rest...> {
  static constexpr bool first_is_thrown = true;
  using rest = std::tuple<Rest...>;
};

template <class Rest>
struct asio_value {
  using type = Rest;
};
template <>
struct asio_value<std::tuple<>> {
  using type = void;
};
template <class Only>
struct asio_value<std::tuple<Only>> {
  using type = Only;
};

inline void throw_error(const boost::system::error_code& error) {
  if (error) throw boost::system::system_error(error);
}
inline void throw_error(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

template <class Initiation, class Arguments, class... Results>
class [[nodiscard]] asio_operation final : public asio_wait {
 public:
  using results = asio_results<Results...>;
  using value_type = typename asio_value<typename results::rest>::type;

  template <class I, class... A>
  explicit asio_operation(std::in_place_t, I&& initiation, A&&... arguments)
      : initiation_(std::forward<I>(initiation)), arguments_(std::forward<A>(arguments)...) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> here) {
    return begin(here, [this] {
      std::apply([this](auto&... each) { std::move(initiation_)(asio_handler<asio_operation>(*this), std::move(each)...); }, arguments_);
    });
  }
  value_type await_resume() {
    throw_if_failed([this] { return says_aborted(*results_); });
    if constexpr (results::first_is_thrown) throw_error(std::get<0>(*results_));
    constexpr std::size_t from = results::first_is_thrown ? 1 : 0;
    return [this]<std::size_t... Index>(std::index_sequence<Index...>) -> value_type {
      if constexpr (sizeof...(Index) == 1)
        return (std::get<Index + from>(std::move(*results_)), ...);
      else if constexpr (sizeof...(Index) > 1)
        return value_type(std::get<Index + from>(std::move(*results_))...);
    }(std::make_index_sequence<sizeof...(Results) - from>());
  }

 private:
  friend class asio_handler<asio_operation>;
  template <class... Arguments_>
  void finish(Arguments_&&... arguments) noexcept {
    try {
      results_.emplace(std::forward<Arguments_>(arguments)...);
    } catch (...) {
      failed(std::current_exception());
    }
    ended();
  }
  // Also where as_tuple has packed everything into one tuple.
  template <class... Values>
  static bool says_aborted(const std::tuple<Values...>& values) noexcept {
    if constexpr (sizeof...(Values) == 0)
      return false;
    else if constexpr (requires { is_abort(std::get<0>(values)); })
      return is_abort(std::get<0>(values));
    else if constexpr (requires { says_aborted(std::get<0>(values)); })
      return says_aborted(std::get<0>(values));
    else
      return false;
  }

  Initiation initiation_;
  Arguments arguments_;
  std::optional<std::tuple<Results...>> results_;
};

}  // namespace detail

}  // namespace tractor::interop

template <class R, class... Results>
class boost::asio::async_result<tractor::interop::use_task_t, R(Results...)> {
 public:
  // Both are kept until the operation is awaited.
  template <class Initiation, class... Arguments>
  static auto initiate(Initiation&& initiation, tractor::interop::use_task_t, Arguments&&... arguments) {
    using operation = tractor::interop::detail::asio_operation<std::decay_t<Initiation>, std::tuple<std::decay_t<Arguments>...>,
                                                               std::decay_t<Results>...>;
    return operation(std::in_place, std::forward<Initiation>(initiation), std::forward<Arguments>(arguments)...);
  }
};
