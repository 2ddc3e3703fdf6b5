// SPDX-License-Identifier: Apache-2.0
//
// One generator for many subscribers: each gets what is published under the topics that it asked for.
//
//     sc::generator<std::map<std::string, double>> prices(trionics::live_topics topics, int seed);   // values by topic
//
//     TRACTOR_MODULE(market) { mod.def<trionics::published<&prices>>("prices", "topics", "seed"); }
//
//     co_await portal.open_stream_from<trionics::published<&prices>>({{"gold", "tin"}, 10}, [](auto& stream) -> sc::task<> {
//       while (auto packet = co_await stream.next()) use(*packet);   // of "gold", of "tin", or of both
//     });
//
// In an actor one instance of the generator runs at a time and feeds all who are subscribed: the first one's, with the arguments that it
// gave, inside its call. The others wait for what it yields. Of every map that is yielded each gets its topics, as one map, where there is
// any; values that nobody asked for are dropped. topics.get() says what is asked for at this moment. The actor's own tasks subscribe
// without a portal: `sc::aclosing(trionics::published<&prices>({"gold"}, 10), …)`. A publisher that waits for its own values waits for
// ever.
//
// When the one that feeds leaves, is cancelled, or its actor dies, the generator is closed, and of those that wait for a value the one
// that came first goes on with an instance of its own: what was yielded is not lost to the others, what the instance knew is. When the
// generator ends, so do the streams of all who are subscribed, behind what is queued for them; who comes later starts it anew. An error of
// the generator, or of the copy of a value, is that one's whose instance it was, and the next goes on. Leaving takes a subscriber out of
// all its topics at once; with the last one the generator is gone.
//
// No subscriber misses a value: the generator is asked for more only when each has room, and so the slowest one sets the pace. At most
// publisher_queued_max maps wait for each, beside those in its stream.
//
// With names, published<&prices, "spot", "futures">, there is one generator for each name, and the endpoint takes another argument after
// the topics, `task_name`. published_as<&prices, &to_tick, names…> sends to_tick(topic, value) instead of maps, one message a value.
// No topics, and a name that was not declared, are a type_error. Where there is no actor: no_runtime.

#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/msg/type_name.hpp"
#include "tractor/runtime/detail/endpoint.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/trionics/detail/publication.hpp"

namespace tractor::trionics {

inline constexpr std::size_t publisher_queued_max = 64;  // maps that wait for one subscriber

// What a publisher is asked for. Copies; stays valid, and is empty when nobody is subscribed.
class TRACTOR_API live_topics {
 public:
  // --- for the publisher ---
  explicit live_topics(std::shared_ptr<const detail::publication> of) noexcept;

  [[nodiscard]] std::set<std::string> get() const;

 private:
  std::shared_ptr<const detail::publication> of_;
};

namespace detail {

template <class Function>
struct publisher_traits {
  static constexpr bool is_publisher = false;
};
template <class T, class... Arguments>
struct publisher_traits<sc::generator<std::map<std::string, T>> (*)(live_topics, Arguments...)>
    : tractor::detail::parameter_traits<Arguments...> {
  static constexpr bool is_publisher = true;
  using value_type = T;
};
template <class T, class... Arguments>
struct publisher_traits<sc::generator<std::map<std::string, T>> (*)(live_topics, Arguments...) noexcept>
    : publisher_traits<sc::generator<std::map<std::string, T>> (*)(live_topics, Arguments...)> {};

struct as_map {};  // instead of a packetizer

template <class T, auto Packetize>
struct packet_of {
  static_assert(
      requires(const std::string& topic, const T& value) { Packetize(topic, value); },
      "a packetizer is called with a topic and a value, and gives what is sent");
  using type = std::invoke_result_t<decltype(Packetize), const std::string&, const T&>;
};
template <class T>
struct packet_of<T, as_map{}> {
  using type = std::map<std::string, T>;
};

// The endpoint.
template <auto Generator, auto Packetize, class Arguments, msg::detail::literal... Names>
struct publisher_calls;

template <auto Generator, auto Packetize, msg::detail::literal... Names>
consteval auto publisher_endpoint() {
  using traits = publisher_traits<decltype(Generator)>;
  static_assert(
      traits::is_publisher,
      "a publisher is a plain function that returns sc::generator<std::map<std::string, T>>, what it publishes by topic; its first "
      "parameter is a trionics::live_topics, which tells what is asked for");
  if constexpr (traits::is_publisher) {
    using calls = publisher_calls<Generator, Packetize, typename traits::arguments, Names...>;
    if constexpr (sizeof...(Names) == 0)
      return &calls::open;
    else
      return &calls::open_named;
  }
}

}  // namespace detail

// The endpoint of a publisher: a function (std::vector<std::string> topics, arguments…) of which portal.open_stream_from makes a
// stream. With names, (topics, std::string task_name, arguments…).
template <auto Generator, msg::detail::literal... Names>
inline constexpr auto published = detail::publisher_endpoint<Generator, detail::as_map{}, Names...>();

// The same with a packetizer.
template <auto Generator, auto Packetize, msg::detail::literal... Names>
inline constexpr auto published_as = detail::publisher_endpoint<Generator, Packetize, Names...>();

// --------------------------------------------------------------------------------------------------------------------

namespace detail {

template <class T>
class publication_subscriber final : public publication_member {
 public:
  using map = std::map<std::string, T>;
  using publication_member::publication_member;

  // Makes a copy of what it asked for, if there is any, for put_prepared(). In two steps, so that all get a value or, when a copy fails,
  // none.
  void prepare(const map& all) {
    prepared_.clear();
    map own;
    for (const auto& each : all)
      if (topics().contains(each.first)) own.insert(each);
    if (!own.empty()) prepared_.push_back(std::move(own));
  }
  void put_prepared() noexcept {
    if (prepared_.empty()) return;
    queue_.splice(queue_.end(), prepared_);
    note_put(queue_.size());
  }
  [[nodiscard]] bool has_queued() const noexcept { return !queue_.empty(); }
  [[nodiscard]] map take() {
    map first = std::move(queue_.front());
    queue_.pop_front();
    note_taken(queue_.size());
    return first;
  }

 private:
  std::list<map> queue_;
  std::list<map> prepared_;
};

template <auto Generator, auto Packetize, class... Arguments, msg::detail::literal... Names>
struct publisher_calls<Generator, Packetize, std::tuple<Arguments...>, Names...> {
  using value_type = typename publisher_traits<decltype(Generator)>::value_type;
  using packet = typename packet_of<value_type, Packetize>::type;
  using subscriber = publication_subscriber<value_type>;
  using map = typename subscriber::map;

  static sc::generator<packet> open(std::vector<std::string> topics, Arguments... arguments) {
    return subscribe({}, topics_asked_for(text(), std::move(topics)), std::move(arguments)...);
  }
  static sc::generator<packet> open_named(std::vector<std::string> topics, std::string task_name, Arguments... arguments) {
    check_task_name(text(), task_name, {Names.view()...});
    return subscribe(std::move(task_name), topics_asked_for(text(), std::move(topics)), std::move(arguments)...);
  }

 private:
  static constexpr std::string_view text() noexcept { return tractor::detail::function_text<Generator>(); }

  // Nothing here may be open around a co_yield but what a destructor closes.
  static sc::generator<packet> subscribe(std::string task_name, std::set<std::string> topics, Arguments... arguments) {
    const auto all = actor_publication(reinterpret_cast<const void*>(Generator), text(), task_name);
    subscriber self(all, std::move(topics));
    std::optional<sc::generator<map>> source;  // goes before the turn does
    for (;;) {
      while (self.has_queued()) {
        map values = self.take();
        if constexpr (std::is_same_v<std::remove_const_t<decltype(Packetize)>, as_map>)
          co_yield std::move(values);
        else
          for (const auto& [topic, value] : values) co_yield Packetize(topic, value);
      }
      if (self.ended()) co_return;
      if (!self.take_turn()) {
        co_await self.news();
        continue;
      }
      if (!source) source.emplace(Generator(live_topics(all), std::move(arguments)...));
      while (all->full()) co_await all->room();
      if (const auto values = co_await source->next()) {
        for (publication_member* each : all->members()) static_cast<subscriber&>(*each).prepare(*values);
        for (publication_member* each : all->members()) static_cast<subscriber&>(*each).put_prepared();
      } else {
        all->end();
      }
      if (!self.has_queued()) co_await sc::checkpoint();  // a generator need not wait, and there may be nothing to send
    }
  }
};

}  // namespace detail

}  // namespace tractor::trionics
