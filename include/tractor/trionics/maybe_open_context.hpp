// SPDX-License-Identifier: Apache-2.0
//
// One resource for the whole actor: whichever of its tasks needs it first opens it, the last one has it closed.
//
//     sc::task<> open_database(std::string url, int connections, trionics::inside<database> inside);   // an opener
//
//     co_await trionics::maybe_open_context<&open_database>({url, 4}, [](bool cache_hit, database& db) -> sc::task<> { … });
//
// An opener is a plain function that returns task<> and takes the body last: a manager (manager.hpp) with arguments. Resources are told
// apart by opener and arguments; calls that give a key of their own, by opener and that key, whatever the arguments. They live in the
// actor's service nursery, so that no task's end or cancel but the last user's ends one. All else, in what order things happen, errors and
// cancellation, is as context_cache.hpp says. Where there is no actor: no_runtime. There, and for resources of a part of a program, use a
// context_cache.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>

#include "tractor/runtime/detail/endpoint.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/trionics/context_cache.hpp"
#include "tractor/trionics/manager.hpp"

namespace tractor::trionics {

namespace detail {

template <class T>
struct is_inside : std::false_type {};
template <class T>
struct is_inside<inside<T>> : std::true_type {
  using value_type = T;
};

template <class Opener>
struct opener_traits {
  static_assert(sizeof(Opener) == 0, "an opener is a plain function that returns sc::task<> and takes the body, an inside<T>, last");
};
template <class... Parameters>
  requires(sizeof...(Parameters) > 0)
struct opener_traits<sc::task<> (*)(Parameters...)> {
  static constexpr std::size_t argument_count = sizeof...(Parameters) - 1;
  using last = is_inside<std::remove_cvref_t<std::tuple_element_t<argument_count, std::tuple<Parameters...>>>>;
  static_assert(last::value, "the last parameter of an opener is the body, an inside<T>");
  using value_type = typename last::value_type;
  template <std::size_t... I>
  static auto arguments_of(std::index_sequence<I...>) -> std::tuple<std::decay_t<std::tuple_element_t<I, std::tuple<Parameters...>>>...>;
  using arguments = decltype(arguments_of(std::make_index_sequence<argument_count>()));
};

template <auto Open>
manager<typename opener_traits<decltype(Open)>::value_type> bind_opener(typename opener_traits<decltype(Open)>::arguments arguments) {
  return [given = std::move(arguments)](auto body) { return std::apply([&](const auto&... each) { return Open(each..., body); }, given); };
}

// What tells the caches of an actor apart.
struct cache_identity {
  const void* opener;
  std::type_index key;
};
// The current actor's cache of that identity; made, with its service nursery, where nobody holds one. Throws no_runtime.
using make_cache = std::shared_ptr<void> (*)(sc::nursery& service, std::string what);
[[nodiscard]] TRACTOR_API std::shared_ptr<void> actor_cache(cache_identity identity, std::string_view opener_text, make_cache make);

template <class Key, class T>
std::shared_ptr<void> make_context_cache(sc::nursery& service, std::string what);

}  // namespace detail

// The arguments of an opener, as its resources are told apart by them.
template <auto Open>
using opener_arguments = typename detail::opener_traits<decltype(Open)>::arguments;

// Runs `body(bool cache_hit, T& value)` with the actor's resource that `Open(arguments…)` opens; gives what the body gives. See the top of
// this file.
template <auto Open, class Body>
[[nodiscard]] auto maybe_open_context(opener_arguments<Open> arguments, Body body)
    -> std::invoke_result_t<Body&, bool, typename detail::opener_traits<decltype(Open)>::value_type&>;

// The same with an explicit key, for arguments that cannot be compared or do not matter: those of the first user count.
template <auto Open, class Key, class Body>
[[nodiscard]] auto maybe_open_context(Key key, opener_arguments<Open> arguments, Body body)
    -> std::invoke_result_t<Body&, bool, typename detail::opener_traits<decltype(Open)>::value_type&>;

// --------------------------------------------------------------------------------------------------------------------

namespace detail {

// A cache that its users hold, and whose users need not be inside the service nursery.
template <class Key, class T>
class actor_context_cache {
 public:
  actor_context_cache(sc::nursery& service, std::string what) : service_(service), what_(std::move(what)) {}

  template <class Body>
  auto open(Key key, manager<T> opener, Body& body) -> std::invoke_result_t<Body&, bool, T&> {
    const typename resource_slots<Key>::reference used(slots_, std::move(key), what_);
    co_return co_await use_resource<T>(used.resource(), service_, std::move(opener), body);
  }

 private:
  sc::nursery& service_;
  std::string what_;
  resource_slots<Key> slots_;
};

template <class Key, class T>
std::shared_ptr<void> make_context_cache(sc::nursery& service, std::string what) {
  return std::make_shared<actor_context_cache<Key, T>>(service, std::move(what));
}

}  // namespace detail

template <auto Open, class Key, class Body>
auto maybe_open_context(Key key, opener_arguments<Open> arguments, Body body)
    -> std::invoke_result_t<Body&, bool, typename detail::opener_traits<decltype(Open)>::value_type&> {
  using value_type = typename detail::opener_traits<decltype(Open)>::value_type;
  const auto cache = std::static_pointer_cast<detail::actor_context_cache<Key, value_type>>(
      detail::actor_cache({.opener = reinterpret_cast<const void*>(Open), .key = typeid(Key)}, tractor::detail::function_text<Open>(),
                          &detail::make_context_cache<Key, value_type>));
  co_return co_await cache->open(std::move(key), detail::bind_opener<Open>(std::move(arguments)), body);
}

template <auto Open, class Body>
auto maybe_open_context(opener_arguments<Open> arguments, Body body)
    -> std::invoke_result_t<Body&, bool, typename detail::opener_traits<decltype(Open)>::value_type&> {
  opener_arguments<Open> key = arguments;
  return maybe_open_context<Open>(std::move(key), std::move(arguments), std::move(body));
}

}  // namespace tractor::trionics
