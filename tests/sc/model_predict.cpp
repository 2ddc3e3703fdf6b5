// SPDX-License-Identifier: Apache-2.0
//
// The rules of structured concurrency, written down once more and as plainly as can be: nothing is cached, nothing is pushed down.

#include <algorithm>
#include <list>

#include "model_program.hpp"

namespace sc_model {

namespace {

using kind = outcome::kind;

// One node while it runs. Which of its children runs is told by the child's `part`; a task of a nursery has the part `task`.
struct activation {
  static constexpr std::size_t task = ~std::size_t{0};

  const node* what;
  activation* parent;
  std::size_t part;
  bool cancelled = false;                      // of a scope, a nursery, a cleanup: it was asked to end
  std::optional<duration> due = std::nullopt;  // when a leaf wakes, or a scope's or cleanup's deadline passes
  bool sleeps = false;
  bool rests = false;  // it has cancelled, or started a task, and sleeps again
  // A nursery.
  std::size_t running = 0;
  bool joining = false;
  bool join_cancelled = false;
  outcome body = {};  // also of a finally
  std::vector<int> errors = {};
};

outcome ended(kind how, std::vector<int> errors = {}) { return {.how = how, .at = {}, .errors = std::move(errors)}; }

class model {
 public:
  explicit model(const program& what) : results_(static_cast<std::size_t>(what.nodes)) { begin(*what.root, nullptr, 0); }

  std::optional<std::vector<outcome>> run() {
    while (activation* next = earliest()) {
      if (std::ranges::count(live_, next->due, &activation::due) != 1) return std::nullopt;  // which of them is first is not said
      now_ = *next->due;
      next->due.reset();
      if (next->sleeps)
        act(*next);
      else
        next->cancelled = true;  // its deadline
      spread();
    }
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

  activation* earliest() {
    activation* found = nullptr;
    for (activation& at : live_)
      if (at.due && (found == nullptr || *at.due < *found->due)) found = &at;
    return found;
  }
  activation* find(int id) {
    const auto at = std::ranges::find_if(live_, [&](const activation& a) { return a.what->id == id; });
    return at == live_.end() ? nullptr : &*at;
  }

  void begin(const node& what, activation* parent, std::size_t part) {
    activation& at = live_.emplace_back(activation{.what = &what, .parent = parent, .part = part});
    switch (what.kind) {
      case node_kind::leaf: sleep(at, what.wait); break;
      case node_kind::scope:
        if (what.deadline) at.due = now_ + *what.deadline;
        begin(*what.children[0], &at, 0);
        break;
      case node_kind::nursery:
        at.running = what.children.size() - 1;
        for (std::size_t i = 1; i < what.children.size(); ++i) begin(*what.children[i], &at, activation::task);
        begin(*what.children[0], &at, 0);
        break;
      case node_kind::seq:
      case node_kind::finally:
      case node_kind::start: begin(*what.children[0], &at, 0); break;
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
      if (at.joining && effective(&at, 0)) at.join_cancelled = true;
  }
  void spread() {
    mark_joins();
    for (auto at = live_.begin(); at != live_.end();) {
      if (!at->sleeps || !effective(at->parent, at->part)) {
        ++at;
        continue;
      }
      end(*at, ended(kind::cancelled));
      mark_joins();
      at = live_.begin();
    }
  }

  void end(activation& gone, outcome how) {
    how.at = now_;
    std::ranges::sort(how.errors);
    results_[static_cast<std::size_t>(gone.what->id)] = how;
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
        if (how.how == kind::cancelled && absorbs(at))
          how = at.what->fail_on_timeout ? ended(kind::error, {outcome::timed_out}) : ended(kind::value);
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
    if (at.joining && at.running != 0) return mark_joins();
    if (!at.joining) return;
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
    if (part == 1) return end(at, how.how == kind::error ? how : ended(kind::cancelled));  // it was never moved
    if (how.how != kind::value) return end(at, std::move(how));
    const node& rest = *at.what->children[1];
    if (effective(&at, 0)) return begin(rest, &at, 1);
    activation* const target = find(at.what->target);
    ++target->running;
    begin(rest, target, activation::task);
    sleep(at, at.what->rest);
  }

  duration now_{};
  std::list<activation> live_;
  std::vector<outcome> results_;
};

}  // namespace

std::optional<std::vector<outcome>> predict(const program& what) { return model(what).run(); }

}  // namespace sc_model
