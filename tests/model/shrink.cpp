// SPDX-License-Identifier: Apache-2.0
//
// A program on which kernel and model differ, cut down to what it takes.

#include <algorithm>
#include <utility>

#include "program.hpp"

namespace sc_model {

namespace {

program copy(const program& what) { return parse(to_text(what)); }

// Every place in which a node stands, from the root downwards.
void collect(std::unique_ptr<node>& at, std::vector<std::unique_ptr<node>*>& places) {
  places.push_back(&at);
  for (auto& child : at->children) collect(child, places);
}
std::vector<std::unique_ptr<node>*> places_of(program& what) {
  std::vector<std::unique_ptr<node>*> places;
  collect(what.root, places);
  return places;
}

// A start needs the nursery that it names around it.
bool is_whole(const node& what, std::vector<int> around) {
  if (what.kind == node_kind::start && std::ranges::count(around, what.target) == 0) return false;
  if (what.kind == node_kind::nursery) around.push_back(what.id);
  return std::ranges::all_of(what.children, [&](const auto& child) { return is_whole(*child, around); });
}

// The `which`-th way to make the node in `place` simpler; false: there are no more.
bool simplify(std::unique_ptr<node>& place, std::size_t which) {
  node& at = *place;
  const std::size_t children = at.children.size();
  // One of its children instead of it.
  if (which < children) {
    auto child = std::move(at.children[which]);
    place = std::move(child);
    return true;
  }
  which -= children;
  // One child less.
  if (at.kind == node_kind::seq || at.kind == node_kind::nursery) {
    if (children > 1 && which < children) {
      at.children.erase(at.children.begin() + static_cast<std::ptrdiff_t>(which));
      return true;
    }
    which -= children > 1 ? children : 0;
  }
  switch (which) {
    case 0: at.deadline.reset(); return true;
    case 1: at.shield = false; return true;
    case 2: at.fail_on_timeout = false; return true;
    case 3:
      if (at.kind != node_kind::leaf) return true;
      at.act = act_kind::none;
      at.target = -1;
      at.rest = {};
      return true;
    case 4: {
      const auto shorter = [](duration length) { return length.count() > 1 ? length / 2 : length; };
      at.wait = shorter(at.wait);
      at.rest = shorter(at.rest);
      return true;
    }
    default: return false;
  }
}

// The first simpler program that fails still.
bool shrink_once(program& what, const std::function<bool(const program&)>& fails) {
  const std::string before = to_text(what);
  const std::size_t places = places_of(what).size();
  for (std::size_t at = 0; at < places; ++at)
    for (std::size_t which = 0;; ++which) {
      program simpler = copy(what);
      if (!simplify(*places_of(simpler)[at], which)) break;
      if (to_text(simpler) == before || !is_whole(*simpler.root, {}) || !fails(simpler)) continue;
      what = copy(simpler);
      return true;
    }
  return false;
}

}  // namespace

program shrink(program what, const std::function<bool(const program&)>& fails) {
  while (shrink_once(what, fails)) {
  }
  return what;
}

}  // namespace sc_model
