// SPDX-License-Identifier: Apache-2.0
//
// What runs over one connection, by cid.
//
// Its own table, because a new actor looks up its first call here: the standard ones run code and read tables of the C++ library that
// nothing else of an actor's start needs, two page faults of 3 µs each.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tractor::detail {

// Open addressing, linear probing, at most half full; a removal closes the gap, so that there are no tombstones. A pointer that `find`
// gave is valid until the next change. A cid is not copied: its characters live at least as long as its entry.
template <class Value>
class cid_table {
  static_assert(std::is_trivially_copyable_v<Value>, "entries are moved about");

 public:
  // Peers choose cids: with a random `seed` they cannot choose which of them collide.
  explicit cid_table(std::uint64_t seed) noexcept : seed_(seed), key_((seed ^ 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 | 1) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  // Null where there is none.
  [[nodiscard]] Value* find(std::string_view cid) noexcept {
    if (size_ == 0) return nullptr;
    entry& at = slots_[slot_of(cid)];
    return at.used ? &at.value : nullptr;
  }

  // False, and nothing is changed, where the cid is taken.
  bool insert(std::string_view cid, Value value) {
    if (2 * (size_ + 1) > slots_.size()) resize(slots_.empty() ? slots_min : 2 * slots_.size());
    entry& at = slots_[slot_of(cid)];
    if (at.used) return false;
    at = {.cid = cid, .value = value, .used = true};
    ++size_;
    return true;
  }

  // Nothing happens where there is none.
  void erase(std::string_view cid) noexcept {
    if (size_ == 0) return;
    std::size_t gap = slot_of(cid);
    if (!slots_[gap].used) return;
    // Whoever comes behind and would have sat in the gap, or before it, moves into it.
    for (std::size_t next = follow(gap); slots_[next].used; next = follow(next)) {
      if (((next - home_of(slots_[next].cid)) & mask()) < ((next - gap) & mask())) continue;
      slots_[gap] = slots_[next];
      gap = next;
    }
    slots_[gap] = {};
    --size_;
    if (size_ == 0 && slots_.size() > slots_kept) slots_ = {};  // what a burst took is given back
  }

  // Eight bytes at a time, each folded into both halves of a product with the secret key: no difference of two cids cancels out for
  // all keys.
  [[nodiscard]] std::uint64_t hash(std::string_view cid) const noexcept {
    __extension__ using wide = unsigned __int128;
    std::uint64_t hash = seed_ ^ cid.size();
    while (!cid.empty()) {
      std::uint64_t part = 0;
      const std::size_t bytes = cid.size() < sizeof part ? cid.size() : sizeof part;
      std::memcpy(&part, cid.data(), bytes);
      cid.remove_prefix(bytes);
      const wide product = static_cast<wide>(hash ^ part) * key_;
      hash = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    return hash;
  }

  // In no particular order. `visit` must not change the table.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (entry& at : slots_)
      if (at.used) visit(at.value);
  }

 private:
  static constexpr std::size_t slots_min = 8;  // a power of two
  static constexpr std::size_t slots_kept = 64;

  struct entry {
    std::string_view cid{};
    Value value{};
    bool used = false;
  };

  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] std::size_t follow(std::size_t slot) const noexcept { return (slot + 1) & mask(); }

  [[nodiscard]] std::size_t home_of(std::string_view cid) const noexcept { return static_cast<std::size_t>(hash(cid)) & mask(); }

  // Where the cid is, or else where it would go.
  [[nodiscard]] std::size_t slot_of(std::string_view cid) const noexcept {
    std::size_t slot = home_of(cid);
    while (slots_[slot].used && slots_[slot].cid != cid) slot = follow(slot);
    return slot;
  }

  void resize(std::size_t slots) {
    std::vector<entry> larger(slots);
    std::swap(slots_, larger);
    for (const entry& old : larger)
      if (old.used) slots_[slot_of(old.cid)] = old;
  }

  std::uint64_t seed_;
  std::uint64_t key_;  // odd; a few mix badly, 1 the worst, and hardly any seed gives one of them
  std::vector<entry> slots_;
  std::size_t size_ = 0;
};

}  // namespace tractor::detail
