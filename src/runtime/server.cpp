// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <list>

#include "registration.hpp"
#include "tractor/base/log.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"

namespace tractor {

namespace detail {

namespace {

// A connection whose peer has not said who it is, counted.
class stranger {
 public:
  explicit stranger(actor& self) : self_(&self), place_(self.handshakes.emplace(self.handshakes.end(), sc::current_time())) {}
  stranger(stranger&& other) noexcept : self_(std::exchange(other.self_, nullptr)), place_(other.place_) {}
  stranger& operator=(stranger&&) = delete;
  ~stranger() { leave(); }
  // What its handshake runs in.
  [[nodiscard]] sc::cancel_scope& scope() noexcept { return place_->scope; }
  void leave() noexcept {
    actor* const self = std::exchange(self_, nullptr);
    if (self == nullptr) return;
    self->handshakes.erase(place_);
    self->handshake_ended.unpark_all();
  }

 private:
  actor* self_;
  std::list<actor::handshake>::iterator place_;
};

// How many of them there may be. A program may change its limit while it runs.
std::size_t places_for_strangers() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return handshakes_max;
  return std::min<std::size_t>(handshakes_max, limit.rlim_cur / handshakes_share);
}

// Waits until there is a place for one more: the one that has been silent for longest makes room. Whoever means well needs no more than a
// moment, so strangers keep nobody out; and has that moment, so that many who come at once do not either. Nothing is asked of the system
// while there is none.
sc::task<> make_room(actor& self) {
  while (!self.handshakes.empty() && self.handshakes.size() >= places_for_strangers()) {
    auto& oldest = self.handshakes.front();
    const auto patience = oldest.since + handshake_grace - sc::current_time();
    if (patience > sc::duration::zero()) {
      co_await sc::move_on_after(patience, [&]() -> sc::task<> { co_await self.handshake_ended.park("a handshake's end"); });
      continue;
    }
    oldest.scope.cancel("too many connections have not said who they are, and this one is the oldest");
    co_await sc::checkpoint();
  }
}

constinit logger log_of_server("tractor.runtime.server");

// What it means that other machines reach this actor. Where it listens beside a registry that they reach without having been told to, as
// all actors of its tree do, the root has said it for all.
void say_open(actor& self, const ipc::address& where, const ipc::address& local) {
  if (!self.is_root() && self.has_directory()) {
    const auto by_default = default_bind_addrs(self, self.directory().registry_addrs());
    if (std::ranges::find(by_default, where) != by_default.end()) {
      log_of_server.info("listens at ", local.text());
      return;
    }
  }
  std::fprintf(stderr, "tractor: actor %s listens at %s, %s\n", msg::quoted(self.name()).c_str(), local.text().c_str(),
               self.secret() ? "where the tree's secret proves who connects; what is sent is not encrypted (docs/security.md)"
                             : "insecurely: whoever reaches it can run the actor's functions");
}

// One connection from the handshake to its end. Whatever is wrong with it ends here (S-OOB-8).
sc::task<> serve_connection(actor& self, std::unique_ptr<sc::byte_stream> stream, stranger counted, bool over_tcp) {
  std::shared_ptr<peer> link;
  bool known = false;
  try {
    link = std::make_shared<peer>(self, std::move(stream));
    const bool in_time = co_await counted.scope().run(
        [&] { return sc::fail_after(handshake_timeout, [&] { return link->shake_hands(ipc::connection_end::acceptor, over_tcp); }); });
    known = in_time && !link->remote_aid()->is_probe;
    if (!in_time) log_of_server.runtime("a connection was dropped: ", counted.scope().reason()->text);
  } catch (const error& why) {
    // Silence, garbage, or somebody who gave up: dropped, like every such visitor.
    log_of_server.runtime("a connection was dropped before it was known who it is: ", why);
  } catch (const std::exception& why) {
    // There is no memory for it, say. (A cancel of the actor's is none of these.)
    log_of_server.error("a connection was dropped before it was known who it is: ", why.what());
  }
  if (!known) {
    if (link) link->fail(std::make_exception_ptr(transport_closed("the handshake was not completed")));
    co_return;
  }
  self.add_peer(link);
  counted.leave();
  co_await link->serve();
  self.remove_peer(*link);
}

sc::task<> accept_one(actor& self, ipc::listener& listener) {
  auto connection = co_await listener.accept();
  if (self.peer_count() + self.handshakes.size() >= connections_max) co_return;  // the stream's destructor hangs up
  co_await make_room(self);
  self.service().start_soon({.name = "peer"}, [&self, stream = std::move(connection.stream), counted = stranger(self),
                                               over_tcp = listener.local().tcp() != nullptr]() mutable {
    return serve_connection(self, std::move(stream), std::move(counted), over_tcp);
  });
}

// What goes wrong with one connection, or for want of memory or of the kernel's, costs no more than that one (S-OOB-8). An actor that
// nobody can connect to any more has its other peers.
sc::task<> accept_loop(actor& self, std::shared_ptr<ipc::listener> listener) {
  for (bool failed_before = false;;) {
    bool failed = true;
    try {
      co_await accept_one(self, *listener);
      failed = false;
    } catch (const sc::closed_resource_error&) {
      co_return;  // The actor has stopped listening.
    } catch (const std::exception& why) {
      if (!listener->listens()) {
        log_of_server.error("nobody can connect at ", listener->local().text(), " any more: ", why);
        break;
      }
      if (!failed_before) log_of_server.error("a connection at ", listener->local().text(), " was not accepted: ", why);
    }
    failed_before = failed;
    if (failed) co_await sc::sleep(accept_retry_pause);
  }
  self.stop_listening(listener->local());
}

}  // namespace

ipc::address listen_for(actor& self, const ipc::address& where, ipc::listen_options options) {
  options.insecure = options.insecure || self.may_listen_anywhere();
  if (!options.group) options.group = self.group();
  std::shared_ptr<ipc::listener> listener = ipc::listen(where, options);
  if (is_beyond_loopback(where)) say_open(self, where, listener->local());
  self.add_listener(listener);
  self.service().start_soon({.name = "listener"}, [&self, listener] { return accept_loop(self, listener); });
  return listener->local();
}

sc::task<std::shared_ptr<peer>> connect_peer(actor& self, ipc::address to) {
  std::shared_ptr<peer> link;
  const bool known = co_await sc::move_on_after(handshake_timeout, [&]() -> sc::task<> {
    link = std::make_shared<peer>(self, co_await ipc::connect(to, self.group()));
    co_await link->shake_hands(ipc::connection_end::connector, to.transport() == ipc::transport::tcp);
  });
  if (!known)
    throw transport_closed((link == nullptr ? "nobody answers at " + to.text() + " within "
                                            : "who listens at " + to.text() + " did not say who it is within ") +
                           std::to_string(std::chrono::milliseconds(handshake_timeout).count()) + " ms (handshake_timeout)");
  self.add_peer(link);
  co_return link;
}

void serve_peer(actor& self, std::shared_ptr<peer> link) {
  self.service().start_soon({.name = "channel to " + link->channel().peer_name()}, [&self, link]() -> sc::task<> {
    co_await link->serve();
    self.remove_peer(*link);
  });
}

sc::task<> with_portal(ipc::address to, std::function<sc::task<>(portal&)> body) {
  actor& self = current_actor();
  const auto link = co_await connect_peer(self, std::move(to));
  co_await use_portal(self, link, std::move(body));
}

sc::task<> use_portal(actor& self, std::shared_ptr<peer> link, std::function<sc::task<>(portal&)> body) {
  std::exception_ptr failed;
  // The message loop outlives a cancel of the body: the end of its dialogs still has to come in. It is a task of the actor.
  sc::event served;
  self.service().start_soon({.name = "portal to " + link->channel().peer_name()}, [&served, link]() -> sc::task<> {
    struct at_end {
      sc::event& done;
      ~at_end() { done.set(); }
    } const signal{served};
    co_await link->serve();
  });
  portal there(link);
  try {
    co_await body(there);
  } catch (...) {
    failed = std::current_exception();
  }
  link->fail(std::make_exception_ptr(transport_closed("the portal to " + link->channel().peer_name() + " was closed")));
  co_await sc::shielded([&]() -> sc::task<> { co_await served.wait(); });
  self.remove_peer(*link);
  if (failed) sc::detail::this_runner().continue_trace(failed);  // it was held while the channel ended
  if (failed) std::rethrow_exception(std::exchange(failed, nullptr));
}

}  // namespace detail

ipc::address listen_on(const ipc::address& where, ipc::listen_options options) {
  actor& self = current_actor();
  if (self.cancel_complete())
    throw runtime_failure("actor " + msg::quoted(self.name()) + " has ended its tasks and listens nowhere any more", error_category::usage);
  ipc::address local = detail::listen_for(self, where, options);
  if (self.has_directory())
    for (const auto& told : detail::addresses_to_tell(local, self.directory().registry_addrs())) self.directory().announce(told);
  return local;
}

std::vector<ipc::address> accept_addresses() {
  std::vector<ipc::address> addresses;
  for (const auto& listener : current_actor().listeners()) addresses.push_back(listener->local());
  return addresses;
}

}  // namespace tractor
