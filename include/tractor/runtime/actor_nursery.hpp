// SPDX-License-Identifier: Apache-2.0
//
// Actor nurseries: processes that cannot outlive the block that started them.
//
//     co_await tractor::open_nursery([](tractor::actor_nursery& an) -> sc::task<> {
//       auto portal = co_await an.start_actor("worker", {.enable_modules = {"greeter"}});
//       int three = co_await portal.run<&add>(1, 2);
//       co_await portal.cancel_actor();
//     });
//
// A daemon actor (start_actor) lives until it is cancelled; a run-once actor (run_in_actor) until its function has ended. Leaving
// the block waits for all of them: results first, then the daemons, for ever if nobody cancels them. When the body fails or is
// cancelled, or a run-once actor fails, or an actor dies and no dialog reports it, all actors are cancelled, in
// steps that always end: a request (0.5 s), SIGTERM, 1.6 s, SIGKILL. No process is left when the block has been left. An actor that
// somebody else tells to end, by a signal or through a portal, has the same time for it: it says so to its parent, whose nursery then takes
// these steps.
//
// An actor has ended in good order when it was told to end, by whomever, and its exit status is 0; or when the steps above ended it. Every
// other end is a death: a crash on the way out as well, and an exit(0) that nobody asked for.
//
// One error leaves the block as itself, several as a sc::exception_group, at most one for each actor, the body's first.
//
// The first open_nursery in a program opens the root actor around itself (S-RT-2).

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/spawn/spawn_request.hpp"
#include "tractor/spawn/start_method.hpp"

namespace tractor {

inline constexpr auto nursery_cancel_timeout = std::chrono::seconds(3);            // S-KIL-3
inline constexpr auto hard_kill_timeout = std::chrono::milliseconds(1600);         // S-KIL-6
inline constexpr auto death_certificate_timeout = std::chrono::milliseconds(500);  // between the end of a link and of its process
inline constexpr auto boot_timeout_default = std::chrono::seconds(10);
inline constexpr auto spawn_reply_timeout = std::chrono::milliseconds(500);   // for the fork server, once its child is not wanted any more
inline constexpr auto link_drain_timeout = std::chrono::milliseconds(100);    // for the last words of a process whose link others hold
inline constexpr auto socket_probe_timeout = std::chrono::milliseconds(100);  // to see that nobody listens where a killed actor did
inline constexpr auto socket_death_timeout = std::chrono::seconds(1);         // the same when it died with its fork server, unseen
inline constexpr auto socket_probe_pause = std::chrono::milliseconds(2);      // until one that may be dying is tried again
inline constexpr auto patience_interval = std::chrono::milliseconds(400);     // an actor that is being ended says that it waits for others
inline constexpr int patience_max = 8;                                        // so many times it gets another hard_kill_timeout for that

// What the nursery does when an actor's process ends without having been asked to, and no dialog was open that reports it.
enum class death_policy : unsigned char {
  raise,   // cancels everything and raises actor_died
  ignore,  // nothing: who uses the actor finds out, and may start another
};

struct actor_options {
  std::vector<std::string> enable_modules = {};          // what peers may call there
  std::vector<ipc::address> bind_addrs = {};             // where it listens, beside its control socket (runtime/server.hpp)
  std::optional<spawn::start_method> start_method = {};  // nullopt: TRACTOR_SPAWN_METHOD, else the fork server, else exec
  // Another program, whose main begins with tractor::run; empty: this one. It is executed, whatever TRACTOR_SPAWN_METHOD says; with
  // start_method forkserver it is a usage_error, because the fork server makes actors of this program only.
  std::string executable = {};
  std::vector<spawn::environment_override> environment = {};
  // A log spec (base/log.hpp) for it and the actors that it starts; empty: that of this actor. TRACTOR_LOGLEVEL comes after it.
  std::string loglevel = {};
  sc::duration boot_timeout = boot_timeout_default;  // until it has said who it is
  death_policy on_death = death_policy::raise;
};

struct run_in_actor_options {
  std::string name = {};  // empty: the function's name
  actor_options actor = {};
};

namespace detail {
struct child_actor;
}

class TRACTOR_API actor_nursery {
 public:
  explicit actor_nursery(actor& owner);
  actor_nursery(const actor_nursery&) = delete;
  actor_nursery& operator=(const actor_nursery&) = delete;
  ~actor_nursery();

  // Starts a daemon actor and gives the portal to it once it has said who it is. Names need not be unique. Throws
  // module_not_exposed for a module that this program does not have, actor_failure when the process does not become an
  // actor (with its exit status and the end of its stderr), os_error or usage_error when it cannot be started at all: also from when
  // the block is being left by an error or a cancel, and its actors are being ended.
  [[nodiscard]] sc::task<portal> start_actor(std::string name, actor_options options = {});

  // Starts an actor that runs one function and is cancelled when that has ended; portal.wait_for_result gives the result. The
  // function's own module is exposed in it.
  template <auto Function, class... Arguments>
  [[nodiscard]] auto run_in_actor(run_in_actor_options options, Arguments&&... arguments) -> sc::task<portal> {
    using traits = detail::endpoint_traits<Function>;
    static_assert(traits::kind != msg::function_kind::asyncgen, "run_in_actor takes a function that returns its result, not a generator");
    static_assert(!traits::takes_context, "run_in_actor takes a function that returns its result, not a context endpoint");
    const detail::endpoint& target = detail::endpoint_of<Function>();
    const typename traits::arguments converted(std::forward<Arguments>(arguments)...);
    msg::buffer kwargs;
    msg::writer to(kwargs);
    detail::write_arguments(to, target, converted);
    return run_once(std::move(options), target, std::move(kwargs));
  }

  // Cancels all actors at once; returns when each has acknowledged or was sent SIGTERM, after 3 s at the latest. The rest of the ladder,
  // to SIGKILL, runs by itself. With hard_kill SIGTERM comes first. The body goes on, and may start new actors (S-NUR-19).
  [[nodiscard]] sc::task<> cancel(bool hard_kill = false);

  [[nodiscard]] bool cancel_called() const noexcept { return cancel_called_; }
  // A cancel was called, and every actor has ended gracefully: by itself, with exit status 0; and nothing was killed while it booted.
  [[nodiscard]] bool cancelled_caught() const noexcept { return cancel_called_ && children_.empty() && !ungraceful_; }
  // Actors whose process has not been reaped.
  [[nodiscard]] std::size_t actor_count() const noexcept { return children_.size(); }

  // --- for the runtime ---
  sc::task<> run(std::function<sc::task<>(actor_nursery&)> body);

 private:
  using child_ptr = std::shared_ptr<detail::child_actor>;

  [[nodiscard]] sc::task<portal> run_once(run_in_actor_options options, const detail::endpoint& target, msg::buffer kwargs);
  [[nodiscard]] sc::task<child_ptr> spawn(std::string name, actor_options options);
  [[nodiscard]] sc::task<child_ptr> launch(std::string name, actor_options options, spawn::start_method method);
  [[nodiscard]] sc::task<> await_boot(child_ptr child);
  [[nodiscard]] sc::task<> fail_boot(child_ptr child, std::exception_ptr why);
  [[nodiscard]] sc::task<> monitor(child_ptr child);
  void lose(const child_ptr& child, const std::exception_ptr& why);
  [[nodiscard]] sc::task<> collect(child_ptr child, std::string module, std::string function, msg::buffer kwargs);
  // What an actor has said of its own end.
  void hear(const child_ptr& child);
  enum class first_step : unsigned char { asks, signals, waits };  // of the ladder; the last for one that somebody else has asked
  void start_ladder(const child_ptr& child, first_step from);
  [[nodiscard]] sc::task<> end_child(child_ptr child, first_step from);
  [[nodiscard]] static sc::task<bool> takes_leave(child_ptr child);
  [[nodiscard]] sc::task<bool> ends_within(child_ptr child, sc::duration bound);
  void start_ending(const child_ptr& child, bool hard_kill);
  [[nodiscard]] sc::task<> join();
  [[nodiscard]] sc::task<> end_all();
  void record(const uid& who, std::exception_ptr error);
  void fail(std::string why);
  void reaped(const child_ptr& child);
  [[noreturn]] void throw_errors();

  actor& owner_;
  sc::nursery* tasks_ = nullptr;
  sc::cancel_scope body_scope_;
  std::vector<child_ptr> children_;
  std::vector<std::pair<uid, std::exception_ptr>> errors_;
  std::vector<std::shared_ptr<detail::peer>> undecided_;  // of actors that were lost: who took it may drop it yet
  sc::parking_lot changed_;
  std::size_t starting_ = 0;  // calls of start_actor and run_in_actor that have not returned
  bool cancel_called_ = false;
  bool failing_ = false;
  bool ungraceful_ = false;  // an actor was killed, crashed, or ended nobody knows how
  bool ending_ = false;      // the block is being left, and nobody who is still started in it would be wanted
  bool closed_ = false;
};

namespace detail {
[[nodiscard]] TRACTOR_API sc::task<> run_nursery(std::function<sc::task<>(actor_nursery&)> body, const root_options* root);
}

// Opens an actor nursery around `body(actor_nursery&)`, which returns task<T>, and gives what the body gives. `root` is for the first
// nursery of a program, which opens the root actor; with a runtime up it is refused (S-RT-3).
template <class Body>
[[nodiscard]] auto open_nursery(Body body, std::optional<root_options> root = std::nullopt) -> std::invoke_result_t<Body&, actor_nursery&> {
  using value_type = typename std::invoke_result_t<Body&, actor_nursery&>::value_type;
  const root_options* given = root ? &*root : nullptr;
  if constexpr (std::is_void_v<value_type>) {
    co_await detail::run_nursery([&](actor_nursery& an) -> sc::task<> { return body(an); }, given);
  } else {
    std::optional<value_type> value;
    co_await detail::run_nursery([&](actor_nursery& an) -> sc::task<> { value.emplace(co_await body(an)); }, given);
    if (!value) throw sc::scope_cancelled_error("the actor nursery was cancelled before its body returned a value");
    co_return std::move(*value);
  }
}

}  // namespace tractor
