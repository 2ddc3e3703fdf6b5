// SPDX-License-Identifier: Apache-2.0
//
// Nurseries: tasks that run side by side and cannot outlive the block that opened them.
//
//     int port = co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<int> {
//       n.start_soon(worker, 1);                             // runs from the next schedule point on
//       co_return co_await n.start<int>(server);             // waits until server called status.started(value)
//     });                                                    // leaves when worker, server and the body have ended
//
// The body is a task too. The first task that fails cancels the others; when all have ended the block throws that error, or an
// exception_group when several failed. Cancelling `n.scope()` ends all of it quietly. Callables and their arguments are moved
// (decayed) into storage that lives as long as the task; pass std::ref for what must stay where it is. The block waits for
// its tasks even when it is cancelled: the wait cannot be cut short, the tasks are cancelled instead.
//
// start_soon may be called by any task of the same run while the block is open: until the body and the last task have ended. After that
// it throws usage_error, also while the task that opened the nursery has yet to go on.

#pragma once

#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::sc {

// What a task started with nursery::start gets as its first argument, to say that it is ready.
template <class T = void>
class task_status;

struct task_options {
  std::string_view name = {};  // copied
  std::source_location where = std::source_location::current();
};

namespace detail {

template <class Callable>
concept not_options = !std::is_same_v<std::remove_cvref_t<Callable>, task_options>;

template <class Body>
class nursery_awaiter;
template <class T, class Callable, class... Arguments>
class start_awaiter;
class start_state;

// A spawned task: its record, its callable and its arguments in one block of memory.
template <class Callable, class... Arguments>
struct task_block final : task_record {
  template <class C, class... A>
  explicit task_block(C&& callable, A&&... arguments) : callable_(std::forward<C>(callable)), arguments_(std::forward<A>(arguments)...) {}
  task_block(const task_block&) = delete;
  task_block& operator=(const task_block&) = delete;
  // The coroutine goes before the arguments that it may refer to.
  ~task_block() {
    if (coroutine_) coroutine_.destroy();
  }

  // Makes the coroutine; throws what the callable throws.
  promise_base& make() {
    task<void> made = std::apply([this](auto&... arguments) { return std::invoke(callable_, unwrap(arguments)...); }, arguments_);
    coroutine_ = made.release_to_kernel();
    return coroutine_.promise();
  }
  template <class A>
  static decltype(auto) unwrap(A& argument) {
    return std::move(argument);
  }
  template <class A>
  static A& unwrap(std::reference_wrapper<A>& argument) {
    return argument.get();
  }

  static void* operator new(std::size_t bytes) { return frame_pool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { frame_pool::deallocate(memory, bytes); }

  std::coroutine_handle<promise<void>> coroutine_;  // owned
  [[no_unique_address]] Callable callable_;
  [[no_unique_address]] std::tuple<Arguments...> arguments_;
};

template <class Callable, class... Arguments>
constexpr std::string_view default_task_name() noexcept {
  std::string_view text = __PRETTY_FUNCTION__;
  const auto from = text.find("Callable = ");
  if (from == std::string_view::npos) return "task";
  text.remove_prefix(from + 11);
  const auto to = text.find_first_of(";,]");
  return text.substr(0, to);
}

template <class Block, class Callable>
inline constexpr task_kind kind_of_task{
    .name = default_task_name<Callable>(),
    .destroy = [](task_record& self) noexcept { static_cast<Block&>(self).~Block(); },
    .bytes = sizeof(Block),
};

}  // namespace detail

class TRACTOR_API nursery {
 public:
  nursery(const nursery&) = delete;
  nursery& operator=(const nursery&) = delete;

  // The scope around the body and every task of the nursery.
  [[nodiscard]] cancel_scope& scope() noexcept { return scope_; }
  void cancel(std::string_view why = {}, std::source_location where = std::source_location::current()) noexcept {
    scope_.cancel(why, where);
  }

  // Starts `callable(arguments…)`, which returns task<>, as a task of this nursery. Does not run it yet and does not wait.
  // Throws usage_error when the block has ended.
  template <detail::not_options Callable>
  void start_soon(Callable&& callable, std::source_location where = std::source_location::current()) {
    spawn(task_options{.where = where}, std::forward<Callable>(callable));
  }
  template <detail::not_options Callable, class A>
  void start_soon(Callable&& callable, A&& a, std::source_location where = std::source_location::current()) {
    spawn(task_options{.where = where}, std::forward<Callable>(callable), std::forward<A>(a));
  }
  template <detail::not_options Callable, class A, class B>
  void start_soon(Callable&& callable, A&& a, B&& b, std::source_location where = std::source_location::current()) {
    spawn(task_options{.where = where}, std::forward<Callable>(callable), std::forward<A>(a), std::forward<B>(b));
  }
  template <detail::not_options Callable, class A, class B, class C>
  void start_soon(Callable&& callable, A&& a, B&& b, C&& c, std::source_location where = std::source_location::current()) {
    spawn(task_options{.where = where}, std::forward<Callable>(callable), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
  }
  // The same with a name for the task tree, and any number of arguments.
  template <class Callable, class... Arguments>
  void start_soon(task_options options, Callable&& callable, Arguments&&... arguments) {
    spawn(options, std::forward<Callable>(callable), std::forward<Arguments>(arguments)...);
  }

  // Starts `callable(task_status<T>, arguments…)` and waits until it called `started(value)` on the status; gives that value. Until
  // then the task belongs to the caller: cancelling the caller cancels it, its error comes out here. Ending without
  // started() is a usage_error. When this nursery fails meanwhile the task is cancelled, and the call throws scope_cancelled_error unless
  // the caller is cancelled too.
  template <class T = void, detail::not_options Callable, class... Arguments>
  [[nodiscard]] auto start(Callable&& callable, Arguments&&... arguments);
  template <class T = void, class Callable, class... Arguments>
  [[nodiscard]] auto start(task_options options, Callable&& callable, Arguments&&... arguments);

  // Tasks that have not ended, the body not counted.
  [[nodiscard]] std::size_t task_count() const noexcept { return child_count_; }

 private:
  template <class Body>
  friend class detail::nursery_awaiter;
  template <class T, class Callable, class... Arguments>
  friend class detail::start_awaiter;
  friend class detail::start_state;
  friend class cancel_scope;
  friend class runner;

  friend struct nursery_walk;

  nursery() noexcept {
    scope_.nursery_ = this;
    join_.self = this;
  }
  ~nursery() { TRACTOR_ASSERT(first_child_ == nullptr, "a nursery is destroyed while tasks of it are alive"); }

  template <class Callable, class... Arguments>
  detail::task_record* spawn(task_options options, Callable&& callable, Arguments&&... arguments);

  void open(detail::task_record& owner, std::source_location where);
  void check_open() const {
    if (closed_ || owner_ == nullptr) [[unlikely]]
      throw_closed();
  }
  [[noreturn]] static void throw_closed();
  void adopt(detail::task_record& child, detail::promise_base& outermost);
  void move_to(nursery& target, detail::task_record& child) noexcept;
  void unlink(detail::task_record& child) noexcept;
  void note_outcome(detail::task_record& child, detail::promise_base& outermost) noexcept;
  static std::coroutine_handle<> child_done(detail::completion_hook& self, detail::promise_base& ended) noexcept;

  void add_error(std::exception_ptr error, std::string_view task_name) noexcept;
  void cancel_pending_starts() noexcept;
  // The body ended, or failed; gives what to resume: the awaiting coroutine when all is done, else the scheduler.
  std::coroutine_handle<> body_ended(detail::promise_base& awaiting) noexcept;
  std::coroutine_handle<> body_failed(detail::promise_base& awaiting, std::exception_ptr error) noexcept;
  // The owner waits, and nothing is left to wait for.
  [[nodiscard]] bool join_complete() noexcept {
    if (!joining_ || child_count_ != 0 || pending_starts_ != nullptr) return false;
    joining_ = false;
    closed_ = true;  // the owner is on its way out: nobody would wait for a task that came now
    return true;
  }
  void wake_if_complete() noexcept;
  // Leaves the scope and throws what is to be thrown. False: the body was cut off by this nursery's own cancel.
  bool close(detail::outcome_kind body) {
    closed_ = true;
    owner_->innermost_nursery = outer_;
    if (!errors_.empty() || join_cancelled_ || body != detail::outcome_kind::value) [[unlikely]]
      return close_disturbed(body);
    const auto left = scope_.exit(detail::outcome_kind::value);
    if (left == cancel_scope::exit_result::propagate) [[unlikely]]
      detail::rethrow_cancelled();
    return left == cancel_scope::exit_result::keep;
  }
  bool close_disturbed(detail::outcome_kind body);
  static bool note_join_cancel(detail::suspension& self) noexcept;
  static constexpr detail::wait_kind join_waits{"nursery exit", &note_join_cancel};

  struct join_wait : detail::suspension {
    nursery* self = nullptr;
  };

  cancel_scope scope_;
  detail::task_record* owner_ = nullptr;
  nursery* outer_ = nullptr;  // the next nursery the owner has open
  detail::task_record* first_child_ = nullptr;
  std::size_t child_count_ = 0;
  detail::start_state* pending_starts_ = nullptr;  // start() calls that may still move a task in here
  std::vector<std::exception_ptr> errors_;
  join_wait join_;
  bool joining_ = false;
  bool join_cancelled_ = false;
  bool closed_ = false;
};

namespace detail {

// --- open_nursery ---

struct body_hook : completion_hook {
  nursery* target = nullptr;
};

template <class Body>
class nursery_awaiter {
 public:
  using sc_awaitable = void;
  using body_result = std::invoke_result_t<Body&, nursery&>;
  static constexpr bool is_coroutine = is_task<body_result>::value;
  template <class R>
  struct value_of {
    using type = R;
  };
  template <class R>
  struct value_of<task<R>> {
    using type = R;
  };
  using value_type = typename value_of<body_result>::type;

  template <class B>
  nursery_awaiter(B&& body, std::source_location where) : body_(std::forward<B>(body)), where_(where) {}
  nursery_awaiter(nursery_awaiter&&) = delete;
  ~nursery_awaiter() = default;

  static bool await_ready() noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
    nursery_.open(running_task(), where_);
    hook_.done = &body_done;
    hook_.target = &nursery_;
    promise_base& awaiting = caller.promise();
    try {
      if constexpr (is_coroutine) {
        task_.emplace(body_(nursery_));
        auto callee = task_->kernel_handle();
        callee.promise().parent = &awaiting;
        callee.promise().hook = &hook_;
        return callee;
      } else if constexpr (std::is_void_v<value_type>) {
        body_(nursery_);
      } else {
        plain_.emplace(body_(nursery_));
      }
    } catch (...) {
      // The body could not even start, or a plain one failed: its tasks are cancelled and awaited like after any failure.
      body_outcome_ = outcome_kind::error;
      return nursery_.body_failed(awaiting, std::current_exception());
    }
    body_outcome_ = outcome_kind::value;
    return nursery_.body_ended(awaiting);
  }

  value_type await_resume() {
    outcome_kind how = body_outcome_;
    if constexpr (is_coroutine) {
      if (task_) how = task_->kernel_handle().promise().outcome;
    }
    const bool complete = nursery_.close(how);
    if constexpr (std::is_void_v<value_type>) {
      static_cast<void>(complete);
    } else {
      if (!complete) throw_no_body_value(nursery_.scope());
      if constexpr (is_coroutine)
        return finish(task_->kernel_handle().promise());
      else
        return std::move(*plain_);
    }
  }

 private:
  static std::coroutine_handle<> body_done(completion_hook& self, promise_base& ended) noexcept {
    auto& hook = static_cast<body_hook&>(self);
    if (ended.outcome == outcome_kind::error) return hook.target->body_failed(*ended.parent, ended.error);
    return hook.target->body_ended(*ended.parent);
  }
  [[noreturn]] static void throw_no_body_value(cancel_scope& scope);

  Body body_;
  std::source_location where_;
  nursery nursery_;
  body_hook hook_;
  outcome_kind body_outcome_ = outcome_kind::pending;
  std::optional<task<std::conditional_t<is_coroutine, value_type, void>>> task_;
  [[no_unique_address]] std::optional<std::conditional_t<is_coroutine || std::is_void_v<value_type>, char, value_type>> plain_;
};

[[noreturn]] TRACTOR_API void throw_nursery_cancelled(cancel_scope& scope);
template <class Body>
void nursery_awaiter<Body>::throw_no_body_value(cancel_scope& scope) {
  throw_nursery_cancelled(scope);
}

// --- nursery::start ---

// A pending start(): a nursery of its own in the caller's task, which holds the new task until it says that it has started. What
// does not depend on types.
class TRACTOR_API start_state {
 public:
  start_state() noexcept = default;
  start_state(const start_state&) = delete;
  start_state& operator=(const start_state&) = delete;
  ~start_state() = default;

  void begin(nursery& target, task_record& caller);
  std::coroutine_handle<> wait(promise_base& awaiting, std::exception_ptr failed) noexcept;
  void set_child(task_record& child) noexcept;
  [[nodiscard]] bool can_start() const noexcept;  // the new task lives, or is being made
  void mark_started() noexcept;                   // called by the new task, or while it is made; moves it over
  void finish();                                  // throws when the task ended or was cancelled before started()
  [[nodiscard]] nursery& holding() noexcept { return holding_; }

 private:
  friend class tractor::sc::nursery;
  nursery holding_;
  nursery* target_ = nullptr;
  start_state* previous_ = nullptr;  // of those that are pending in `target_`
  start_state* next_ = nullptr;
  task_record* child_ = nullptr;
  bool making_ = true;  // the callable is being called
  bool early_ = false;  // started() was called meanwhile, by a callable that is no coroutine
  bool started_ = false;
};

// The status that refers to it may outlive the call when the task passed it on: it is told.
template <class T>
struct start_slot : start_state {
  ~start_slot();
  std::optional<std::conditional_t<std::is_void_v<T>, char, T>> value;
  task_status<T>* status = nullptr;
};

[[noreturn]] TRACTOR_API void throw_not_startable();

}  // namespace detail

template <class T>
class task_status {
 public:
  task_status(task_status&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {
    if (slot_ != nullptr) slot_->status = this;
  }
  task_status& operator=(task_status&&) = delete;
  ~task_status() {
    if (slot_ != nullptr) slot_->status = nullptr;
  }

  // Says that the task is ready; the caller of start() goes on. Once only, and neither after the task has ended nor after start() has
  // failed: usage_error.
  template <class U = T>
    requires(!std::is_void_v<T>)
  void started(U&& value) {
    if (slot_ == nullptr || !slot_->can_start()) detail::throw_not_startable();
    slot_->value.emplace(std::forward<U>(value));
    take_slot().mark_started();
  }
  void started()
    requires std::is_void_v<T>
  {
    if (slot_ == nullptr || !slot_->can_start()) detail::throw_not_startable();
    take_slot().mark_started();
  }

 private:
  template <class U, class Callable, class... Arguments>
  friend class detail::start_awaiter;
  friend struct detail::start_slot<T>;
  explicit task_status(detail::start_slot<T>& slot) noexcept : slot_(&slot) { slot.status = this; }
  detail::start_slot<T>& take_slot() noexcept {
    slot_->status = nullptr;
    return *std::exchange(slot_, nullptr);
  }

  detail::start_slot<T>* slot_;  // null: used up, or start() is over
};

namespace detail {

template <class T>
start_slot<T>::~start_slot() {
  if (status != nullptr) status->slot_ = nullptr;
}

template <class T, class Callable, class... Arguments>
class start_awaiter {
 public:
  using sc_awaitable = void;

  template <class C, class... A>
  explicit start_awaiter(nursery& target, const task_options& options, C&& callable, A&&... arguments)
      : target_(target), options_(options), callable_(std::forward<C>(callable)), arguments_(std::forward<A>(arguments)...) {}
  start_awaiter(start_awaiter&&) = delete;
  ~start_awaiter() = default;

  static bool await_ready() noexcept { return false; }

  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> caller) {
    slot_.begin(target_, running_task());
    std::exception_ptr failed;
    try {
      std::apply(
          [this](auto&... arguments) {
            slot_.set_child(*slot_.holding().spawn(options_, std::move(callable_), task_status<T>(slot_), std::move(arguments)...));
          },
          arguments_);
    } catch (...) {
      failed = std::current_exception();
    }
    return slot_.wait(caller.promise(), failed);
  }

  T await_resume() {
    slot_.finish();
    if constexpr (!std::is_void_v<T>) return std::move(*slot_.value);
  }

 private:
  nursery& target_;
  task_options options_;
  Callable callable_;
  std::tuple<Arguments...> arguments_;
  start_slot<T> slot_;
};

}  // namespace detail

template <class T, detail::not_options Callable, class... Arguments>
auto nursery::start(Callable&& callable, Arguments&&... arguments) {
  return start<T>(task_options{.where = {}}, std::forward<Callable>(callable), std::forward<Arguments>(arguments)...);
}
template <class T, class Callable, class... Arguments>
auto nursery::start(task_options options, Callable&& callable, Arguments&&... arguments) {
  return detail::start_awaiter<T, std::decay_t<Callable>, std::decay_t<Arguments>...>(*this, options, std::forward<Callable>(callable),
                                                                                      std::forward<Arguments>(arguments)...);
}

template <class Callable, class... Arguments>
detail::task_record* nursery::spawn(task_options options, Callable&& callable, Arguments&&... arguments) {
  using block = detail::task_block<std::decay_t<Callable>, std::decay_t<Arguments>...>;
  check_open();
  auto* child = new block(std::forward<Callable>(callable), std::forward<Arguments>(arguments)...);
  child->kind = &detail::kind_of_task<block, std::decay_t<Callable>>;
  child->spawned_at = options.where;
  try {
    if (!options.name.empty()) [[unlikely]]
      child->give_name(options.name);
    adopt(*child, child->make());
  } catch (...) {
    delete child;
    throw;
  }
  return child;
}

// Opens a nursery around `body(nursery&)`, which returns task<T> or a plain value, and gives what the body gives. See the top
// of this file. Throws scope_cancelled_error when a body with a value was cut off by this nursery's own cancel.
template <class Body>
[[nodiscard]] detail::nursery_awaiter<std::decay_t<Body>> open_nursery(Body&& body,
                                                                       std::source_location where = std::source_location::current()) {
  return {std::forward<Body>(body), where};
}

}  // namespace tractor::sc
