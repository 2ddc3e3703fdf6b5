// SPDX-License-Identifier: Apache-2.0
//
// Portals: how a task reaches into another actor.
//
//     auto portal = co_await an.start_actor("worker", {.enable_modules = {"greeter"}});
//     int three = co_await portal.run<&add>(1, 2);                              // a function there, as a task of its own
//     auto five = co_await portal.run_from_ns<int>("greeter", "add", {{"a", 2}, {"b", 3}});   // by name
//     co_await portal.open_stream_from<&ticks>({10}, [&](auto& stream) -> sc::task<> { … });  // a generator's values
//     auto result = co_await portal.open_context<&train>({"resnet"}, [&](auto& ctx, std::string first) -> sc::task<> { … });
//
// A portal is a handle: it copies, and stays valid as long as its actor nursery. Dialogs over one portal are independent. An error
// of the remote task is thrown here as remote_actor_error, its cancellation as context_cancelled, the death of its process as
// actor_died, the loss of its connection as transport_closed. Cancelling a local wait cancels the remote task and
// waits for that, shielded, at most context_cancel_timeout.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tractor/msg/value.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/detail/endpoint.hpp"
#include "tractor/runtime/detail/peer.hpp"
#include "tractor/runtime/module.hpp"

namespace tractor {

struct cancel_options {
  sc::duration timeout = portal_cancel_timeout;  // how long to wait for the acknowledgement
  bool raise_on_timeout = false;                 // throw actor_too_slow_error instead of giving false
};

struct context_options {
  // Of what is received here; open_stream inherits both.
  enum overruns overruns = overruns::block;
  std::size_t buffer_messages = stream_buffer_messages;  // at least one
};

namespace detail {

class main_result;

// What a dialog carries, when no function of this program says so.
template <class Result, class Started, class In, class Out>
struct dialog_types {
  using result_type = Result;
  using started_type = Started;
  using in_type = In;
  using out_type = Out;
};
template <auto Function>
struct dialog_types_of {
  using traits = endpoint_traits<Function>;
  using result_type = typename traits::result_type;
  using started_type = typename traits::context_type::started_type;
  using in_type = typename traits::context_type::in_type;
  using out_type = typename traits::context_type::out_type;
};

// Opens a dialog: sends Start and waits for its acknowledgement.
[[nodiscard]] TRACTOR_API sc::task<> start_dialog(dialog& link, msg::function_kind kind, std::string_view module, std::string_view name,
                                                  const msg::buffer& kwargs);
// Cleans up after a wait that was cut off by an error or a cancel of ours, then goes on with it.
[[nodiscard]] TRACTOR_API sc::task<> abandon_dialog(dialog& link, const std::exception_ptr& local);
TRACTOR_API void refuse_self(const peer& to);

// A call of a function: the payload of its Return.
[[nodiscard]] TRACTOR_API sc::task<msg::bytes> call_remote(std::shared_ptr<peer> to, std::string module, std::string name,
                                                           msg::buffer kwargs);
// The same, the payload given to `take(into, link)` while the dialog is there.
using take_return = void (*)(void* into, dialog& link);
[[nodiscard]] TRACTOR_API sc::task<> call_remote(std::shared_ptr<peer> to, std::string module, std::string name, msg::buffer kwargs,
                                                 take_return take, void* into);

template <class Body, class Context, class Started>
struct context_body_result {
  using type = std::invoke_result_t<Body&, Context&, Started>;
};
template <class Body, class Context>
struct context_body_result<Body, Context, void> {
  using type = std::invoke_result_t<Body&, Context&>;
};

}  // namespace detail

class TRACTOR_API portal {
 public:
  explicit portal(std::shared_ptr<detail::peer> to, std::shared_ptr<detail::main_result> main = nullptr);

  // Who is at the other end.
  [[nodiscard]] const uid& peer_uid() const noexcept { return to_->remote_uid(); }
  [[nodiscard]] const std::string& name() const noexcept { return to_->remote_uid().name; }
  [[nodiscard]] std::optional<std::int64_t> pid() const noexcept { return to_->remote_aid() ? to_->remote_aid()->pid : std::nullopt; }

  // For people: who that is, whether and over what it is connected, or why no more.
  [[nodiscard]] std::string text() const;

  // Runs a function of the peer as a new task there and gives its result. The function must be defined by a TRACTOR_MODULE of this
  // program too. Arguments convert to the function's parameters. A context endpoint is refused at compile time (S-POR-6).
  template <auto Function, class... Arguments>
  [[nodiscard]] auto run(Arguments&&... arguments) const -> sc::task<typename detail::endpoint_traits<Function>::result_type> {
    using traits = detail::endpoint_traits<Function>;
    static_assert(!traits::takes_context, "this function is a context endpoint: open it with open_context");
    static_assert(traits::kind != msg::function_kind::asyncgen, "this function is a generator: open it with open_stream_from");
    const detail::endpoint& target = detail::endpoint_of<Function>();
    const typename traits::arguments converted(std::forward<Arguments>(arguments)...);
    msg::buffer kwargs;
    msg::writer to(kwargs);
    detail::write_arguments(to, target, converted);
    return call<typename traits::result_type>(to_, std::string(target.module), std::string(target.name), std::move(kwargs));
  }

  // The same by name, for what this program was not compiled with; `Result` may be msg::value. A missing module or function is a
  // remote error (S-POR-4).
  template <class Result = msg::value>
  [[nodiscard]] sc::task<Result> run_from_ns(std::string module, std::string name, const msg::value::map& arguments = {}) const {
    msg::buffer kwargs;
    msg::encode(kwargs, arguments, "kwargs");
    return call<Result>(to_, std::move(module), std::move(name), std::move(kwargs));
  }

  // Opens a context: starts the endpoint there, waits for its started(), then runs `body(ctx, first)` (without `first` when the
  // endpoint hands nothing over). When the body has ended, waits for the remote task. Gives what the body gives; for a body of
  // task<> the remote task's result as std::optional (nullopt: it ended by our own ctx.cancel()), or nothing when it has none.
  // How errors and cancels of both sides combine: S-CTX-60 to S-CTX-75. An argument without a msgpack form is a msg::encode_error of this
  // very call, before there is anything to await.
  template <auto Function, class Body>
  [[nodiscard]] auto open_context(typename detail::endpoint_traits<Function>::arguments arguments, Body body,
                                  context_options options = {}) const;

  // The same by name, for what this program was not compiled with: `body(ctx, first)`, all that travels as msg::value, or as the types
  // named here, each of which is checked when a value of it comes. A `Started` of void: the body takes no `first`. The stream sends `In`
  // and receives `Out`. A missing module or function is a remote error (S-POR-4); of a function that is no context endpoint it is known
  // when it has been started there: it is cancelled, and a type_error thrown here.
  template <class Result = msg::value, class Started = msg::value, class In = msg::value, class Out = msg::value, class Body>
  [[nodiscard]] auto open_context_from_ns(std::string module, std::string name, const msg::value::map& arguments, Body body,
                                          context_options options = {}) const;

  // Runs a generator of the peer as a new task there, and `body(stream)` here with what it yields, a msg_stream that only receives.
  // Gives what the body gives. The stream ends when the generator does; an error of it is thrown by receive() when all that came before
  // was received, and where the block is left. When the block is left before the end, or the stream is closed, the generator's task is
  // cancelled: waits for its end, shielded, at most context_cancel_timeout, and throws nothing (S-OWS-4) but an error of the generator,
  // which may have run ahead to it. The generator is slowed by a body that does not keep up; other policies: `options`.
  template <auto Function, class Body>
  [[nodiscard]] auto open_stream_from(typename detail::endpoint_traits<Function>::arguments arguments, Body body,
                                      context_options options = {}) const;

  // The same by name.
  template <class Item = msg::value, class Body>
  [[nodiscard]] auto open_stream_from_ns(std::string module, std::string name, const msg::value::map& arguments, Body body,
                                         context_options options = {}) const;

  // Waits for the result of the main task of an actor made by run_in_actor; the same at every call. Throws no_result for a portal
  // without one.
  template <class Result = msg::value>
  [[nodiscard]] sc::task<Result> wait_for_result() const {
    const auto to = to_;
    const msg::bytes payload = co_await main_payload();
    try {
      co_return decode_payload<Result>(payload);
    } catch (const error& bad) {
      std::rethrow_exception(make_payload_mismatch(to->remote_uid(), {}, msg::message_kind::return_, payload, result_spec<Result>(), bad));
    }
  }

  // Cancels the peer's whole runtime and process, and waits for the acknowledgement, shielded. False: not acknowledged in time, or
  // the connection is gone (S-POR-20).
  [[nodiscard]] sc::task<bool> cancel_actor(cancel_options options = {}) const;

  [[nodiscard]] const std::shared_ptr<detail::peer>& kernel_peer() const noexcept { return to_; }
  [[nodiscard]] const std::shared_ptr<detail::main_result>& kernel_main() const noexcept { return main_; }

 private:
  template <class Result>
  static sc::task<Result> call(std::shared_ptr<detail::peer> to, std::string module, std::string name, msg::buffer kwargs) {
    using place = std::optional<std::conditional_t<std::is_void_v<Result>, char, Result>>;
    place result;
    const auto take = [](void* into, detail::dialog& link) {
      const auto& payload = link.return_payload();
      try {
        if constexpr (!std::is_void_v<Result>) static_cast<place*>(into)->emplace(decode_payload<Result>(payload));
      } catch (const error& bad) {  // S-COD-7
        std::rethrow_exception(link.refuse_payload(msg::message_kind::return_, payload, result_spec<Result>(), bad));
      }
    };
    co_await detail::call_remote(std::move(to), std::move(module), std::move(name), std::move(kwargs), take, &result);
    if constexpr (!std::is_void_v<Result>) co_return std::move(*result);
  }
  template <class Result>
  static Result decode_payload(const msg::bytes& payload) {
    if constexpr (!std::is_void_v<Result>) return msg::decode<Result>(payload, {}, "pld");
  }
  template <class Result>
  static constexpr std::string_view result_spec() {
    if constexpr (std::is_void_v<Result>)
      return "None";
    else
      return msg::type_name<Result>();
  }
  [[nodiscard]] sc::task<msg::bytes> main_payload() const;

  std::shared_ptr<detail::peer> to_;
  std::shared_ptr<detail::main_result> main_;
};

// --------------------------------------------------------------------------------------------------------------------

namespace detail {

// The types of one open_context.
template <class Types, class Body>
struct context_call {
  using started_type = typename Types::started_type;
  using remote_result = typename Types::result_type;
  using context_type = parent_context<typename Types::in_type, typename Types::out_type, remote_result>;
  using body_value = typename context_body_result<Body, context_type, started_type>::type::value_type;
  static constexpr bool gives_body_value = !std::is_void_v<body_value>;
  static constexpr bool gives_remote_result = !gives_body_value && !std::is_void_v<remote_result>;
  template <class T>
  struct optional_of {
    using type = std::optional<T>;
  };
  using result_type =
      typename std::conditional_t<gives_body_value, std::type_identity<body_value>,
                                  std::conditional_t<gives_remote_result, optional_of<remote_result>, std::type_identity<void>>>::type;
};

template <class Started>
Started decode_started(dialog& link) {
  try {
    return msg::decode<Started>(link.started_payload(), {}, "pld");
  } catch (const msg::decode_error& bad) {
    std::rethrow_exception(link.refuse_payload(msg::message_kind::started, link.started_payload(), msg::type_name<Started>(), bad));
  }
}

// The function that is called, and its arguments as they travel.
struct dialog_call {
  std::string module;
  std::string name;
  msg::buffer kwargs{};
};
template <auto Function>
dialog_call call_of(const typename endpoint_traits<Function>::arguments& arguments) {
  const endpoint& target = endpoint_of<Function>();
  dialog_call made{.module = std::string(target.module), .name = std::string(target.name)};
  msg::writer out(made.kwargs);
  write_arguments(out, target, arguments);
  return made;
}
inline dialog_call call_by_name(std::string module, std::string name, const msg::value::map& arguments) {
  dialog_call made{.module = std::move(module), .name = std::move(name)};
  msg::encode(made.kwargs, arguments, "kwargs");
  return made;
}

// `opener` is for the error's text.
inline void prepare_dialog(dialog& link, const dialog_call& target, context_options options, const char* opener) {
  if (options.buffer_messages == 0) throw usage_error(std::string(opener) + ": a stream needs room for a message, buffer_messages is 0");
  link.set_function(target.module, target.name);
  link.set_receiving(options.overruns, options.buffer_messages);
}

// Runs a context's block from Start to the end of the remote task. The algorithm is the spec's A1 to E4.
template <class Types, class Body>
auto run_context(std::shared_ptr<peer> to, dialog_call target, Body body, context_options options)
    -> sc::task<typename context_call<Types, Body>::result_type> {
  using call = context_call<Types, Body>;
  using body_value = typename call::body_value;

  refuse_self(*to);
  dialog link(to, context_side::parent, make_uuid());
  prepare_dialog(link, target, options, "open_context()");

  std::optional<std::conditional_t<std::is_void_v<body_value>, char, body_value>> value;
  const auto block = [&]() -> sc::task<> {
    co_await start_dialog(link, msg::function_kind::context, target.module, target.name, target.kwargs);
    co_await link.wait_for_started(target.name);
    typename call::context_type ctx(link);
    const auto enter = [&]() {
      if constexpr (std::is_void_v<typename call::started_type>)
        return std::tuple<>();
      else  // a wrong payload is a msg_type_error, raised where the block is entered (S-COD-5)
        return std::tuple<typename call::started_type>(decode_started<typename call::started_type>(link));
    };
    auto first = enter();
    const auto running = [&] { return std::apply([&](auto&... started) { return body(ctx, std::move(started)...); }, first); };
    if constexpr (std::is_void_v<body_value>)
      co_await running();
    else
      value.emplace(co_await running());
  };
  std::exception_ptr local;
  bool complete = false;
  try {
    complete = co_await link.scope().run(block);
    if (complete) co_await link.wait_for_return();  // E1
  } catch (...) {
    local = std::current_exception();
  }
  if (local) co_await abandon_dialog(link, local);  // throws, unless this block absorbs the error (E2, E3)
  // Cut off by an error that is not the end of the remote task: it must not outlive this block.
  if (!link.peer_ended()) co_await link.cancel_remote(context_cancel_timeout, false);
  link.maybe_raise();
  if constexpr (call::gives_body_value) {
    if (!value) link.raise_remote_error();  // our own cancel() cut the body off
    co_return std::move(*value);
  } else if constexpr (call::gives_remote_result) {
    if (!link.return_received()) co_return std::nullopt;
    co_return call::context_type::decode_result(link);
  } else {
    if (link.return_received()) call::context_type::decode_result(link);
  }
}

// Runs the block of a one-way stream, from Start to the end of the remote task.
template <class Item, class Body>
auto run_one_way(std::shared_ptr<peer> to, dialog_call target, Body body, context_options options)
    -> std::invoke_result_t<Body&, msg_stream<void, Item>&> {
  using body_value = typename std::invoke_result_t<Body&, msg_stream<void, Item>&>::value_type;

  dialog link(to, context_side::parent, make_uuid());
  prepare_dialog(link, target, options, "open_stream_from()");
  std::optional<std::conditional_t<std::is_void_v<body_value>, char, body_value>> value;
  std::exception_ptr local;
  try {
    co_await start_dialog(link, msg::function_kind::asyncgen, target.module, target.name, target.kwargs);
    if constexpr (std::is_void_v<body_value>)
      co_await run_stream<void, Item>(link, std::move(body), {});
    else
      value.emplace(co_await run_stream<void, Item>(link, std::move(body), {}));
  } catch (...) {
    local = std::current_exception();
  }
  if (local) co_await abandon_dialog(link, local);
  if (!link.peer_ended()) co_await link.cancel_remote(context_cancel_timeout, true);
  link.maybe_raise();
  if constexpr (!std::is_void_v<body_value>) {
    if (!value) link.raise_remote_error();  // the generator's answer to our aclose() cut the body off
    co_return std::move(*value);
  }
}

}  // namespace detail

template <auto Function, class Body>
auto portal::open_stream_from(typename detail::endpoint_traits<Function>::arguments arguments, Body body, context_options options) const {
  static_assert(detail::endpoint_traits<Function>::kind == msg::function_kind::asyncgen,
                "this function is no generator: open it with open_context, or call it with run");
  using item_type = typename detail::endpoint_traits<Function>::item_type;
  return detail::run_one_way<item_type>(to_, detail::call_of<Function>(arguments), std::move(body), options);
}

template <class Item, class Body>
auto portal::open_stream_from_ns(std::string module, std::string name, const msg::value::map& arguments, Body body,
                                 context_options options) const {
  return detail::run_one_way<Item>(to_, detail::call_by_name(std::move(module), std::move(name), arguments), std::move(body), options);
}

template <auto Function, class Body>
auto portal::open_context(typename detail::endpoint_traits<Function>::arguments arguments, Body body, context_options options) const {
  static_assert(detail::endpoint_traits<Function>::takes_context,
                "this function is no context endpoint: call it with run, or open a generator with open_stream_from");
  return detail::run_context<detail::dialog_types_of<Function>>(to_, detail::call_of<Function>(arguments), std::move(body), options);
}

template <class Result, class Started, class In, class Out, class Body>
auto portal::open_context_from_ns(std::string module, std::string name, const msg::value::map& arguments, Body body,
                                  context_options options) const {
  using types = detail::dialog_types<Result, Started, In, Out>;
  return detail::run_context<types>(to_, detail::call_by_name(std::move(module), std::move(name), arguments), std::move(body), options);
}

}  // namespace tractor
