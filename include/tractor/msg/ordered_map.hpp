// SPDX-License-Identifier: Apache-2.0
//
// A small map that keeps the order in which its entries were put in, so that what was decoded encodes to the same bytes.
// Lookups are linear: it is meant for the handful of keys that a message holds.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace tractor::msg {

template <class Key, class Mapped>
class ordered_map {
 public:
  using key_type = Key;
  using mapped_type = Mapped;
  using value_type = std::pair<Key, Mapped>;
  using iterator = typename std::vector<value_type>::iterator;
  using const_iterator = typename std::vector<value_type>::const_iterator;

  ordered_map() = default;
  ordered_map(std::initializer_list<value_type> entries) : entries_(entries) {}

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] iterator begin() noexcept { return entries_.begin(); }
  [[nodiscard]] iterator end() noexcept { return entries_.end(); }
  [[nodiscard]] const_iterator begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return entries_.end(); }

  // The value of the first entry with this key; null when there is none. `Query` is anything that compares with a key.
  template <class Query>
  [[nodiscard]] const Mapped* find(const Query& key) const {
    for (const auto& entry : entries_)
      if (entry.first == key) return &entry.second;
    return nullptr;
  }
  template <class Query>
  [[nodiscard]] Mapped* find(const Query& key) {
    return const_cast<Mapped*>(std::as_const(*this).find(key));
  }
  template <class Query>
  [[nodiscard]] bool contains(const Query& key) const {
    return find(key) != nullptr;
  }

  // Finds, or appends an entry with an empty value.
  template <class Query>
  Mapped& operator[](const Query& key) {
    if (Mapped* found = find(key)) return *found;
    return entries_.emplace_back(Key(key), Mapped()).second;
  }
  // Appends without looking whether the key is there already.
  void append(Key key, Mapped mapped) { entries_.emplace_back(std::move(key), std::move(mapped)); }
  // An empty entry to be filled in place.
  value_type& append() { return entries_.emplace_back(); }
  void reserve(std::size_t count) { entries_.reserve(count); }
  void clear() noexcept { entries_.clear(); }

  // The same entries in the same order.
  friend bool operator==(const ordered_map& a, const ordered_map& b) { return a.entries_ == b.entries_; }

 private:
  std::vector<value_type> entries_;
};

}  // namespace tractor::msg
