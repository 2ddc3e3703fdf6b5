// SPDX-License-Identifier: Apache-2.0
//
// What the runtime knows of a function that can be called from another actor, with its types taken away.

#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/msg/codec.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/msg/type_name.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/sc/task.hpp"

namespace tractor {
template <class Started, class In, class Out>
class context;
}

namespace tractor::detail {

class dialog;
struct endpoint;

// A call whose arguments are decoded: made before the task exists, so that a wrong call is refused first (S-RPC-4).
class TRACTOR_API prepared_call {
 public:
  prepared_call() noexcept = default;
  prepared_call(const prepared_call&) = delete;
  prepared_call& operator=(const prepared_call&) = delete;
  virtual ~prepared_call();
  // Runs the function. Its result stays here.
  virtual sc::task<> run(dialog& link) = 0;
  // Appends the frame that says that it has ended: Return, of a generator Stop. Throws msg::encode_error for a result that has no
  // msgpack form.
  virtual void encode_end(msg::buffer& out, std::string_view cid) const = 0;
};

// The types of a function, as error messages name them; empty where it has none.
struct function_types {
  std::vector<std::string_view> arguments;
  std::string_view result, started, in, out;
};

struct endpoint {
  std::string_view module;
  std::string_view name;
  msg::function_kind kind = msg::function_kind::asyncfunc;
  std::vector<std::string_view> argument_names;
  const void* function = nullptr;  // the function's address: its identity in this process
  std::unique_ptr<prepared_call> (*prepare)(const endpoint& self, msg::bytes_view kwargs) = nullptr;
  function_types (*types)() = nullptr;
};

// The endpoint of a function of this program; throws usage_error when no TRACTOR_MODULE defines it.
[[nodiscard]] TRACTOR_API const endpoint& endpoint_of_function(const void* function, std::string_view pretty_name);

// --- what the type of a function tells ---

template <class T>
struct is_context : std::false_type {};
template <class Started, class In, class Out>
struct is_context<context<Started, In, Out>> : std::true_type {
  using started_type = Started;
  using in_type = In;
  using out_type = Out;
};

template <class First, class... Rest>
struct first_of {
  using type = First;
};

template <class... Parameters>
struct parameter_traits {
  template <class... P>
  struct split {
    using context_type = void;
    using arguments = std::tuple<std::decay_t<P>...>;
    static constexpr bool parameters_ok = ((!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>) && ...);
  };
  template <class C, class... P>
    requires is_context<std::remove_cvref_t<C>>::value
  struct split<C, P...> {
    static_assert(std::is_lvalue_reference_v<C>, "an endpoint takes its context by reference");
    using context_type = std::remove_cvref_t<C>;
    using arguments = std::tuple<std::decay_t<P>...>;
    static constexpr bool parameters_ok = ((!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>) && ...);
  };
  using parts = split<Parameters...>;
  using context_type = typename parts::context_type;
  using arguments = typename parts::arguments;
  static_assert(parts::parameters_ok, "an endpoint's arguments are values or const references: they come over a wire");
  static constexpr std::size_t argument_count = std::tuple_size_v<arguments>;
  static constexpr bool takes_context = !std::is_void_v<context_type>;
};

template <class Function>
struct function_traits {
  static_assert(sizeof(Function) == 0,
                "an endpoint is a plain function that returns sc::task<T>, or sc::generator<T> for a one-way stream");
};
template <class Result, class... Parameters>
struct function_traits<sc::task<Result> (*)(Parameters...)> : parameter_traits<Parameters...> {
  using result_type = Result;
  using item_type = void;
  static constexpr auto kind = parameter_traits<Parameters...>::takes_context ? msg::function_kind::context : msg::function_kind::asyncfunc;
};
template <class Result, class... Parameters>
struct function_traits<sc::task<Result> (*)(Parameters...) noexcept> : function_traits<sc::task<Result> (*)(Parameters...)> {};
template <class Item, class... Parameters>
struct function_traits<sc::generator<Item> (*)(Parameters...)> : parameter_traits<Parameters...> {
  using result_type = void;
  using item_type = Item;
  static constexpr auto kind = msg::function_kind::asyncgen;
  static_assert(!parameter_traits<Parameters...>::takes_context,
                "a generator yields what it gives and takes no context: to get something from the other side too, return sc::task<>");
};
template <class Item, class... Parameters>
struct function_traits<sc::generator<Item> (*)(Parameters...) noexcept> : function_traits<sc::generator<Item> (*)(Parameters...)> {};

template <auto Function>
struct endpoint_traits : function_traits<decltype(Function)> {};

template <auto Function>
constexpr std::string_view function_text() noexcept {
  std::string_view text = __PRETTY_FUNCTION__;
  const auto from = text.find("Function = ");
  if (from == std::string_view::npos) return "a function";
  text.remove_prefix(from + 11);
  return text.substr(0, text.rfind(']'));
}

// The endpoint of `Function`, looked up once in a process.
template <auto Function>
const endpoint& endpoint_of() {
  static constinit const endpoint* known = nullptr;
  if (known == nullptr) known = &endpoint_of_function(reinterpret_cast<const void*>(Function), function_text<Function>());
  return *known;
}

// --- arguments ---

[[noreturn]] TRACTOR_API void throw_unexpected_argument(const endpoint& called, std::string_view name);
[[noreturn]] TRACTOR_API void throw_missing_argument(const endpoint& called, std::string_view name);
[[noreturn]] TRACTOR_API void throw_bad_argument(const endpoint& called, std::string_view name, std::string_view wanted, const error& why);
[[noreturn]] TRACTOR_API void throw_bad_arguments(const endpoint& called, const error& why);
[[noreturn]] TRACTOR_API void rethrow_in_argument(const endpoint& called, std::string_view name, const msg::encode_error& why);
// Calls `slot(self, index, item)` for each argument by its index among `called.argument_names`.
TRACTOR_API void for_each_argument(const endpoint& called, msg::bytes_view kwargs,
                                   void (*slot)(void* self, std::size_t index, msg::bytes_view item), void* self);

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

template <class... A>
std::tuple<A...> decode_arguments(const endpoint& called, msg::bytes_view kwargs, std::tuple<A...>*) {
  struct state {
    const endpoint& called;
    std::tuple<std::optional<A>...> slots;
  } into{called, {}};
  for_each_argument(
      called, kwargs,
      [](void* self, std::size_t index, msg::bytes_view item) {
        state& target = *static_cast<state*>(self);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          const auto put = [&]<std::size_t At>() {
            try {
              std::get<At>(target.slots).emplace(msg::decode<std::tuple_element_t<At, std::tuple<A...>>>(item));
            } catch (const error& bad) {
              throw_bad_argument(target.called, target.called.argument_names[At],
                                 msg::type_name<std::tuple_element_t<At, std::tuple<A...>>>(), bad);
            }
          };
          static_cast<void>(((I == index ? (put.template operator()<I>(), true) : false) || ...));
        }(std::index_sequence_for<A...>{});
      },
      &into);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto take = [&]<std::size_t At>() -> std::tuple_element_t<At, std::tuple<A...>> {
      using type = std::tuple_element_t<At, std::tuple<A...>>;
      auto& slot = std::get<At>(into.slots);
      if (!slot) {
        if constexpr (is_optional<type>::value)
          return type{};
        else
          throw_missing_argument(called, called.argument_names[At]);
      }
      return std::move(*slot);
    };
    return std::tuple<A...> { take.template operator()<I>()... };
  }(std::index_sequence_for<A...>{});
}

// --- the call itself ---

template <auto Function>
class typed_call final : public prepared_call {
 public:
  using traits = endpoint_traits<Function>;
  using result_type = typename traits::result_type;

  explicit typed_call(typename traits::arguments arguments) : arguments_(std::move(arguments)) {}

  static std::unique_ptr<prepared_call> prepare(const endpoint& called, msg::bytes_view kwargs) {
    return std::make_unique<typed_call>(decode_arguments(called, kwargs, static_cast<typename traits::arguments*>(nullptr)));
  }

  sc::task<> run(dialog& link) override;  // context.hpp: it needs the context's type

  void encode_end(msg::buffer& out, std::string_view cid) const override {
    if constexpr (traits::kind == msg::function_kind::asyncgen)
      msg::encode_stop(out, cid);
    else if constexpr (std::is_void_v<result_type>)
      msg::encode_return(out, cid, nullptr);
    else
      msg::encode_return(out, cid, *result_);
  }

  static void* operator new(std::size_t bytes) { return sc::detail::frame_pool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { sc::detail::frame_pool::deallocate(memory, bytes); }

 private:
  template <class... Leading>
  auto call(Leading&... leading) {
    return std::apply([&](auto&... arguments) { return Function(leading..., std::move(arguments)...); }, arguments_);
  }

  typename traits::arguments arguments_;
  std::optional<std::conditional_t<std::is_void_v<result_type>, char, result_type>> result_;
};

template <class T>
constexpr std::string_view type_name_or_none() noexcept {
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return msg::type_name<T>();
}

// Asked by whoever describes the function: costs nothing before.
template <auto Function>
function_types types_of() {
  using traits = endpoint_traits<Function>;
  function_types types;
  [&]<class... A>(std::tuple<A...>*) { types.arguments = {msg::type_name<A>()...}; }(static_cast<typename traits::arguments*>(nullptr));
  types.result = traits::kind == msg::function_kind::asyncgen ? type_name_or_none<typename traits::item_type>()
                                                              : type_name_or_none<typename traits::result_type>();
  if constexpr (traits::takes_context) {
    using dialog = is_context<typename traits::context_type>;
    types.started = type_name_or_none<typename dialog::started_type>();
    types.in = type_name_or_none<typename dialog::in_type>();
    types.out = type_name_or_none<typename dialog::out_type>();
  }
  return types;
}

template <auto Function>
endpoint make_endpoint(std::string_view module, std::string_view name, std::initializer_list<const char*> argument_names) {
  endpoint made;
  made.module = module;
  made.name = name;
  made.kind = endpoint_traits<Function>::kind;
  made.argument_names.assign(argument_names.begin(), argument_names.end());
  made.function = reinterpret_cast<const void*>(Function);
  made.prepare = &typed_call<Function>::prepare;
  made.types = &types_of<Function>;
  return made;
}

// Writes the map of arguments of a call of `called`. Throws msg::encode_error that names the argument which has no form on the wire.
template <class... A>
void write_arguments(msg::writer& out, const endpoint& called, const std::tuple<A...>& arguments) {
  out.map_header(sizeof...(A));
  std::size_t index = 0;
  const auto write = [&](const auto& argument) {
    out.str(called.argument_names[index]);
    msg::encode_item(out, argument);
    ++index;
  };
  try {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (write(std::get<I>(arguments)), ...); }(std::index_sequence_for<A...>{});
  } catch (const msg::encode_error& bad) {
    rethrow_in_argument(called, called.argument_names[index], bad);
  }
}

}  // namespace tractor::detail
