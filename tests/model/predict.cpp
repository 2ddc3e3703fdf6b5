// SPDX-License-Identifier: Apache-2.0
//
// The rules of structured concurrency, written down once more and as plainly as can be: nothing is cached, nothing is pushed down.

#include <algorithm>
#include <list>
#include <utility>

#include "choices.hpp"
#include "program.hpp"

namespace sc_model {

namespace {

using kind = outcome::kind;

constexpr int orders_max = 200;

// What a task has yet to do at this moment: it is ready, and others may come first.
enum class pending : unsigned char {
  none,
  start,
  wake,     // its sleep is over, and no cancel reaches it any more
  unwind,   // a cancel has reached it
  join,     // the body and the tasks of its nursery have ended
  give_up,  // the task that it was to start has ended
};

// One node while it runs. Which of its children runs is told by the child's `part`; a task of a nursery has the part `task`.
struct activation {
  static constexpr std::size_t task = ~std::size_t{0};

  const node* what;
  activation* parent;
  std::size_t part;
  bool cancelled = false;                      // of a scope, a nursery, a cleanup: it was asked to end
  std::optional<duration> due = std::nullopt;  // when a leaf wakes, or a scope's or cleanup's deadline passes
  bool sleeps = false;
  pending next = pending::none;
  bool rests = false;  // it has cancelled, or started a task, and sleeps again
  // A nursery.
  std::size_t running = 0;
  bool joining = false;
  bool join_cancelled = false;
  outcome body = {};  // also of a finally and a start
  std::vector<int> errors = {};
};

outcome ended(kind how, std::vector<int> errors = {}) { return {.how = how, .at = {}, .errors = std::move(errors)}; }

class model {
 public:
  explicit model(const program& what) : results_(static_cast<std::size_t>(what.nodes)) { begin(*what.root, nullptr, 0); }

  std::vector<outcome> run(choices& order) {
    do {
      while (activation* const ready = next_ready(order)) {
        step(*ready);
        spread();
      }
    } while (next_moment(order));
    return std::move(results_);
  }

 private:
  // Whether a checkpoint at the place of `part` inside `at` throws.
  static bool effective(const activation* at, std::size_t part) {
    for (; at != nullptr; part = at->part, at = at->parent) {
      const bool cleanup = at->what->kind == node_kind::finally && part == 1;
      const bool scope = at->what->kind == node_kind::scope || at->what->kind == node_kind::nursery || cleanup;
      if (scope && at->cancelled) return true;
      if (cleanup || (at->what->kind == node_kind::scope && at->what->shield)) return false;
    }
    return false;
  }
  // Whether a scope that ends as cancelled ends so because of itself alone.
  static bool absorbs(const activation& scope) { return scope.cancelled && (scope.what->shield || !effective(scope.parent, scope.part)); }

  // Everything that is due next passes, before any task goes on. False: nothing is.
  bool next_moment(choices& order) {
    std::optional<duration> moment;
    for (const activation& at : live_)
      if (at.due && (!moment || *at.due < *moment)) moment = at.due;
    if (!moment) return false;
    now_ = *moment;
    const auto decides = [&](const activation& at) {
      if (at.due == moment && (!at.sleeps || at.what->act != act_kind::none)) return true;
      return at.cancelled || !at.errors.empty() || !at.body.errors.empty();  // what is held until something else ends
    };
    crowded_ = std::ranges::count(live_, moment, &activation::due) > 1 && std::ranges::any_of(live_, decides);
    for (auto due = those_due(); !due.empty(); due = those_due()) pass(*due[order.pick(due.size())]);
    return true;
  }
  std::vector<activation*> those_due() {
    std::vector<activation*> found;
    for (activation& at : live_)
      if (at.due == now_) found.push_back(&at);
    // The order matters only between a deadline and the sleeps in its scope.
    for (activation* const each : found)
      if (std::ranges::none_of(found, [&](const activation* other) { return is_inside(each, other) || is_inside(other, each); }))
        return {each};
    return found;
  }
  static bool is_inside(const activation* inner, const activation* outer) {
    if (!inner->sleeps || outer->sleeps) return false;
    while (inner != nullptr && inner != outer) inner = inner->parent;
    return inner != nullptr;
  }
  void pass(activation& at) {
    at.due.reset();
    if (std::exchange(at.sleeps, false))
      at.next = pending::wake;
    else
      at.cancelled = true;  // its deadline
    spread();
  }

  // In a moment at which one thing happens, or nothing but sleeps that end well, all orders come to the same.
  activation* next_ready(choices& order) {
    std::vector<activation*> found;
    for (activation& at : live_)
      if (at.next != pending::none) found.push_back(&at);
    return found.empty() ? nullptr : found[crowded_ ? order.pick(found.size()) : 0];
  }
  void step(activation& at) {
    switch (std::exchange(at.next, pending::none)) {
      case pending::none: break;
      case pending::start: return enter(at);
      case pending::wake: return act(at);
      case pending::unwind: return end(at, ended(kind::cancelled));
      case pending::join: return nursery_ended(at);
      case pending::give_up: return end(at, at.body);
    }
  }

  outcome& result(const activation& of) { return results_[static_cast<std::size_t>(of.what->id)]; }
  activation* find(int id) {
    const auto at = std::ranges::find_if(live_, [&](const activation& a) { return a.what->id == id; });
    return at == live_.end() ? nullptr : &*at;
  }

  void begin(const node& what, activation* parent, std::size_t part) {
    enter(live_.emplace_back(activation{.what = &what, .parent = parent, .part = part}));
  }
  // In a task of its own.
  void spawn(const node& what, activation* parent, std::size_t part) {
    live_.push_back(activation{.what = &what, .parent = parent, .part = part, .next = pending::start});
  }
  void enter(activation& at) {
    const node& what = *at.what;
    switch (what.kind) {
      case node_kind::leaf: sleep(at, what.wait); break;
      case node_kind::scope:
        if (what.deadline) at.due = now_ + *what.deadline;
        begin(*what.children[0], &at, 0);
        break;
      case node_kind::nursery:
        at.running = what.children.size() - 1;
        for (std::size_t i = 1; i < what.children.size(); ++i) spawn(*what.children[i], &at, activation::task);
        begin(*what.children[0], &at, 0);
        break;
      case node_kind::seq:
      case node_kind::finally: begin(*what.children[0], &at, 0); break;
      case node_kind::start: spawn(*what.children[0], &at, 0); break;
    }
  }

  void sleep(activation& at, duration length) {
    at.sleeps = true;
    at.due = now_ + length;
    if (effective(at.parent, at.part)) end(at, ended(kind::cancelled));
  }

  // A sleep is over.
  void act(activation& leaf) {
    const node& what = *leaf.what;
    if (what.act == act_kind::fail) return end(leaf, ended(kind::error, {what.id}));
    if (what.act == act_kind::cancel && !leaf.rests) {
      leaf.rests = true;
      if (activation* target = find(what.target)) target->cancelled = true;
      mark_joins();
      return sleep(leaf, what.rest);
    }
    end(leaf, ended(kind::value));
  }

  // A nursery that waits for its tasks inside a cancelled scope ends as cancelled, whatever they do.
  void mark_joins() {
    for (activation& at : live_)
      if (at.joining && at.next == pending::none && effective(&at, 0)) at.join_cancelled = true;
  }
  void spread() {
    mark_joins();
    for (activation& at : live_) {
      if (!at.sleeps || !effective(at.parent, at.part)) continue;
      at.sleeps = false;
      at.due.reset();
      at.next = pending::unwind;
    }
  }

  void end(activation& gone, outcome how) {
    std::ranges::sort(how.errors);
    result(gone).how = how.how;
    result(gone).at = now_;
    result(gone).errors = how.errors;
    activation* const parent = gone.parent;
    const std::size_t part = gone.part;
    live_.remove_if([&](const activation& at) { return &at == &gone; });
    if (parent != nullptr) child_ended(*parent, part, std::move(how));
  }

  void child_ended(activation& at, std::size_t part, outcome how) {
    switch (at.what->kind) {
      case node_kind::leaf: break;
      case node_kind::seq:
        if (how.how == kind::value && part + 1 < at.what->children.size()) return begin(*at.what->children[part + 1], &at, part + 1);
        return end(at, std::move(how));
      case node_kind::scope:
        result(at).cancel_called = at.cancelled;
        result(at).cancelled_caught = how.how == kind::cancelled && absorbs(at);
        if (result(at).cancelled_caught) how = at.what->fail_on_timeout ? ended(kind::error, {outcome::timed_out}) : ended(kind::value);
        return end(at, std::move(how));
      case node_kind::nursery: return nursery_part_ended(at, part, std::move(how));
      case node_kind::finally: return finally_part_ended(at, part, std::move(how));
      case node_kind::start: return start_part_ended(at, part, std::move(how));
    }
  }

  void nursery_part_ended(activation& at, std::size_t part, outcome how) {
    if (how.how == kind::error) {
      at.errors.insert(at.errors.end(), how.errors.begin(), how.errors.end());
      at.cancelled = true;
    }
    if (part == activation::task) {
      --at.running;
    } else {
      at.body = std::move(how);
      at.joining = true;
    }
    if (!at.joining) return;
    if (at.running != 0) return mark_joins();
    at.next = pending::join;
  }
  void nursery_ended(activation& at) {
    const bool cut_off = at.join_cancelled || at.body.how == kind::cancelled;
    if (!at.errors.empty()) return end(at, ended(kind::error, at.errors));
    end(at, ended(!cut_off || absorbs(at) ? kind::value : kind::cancelled));
  }

  void finally_part_ended(activation& at, std::size_t part, outcome how) {
    if (part == 0) {
      at.body = std::move(how);
      at.due = now_ + at.what->wait;
      return begin(*at.what->children[1], &at, 1);
    }
    if (how.how == kind::value) return end(at, at.body);
    std::vector<int> errors = at.body.errors;
    if (how.how == kind::cancelled) how.errors = {outcome::timed_out};
    errors.insert(errors.end(), how.errors.begin(), how.errors.end());
    end(at, ended(kind::error, std::move(errors)));
  }

  void start_part_ended(activation& at, std::size_t part, outcome how) {
    if (part == 1 || how.how != kind::value) {
      at.body = part == 1 && how.how != kind::error ? ended(kind::cancelled) : std::move(how);  // part 1: it was never moved
      at.next = pending::give_up;
      return;
    }
    const node& rest = *at.what->children[1];
    if (effective(&at, 0)) return begin(rest, &at, 1);
    activation* const target = find(at.what->target);
    ++target->running;
    begin(rest, target, activation::task);
    sleep(at, at.what->rest);
  }

  duration now_{};
  bool crowded_ = false;  // several things were due at this moment
  std::list<activation> live_;
  std::vector<outcome> results_;
};

}  // namespace

std::vector<std::vector<outcome>> predict(const program& what) {
  std::vector<std::vector<outcome>> ways;
  choices order;
  int orders = 0;
  do {
    if (++orders > orders_max) return {};
    auto way = model(what).run(order);
    if (std::ranges::count(ways, way) == 0) ways.push_back(std::move(way));
  } while (order.next());
  return ways;
}

}  // namespace sc_model
