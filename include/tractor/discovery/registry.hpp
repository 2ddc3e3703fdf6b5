// SPDX-License-Identifier: Apache-2.0
//
// The table of a registry: who can be reached where.
//
//     registry table;
//     table.add(who, address, owner);
//     if (const auto* found = table.find("greeter")) …;     // the last one of that name, or exactly the one with that uuid
//     table.remove_owned_by(owner);                         // the connection that said so has ended
//
// Names are not unique: the last that was registered wins a lookup, all are kept (S-REG-8, R-4). An entry belongs to an owner, whoever
// answers for it, and leaves with it. One that nobody answers for is on lease: whoever keeps the table looks from time to time
// whether it still stands (leased()). An address is one actor's: who registers it last has it (S-REG-3).
//
// A lookup costs the same for ten entries and for ten thousand.

#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tractor/ipc/address.hpp"
#include "tractor/msg/protocol.hpp"

namespace tractor::discovery {

inline constexpr std::size_t entries_max = 262'144;         // of one table
inline constexpr std::size_t name_bytes_max = 1024;         // of a name, a uuid, or an address, that a peer may register
inline constexpr std::size_t addresses_per_actor_max = 64;  // one more takes the place of the first

// An actor in the table, with its addresses in the order in which they were registered.
struct registered_actor {
  std::string name{};
  std::string uuid{};
  std::vector<ipc::address> addrs{};
  friend bool operator==(const registered_actor&, const registered_actor&) = default;
};

// Told of each change, when it has been made. Must not change the table.
class TRACTOR_API registry_observer {
 public:
  registry_observer() = default;
  registry_observer(const registry_observer&) = delete;
  registry_observer& operator=(const registry_observer&) = delete;
  virtual ~registry_observer();
  // It is new, or its addresses have changed.
  virtual void registered(const registered_actor& who) noexcept = 0;
  virtual void removed(const registered_actor& who) noexcept = 0;
};

class TRACTOR_API registry {
 public:
  using owner = const void*;  // null: nobody, it is on lease

  registry() = default;
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;
  ~registry() = default;

  // Adds an address of an actor, whose entry belongs to `to` from now on. False, and nothing is changed, when the table is full.
  bool add(const msg::uid& who, const ipc::address& where, owner to);
  // The uid whose entry it was; nullopt when there was none.
  std::optional<msg::uid> remove(std::string_view uuid);
  // Takes an address from its actor, and its entry with the last one. Gives whose it was.
  std::optional<msg::uid> remove_address(const ipc::address& where);
  [[nodiscard]] bool holds(const ipc::address& where) const { return by_address_.contains(where); }
  // Who is registered there; null: nobody. Good until the table changes.
  [[nodiscard]] const registered_actor* holder_of(const ipc::address& where) const;
  // Gives whose entries they were.
  std::vector<msg::uid> remove_owned_by(owner gone);

  // By name the last that was registered, by uuid exactly that one; null when there is none. Valid until the next change.
  [[nodiscard]] const registered_actor* find(std::string_view name_or_uuid) const;
  // All addresses of all actors of that name (S-REG-5), those of the last registered first.
  [[nodiscard]] std::vector<ipc::address> addresses_of(std::string_view name) const;
  // In the order of registration.
  [[nodiscard]] const std::list<registered_actor>& actors() const noexcept { return actors_; }
  // Those whose name begins so, by name.
  [[nodiscard]] std::vector<registered_actor> with_prefix(std::string_view prefix) const;
  // Those that nobody answers for.
  [[nodiscard]] std::vector<registered_actor> leased() const { return owned_by(nullptr); }
  // In no particular order.
  [[nodiscard]] std::vector<registered_actor> owned_by(owner of) const;
  // Whose entry that of an actor is, which is registered.
  [[nodiscard]] owner owner_of(const registered_actor& who) const { return by_uuid_.find(who.uuid)->second.belongs_to; }
  [[nodiscard]] std::size_t size() const noexcept { return actors_.size(); }

  // Must live until it is detached.
  void attach(registry_observer& told) { observers_.push_back(&told); }
  void detach(registry_observer& told) noexcept { std::erase(observers_, &told); }

 private:
  using position = std::list<registered_actor>::iterator;
  struct record {
    position at;
    owner belongs_to;
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  using record_map = std::unordered_map<std::string, record, text_hash, std::equal_to<>>;

  void take_from_others(const msg::uid& who, const ipc::address& where);
  void give_to(record_map::iterator known, owner to);
  void drop(record_map::iterator known);

  std::list<registered_actor> actors_;
  record_map by_uuid_;
  std::map<std::string, std::vector<position>, std::less<>> by_name_;  // of one name in the order of registration
  std::unordered_map<ipc::address, std::string> by_address_;           // the uuid
  std::unordered_map<owner, std::unordered_set<std::string>> by_owner_;
  std::vector<registry_observer*> observers_;
};

}  // namespace tractor::discovery
