// SPDX-License-Identifier: Apache-2.0
//
// What an actor knows of who is reached where, and who it tells.
//
// Every actor keeps the entries of the actors below it, each owned by the channel that it came by. What is added here is told to the actor
// above, by the channel that is there already, and so to the root: in order, so that who was told of an actor finds it. The root
// is the registrar, or tells each registrar of it, over a connection that it holds. When a channel ends, its entries go, everywhere
// above it: an entry stands as long as the chain of connections to its actor does.
//
// When a registrar is gone, the roots that were connected to it try to take its address. The first that binds it is the registrar, with
// the entries of its own tree; the others connect to it and tell it of theirs.
//
// A peer of the reference registers over a connection that it closes again. Its entries are on lease: the registrar looks every
// `lease_interval` whether somebody listens at their addresses.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/discovery/registry.hpp"
#include "tractor/ipc/address.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/lock.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/sc/task.hpp"

namespace tractor {

class actor;

// The probe of a registry's address (S-BOOT-3).
inline constexpr auto registry_probe_timeout = std::chrono::seconds(3);          // in all
inline constexpr auto registry_probe_attempt_timeout = std::chrono::seconds(1);  // of one attempt
inline constexpr int registry_probe_attempts_max = 3;
inline constexpr auto registry_probe_pause = std::chrono::milliseconds(50);  // before the second attempt; twice that before the third

inline constexpr auto registration_timeout = std::chrono::milliseconds(500);  // until what is above has heard of an actor
inline constexpr auto registration_respite = std::chrono::seconds(5);         // after one that was not answered: no other is waited for
inline constexpr auto registry_failover_timeout = std::chrono::seconds(3);    // how long a lookup waits for a registrar to come back
inline constexpr auto registry_answer_timeout = std::chrono::seconds(3);  // of a registrar that is there, to a question that needs no wait
inline constexpr auto registry_others_timeout = std::chrono::seconds(1);  // for the other registrars, once one has said that it knows none
inline constexpr int lease_probes_max = 3;                                // that nobody has answered; then the lease is over
inline constexpr auto registry_settle_time = std::chrono::milliseconds(500);  // of a successor: until then others may register again
inline constexpr auto registry_retry_first = std::chrono::milliseconds(5);    // between attempts to reach or to be the successor
inline constexpr auto registry_retry_max = std::chrono::seconds(1);           // each pause is twice the last one
inline constexpr auto registry_lock_timeout = std::chrono::seconds(1);        // for the moment at which one of several binds
inline constexpr int registry_open_attempts_max = 8;                          // of a root, when others bind and leave at the same time
inline constexpr auto lease_interval = std::chrono::seconds(10);
inline constexpr std::size_t registries_max = 16;  // of one actor

namespace detail {

class peer;
struct directory_link;

// A registration that was sent and not answered yet.
class registration_request;
using registrations = std::vector<std::shared_ptr<registration_request>>;

class TRACTOR_API directory {
 public:
  explicit directory(actor& self);
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory();

  // Where this tree's registrars are; empty: it has none.
  [[nodiscard]] const std::vector<ipc::address>& registry_addrs() const noexcept { return registry_addrs_; }
  void set_registry_addrs(std::vector<ipc::address> addrs) { registry_addrs_ = std::move(addrs); }
  [[nodiscard]] bool enabled() const noexcept { return !registry_addrs_.empty(); }
  // Why a tree that did not say that it wants none has no registry, or not yet.
  void set_why_none(std::string why) { why_none_ = std::move(why); }
  [[nodiscard]] const std::string& why_none() const noexcept { return why_none_; }
  [[nodiscard]] bool is_registrar() const noexcept { return is_registrar_; }
  [[nodiscard]] discovery::registry& table() noexcept { return table_; }

  // Of the root. Looks for registrars at `addrs`; joins those that answer, or becomes the registrar at all of them (S-BOOT-3 to S-BOOT-7).
  // Where this root is to listen anyway, at one of them or more, is in `wide`. Throws runtime_failure when none is there but something else
  // is, or nothing can be bound, or one is there and `ensure_own`.
  [[nodiscard]] sc::task<> open(std::vector<ipc::address> addrs, bool ensure_own, std::vector<ipc::address> wide);
  // Of the root, where open() has thrown: as after the death of registrars that were at `addrs`. It joins them when they come, or takes
  // their place as soon as it can. One that `listens_by_default` looks anew where that is when it has joined.
  void open_later(const std::vector<ipc::address>& addrs, bool listens_by_default);
  // Listens where actors do by default, except where it does already, and tells the registry. What fails is logged.
  void listen_beside_registries();
  // Nobody is asked any more, or told.
  void close() noexcept;

  // An actor has said to `via`, its end of the channel here, where it is reached (null: this actor). Throws runtime_failure when the table
  // is full.
  void enroll(const msg::uid& who, const std::vector<ipc::address>& addrs, const peer* via);
  // Sends those above what they have to know of an actor that was enrolled, behind all that was sent before; and waits until they have said
  // that they do, or `registration_timeout` is over.
  [[nodiscard]] registrations tell_above(const msg::uid& who);
  [[nodiscard]] sc::task<> wait_for(registrations told);
  // Both of this actor, for one address more, without waiting.
  void announce(const ipc::address& where);
  // The channel has ended: what came by it is gone.
  void forget(const peer& gone) noexcept;

  // A request of a peer to the registry part of the runtime, register_actor or unregister_actor; false when it is another one.
  // Throws what is to be answered as an error.
  bool handle(peer& from, const msg::start& request);

  // A channel to the registrar at `where`: one that is there, or a new one that is kept. Throws what connecting throws.
  [[nodiscard]] sc::task<std::shared_ptr<peer>> registrar(ipc::address where);
  // Whether the table here is that of the registrar at `where`.
  [[nodiscard]] bool is_own(const ipc::address& where) const;
  // Waits until a successor has had time to hear from all; at once for any other registrar.
  [[nodiscard]] sc::task<> settled();
  // The channel to the parent, or to an actor that this one has started, of that name or with that uuid; null when there is none.
  [[nodiscard]] std::shared_ptr<peer> connected(std::string_view name_or_uuid) const;

 private:
  struct upward;
  enum class standing : std::uint8_t { registrar, occupied, absent };

  [[nodiscard]] sc::task<standing> probe(ipc::address where);
  [[nodiscard]] sc::task<standing> probe_within(ipc::address where);
  [[nodiscard]] sc::task<bool> take_over(const std::vector<ipc::address>& addrs, const std::vector<ipc::address>& wide,
                                         std::string& why_not);
  [[nodiscard]] sc::task<> join(std::shared_ptr<upward> to);
  [[nodiscard]] sc::task<> keep(std::shared_ptr<upward> to);
  void tell_of_tree(const std::shared_ptr<peer>& registrar);
  [[nodiscard]] sc::task<bool> restore(std::shared_ptr<upward> to);
  void tell(const std::shared_ptr<peer>& above, const msg::uid& who, const std::vector<ipc::address>& addrs, registrations& told);
  [[nodiscard]] registrations tell_all(const msg::uid& who, const std::vector<ipc::address>& addrs);
  [[nodiscard]] sc::task<> renew_leases();
  [[nodiscard]] sc::task<> finish_registration(std::shared_ptr<peer> from, std::string cid, registrations told);
  [[nodiscard]] std::vector<std::shared_ptr<peer>> above() const;
  [[nodiscard]] bool listens_at(const ipc::address& where) const;
  void make_room_for_link();
  void unregister_above(const msg::uid& who) noexcept;
  void add(const msg::uid& who, const std::vector<ipc::address>& addrs, const void* owner);

  actor& self_;
  std::vector<ipc::address> registry_addrs_;
  bool listens_by_default_ = false;  // beside the registries, when they are there
  std::string why_none_;
  discovery::registry table_;
  bool is_registrar_ = false;
  bool closed_ = false;
  bool renewing_ = false;
  std::optional<sc::time_point> settles_at_;
  std::optional<sc::time_point> unanswered_until_;      // somebody above is slow: nobody is waited for until then
  std::vector<std::shared_ptr<upward>> upward_;         // of a root: a registrar each
  std::vector<std::shared_ptr<directory_link>> links_;  // to registrars, for lookups
};

}  // namespace detail
}  // namespace tractor
