// SPDX-License-Identifier: Apache-2.0

#include <map>
#include <set>

#include "lookup.hpp"
#include "registrar.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/find_actor.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::detail {

namespace {

// Follows one registrar until its end; then another one, until it is cancelled.
class watcher {
 public:
  watcher(directory& known, std::string prefix, sc::memory_send_channel<actor_event>& to)
      : known_(known), prefix_(std::move(prefix)), to_(to) {}

  // Until the registrar is gone, or this watch too far behind.
  sc::task<> follow(ipc::address where) {
    complete_ = false;
    missing_.clear();
    for (const auto& [uuid, who] : seen_) missing_.insert(uuid);
    if (known_.is_own(where)) {
      co_await sc::aclosing(watch_registry(prefix_), [&](sc::generator<registered_event>& events) -> sc::task<> {
        while (auto event = co_await events.next()) co_await take(std::move(*event));
      });
      co_return;
    }
    const portal registrar(co_await known_.registrar(std::move(where)));
    const auto body = [&](msg_stream<void, registered_event>& events) -> sc::task<> {
      while (auto event = co_await events.next()) co_await take(std::move(*event));
    };
    co_await registrar.open_stream_from_ns<registered_event>(std::string(registrar_module), "watch_actors",
                                                             msg::value::map{{"prefix", prefix_}}, body);
  }

  // The last one that was followed has told all that there was.
  [[nodiscard]] bool was_complete() const noexcept { return complete_; }

 private:
  sc::task<> take(registered_event event) {
    if (event.is_snapshot && event.name.empty() && event.uuid.empty()) {
      complete_ = true;  // the snapshot is complete: who was not in it has gone
      for (const auto& uuid : std::exchange(missing_, {})) co_await drop(uuid);
      co_return;
    }
    if (!event.is_there) {
      co_await drop(event.uuid);
      co_return;
    }
    if (event.is_snapshot) missing_.erase(event.uuid);
    registered_actor who{.name = std::move(event.name), .uuid = std::move(event.uuid), .addrs = std::move(event.addrs)};
    registered_actor& held = seen_[who.uuid];
    if (held == who) co_return;
    held = who;
    co_await to_.send({.what = actor_event::kind::registered, .who = std::move(who)});
  }

  sc::task<> drop(std::string uuid) {
    auto gone = seen_.extract(uuid);
    if (gone) co_await to_.send({.what = actor_event::kind::removed, .who = std::move(gone.mapped())});
  }

  directory& known_;
  std::string prefix_;
  sc::memory_send_channel<actor_event>& to_;
  std::map<std::string, registered_actor> seen_;
  bool complete_ = false;
  std::set<std::string> missing_;  // seen before the registrar changed, and not since
};

}  // namespace

sc::task<> with_watch(std::string prefix, find_options options, std::function<sc::task<>(actor_watch&)> body) {
  directory& known = current_actor().directory();
  const std::vector<ipc::address> registrars = co_await registrars_for(known, options.registry_addrs);
  auto [to, from] = sc::open_memory_channel<actor_event>(watch_buffer_events);
  co_await sc::open_nursery([&](sc::nursery& tasks) -> sc::task<> {
    tasks.start_soon({.name = "watch of actors"}, [&]() -> sc::task<> {
      watcher following(known, prefix, to);
      std::optional<sc::time_point> give_up;  // as long as there has been no registrar
      bool has_begun = false;
      sc::duration pause = registry_retry_first;
      for (std::size_t turn = 0;; ++turn) {
        std::exception_ptr failed;
        try {
          co_await following.follow(registrars[turn % registrars.size()]);
        } catch (const error&) {
          failed = std::current_exception();
        }
        if (following.was_complete()) {
          has_begun = true;
          give_up.reset();
          pause = registry_retry_first;
        }
        if (!give_up) give_up = sc::current_time() + registry_failover_timeout;
        // One that has begun goes on with the next registrar, whenever that comes, and tells then who has gone with the last.
        if (failed && !has_begun && sc::current_time() > *give_up)
          throw runtime_failure("no registrar can be watched: " + sc::describe_briefly(failed), error_category::disconnected);
        co_await sc::sleep(pause);
        pause = std::min<sc::duration>(pause * 2, registry_retry_max);
      }
    });
    actor_watch watch(from);
    co_await body(watch);
    tasks.cancel("the watch has ended");
  });
}

}  // namespace tractor::detail
