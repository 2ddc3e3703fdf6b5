// SPDX-License-Identifier: Apache-2.0
//
// Programs run by the kernel, and held against the model.

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "program.hpp"
#include "tests/sc/sc_test.hpp"

namespace sc_model {

namespace {

namespace sc = tractor::sc;
using sc::nursery;
using sc::task;

struct planned_failure : std::runtime_error {
  explicit planned_failure(int of) : std::runtime_error("planned failure of node " + std::to_string(of)), id(of) {}
  int id;
};

void collect(const std::exception_ptr& error, std::vector<int>& ids) {
  try {
    std::rethrow_exception(error);
  } catch (const sc::exception_group& group) {
    for (const auto& member : group.exceptions()) collect(member, ids);
  } catch (const planned_failure& failure) {
    ids.push_back(failure.id);
  } catch (const sc::too_slow_error&) {
    ids.push_back(outcome::timed_out);
  }
}

// Runs one program with the kernel and notes how each node ends.
class interpreter {
 public:
  explicit interpreter(const program& what) : program_(what), results_(size()), scopes_(size(), nullptr), nurseries_(size(), nullptr) {}

  std::vector<outcome> run(std::uint64_t seed) {
    sc::virtual_clock clock;
    sc::runner scheduler({.clock = &clock, .seed = seed, .swallow = sc::swallow_policy::fail});
    scheduler.start([this]() -> task<> {
      try {
        co_await run_node(*program_.root);
      } catch (const std::exception&) {  // noted by its node
      }
    });
    scheduler.run_to_completion();
    EXPECT_FALSE(scheduler.error()) << sc::describe(scheduler.error());
    for (const sc::cancel_scope* scope : scopes_) EXPECT_EQ(scope, nullptr);
    return std::move(results_);
  }

 private:
  // A scope can be cancelled by its id while this lives.
  struct listed {
    listed(interpreter& in, int id, sc::cancel_scope& scope, nursery* open = nullptr) : in_(in), id_(static_cast<std::size_t>(id)) {
      in_.scopes_[id_] = &scope;
      in_.nurseries_[id_] = open;
    }
    listed(const listed&) = delete;
    listed& operator=(const listed&) = delete;
    ~listed() {
      in_.scopes_[id_] = nullptr;
      in_.nurseries_[id_] = nullptr;
    }
    interpreter& in_;
    std::size_t id_;
  };

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(program_.nodes); }

  void note(const node& what, outcome::kind how, std::vector<int> errors = {}) {
    std::ranges::sort(errors);
    outcome& result = results_[static_cast<std::size_t>(what.id)];
    result.how = how;
    result.at = sc::current_time() - sc::time_point{};
    result.errors = std::move(errors);
  }

  task<> run_node(const node& what) {
    try {
      co_await run_kind(what);
      note(what, outcome::kind::value);
    } catch (const sc::cancelled&) {
      note(what, outcome::kind::cancelled);
      throw;
    } catch (...) {
      std::vector<int> errors;
      collect(std::current_exception(), errors);
      note(what, outcome::kind::error, std::move(errors));
      throw;
    }
  }

  task<> run_kind(const node& what) {
    switch (what.kind) {
      case node_kind::leaf: return leaf(what);
      case node_kind::seq: return seq(what);
      case node_kind::scope: return scope(what);
      case node_kind::nursery: return nursery_node(what);
      case node_kind::finally:
        return sc::finally([this, &what] { return run_node(*what.children[0]); }, [this, &what] { return run_node(*what.children[1]); },
                           what.wait);
      case node_kind::start: return start(what);
    }
    std::abort();
  }

  task<> leaf(const node& what) {
    co_await sc::sleep(what.wait);
    if (what.act == act_kind::fail) throw planned_failure(what.id);
    if (what.act != act_kind::cancel) co_return;
    if (sc::cancel_scope* target = scopes_[static_cast<std::size_t>(what.target)]) target->cancel("planned");
    co_await sc::sleep(what.rest);
  }
  task<> seq(const node& what) {
    for (const auto& child : what.children) co_await run_node(*child);
  }
  task<> scope(const node& what) {
    sc::cancel_scope scope({.deadline = what.deadline ? sc::current_time() + *what.deadline : sc::never, .shield = what.shield});
    const listed known(*this, what.id, scope);
    // Whatever the body throws.
    struct noting {
      outcome& result;
      const sc::cancel_scope& scope;
      ~noting() {
        result.cancel_called = scope.cancel_called();
        result.cancelled_caught = scope.cancelled_caught();
      }
    } const note_at_end{results_[static_cast<std::size_t>(what.id)], scope};
    const bool complete = co_await scope.run([&] { return run_node(*what.children[0]); });
    if (!complete && what.fail_on_timeout) throw sc::too_slow_error("planned");
  }
  task<> nursery_node(const node& what) {
    std::optional<listed> known;
    co_await sc::open_nursery([&](nursery& n) -> task<> {
      known.emplace(*this, what.id, n.scope(), &n);
      for (std::size_t i = 1; i < what.children.size(); ++i) n.start_soon([this, &child = *what.children[i]] { return run_node(child); });
      co_await run_node(*what.children[0]);
    });
  }
  task<> start(const node& what) {
    co_await nurseries_[static_cast<std::size_t>(what.target)]->start([this, &what](sc::task_status<> status) -> task<> {
      co_await run_node(*what.children[0]);
      status.started();
      co_await run_node(*what.children[1]);
    });
    co_await sc::sleep(what.rest);
  }

  const program& program_;
  std::vector<outcome> results_;
  std::vector<sc::cancel_scope*> scopes_;
  std::vector<nursery*> nurseries_;
};

std::string differences(const program& what, const std::vector<outcome>& got) {
  const auto ways = predict(what);
  if (ways.empty()) return "the rules leave open how it ends\n";
  std::string text;
  if (ways.size() > 1) text = "of " + std::to_string(ways.size()) + " ways in which it may end, it took none; of the first:\n";
  for (std::size_t id = 0; id < got.size(); ++id)
    if (got[id] != ways[0][id])
      text += "node " + std::to_string(id) + ": the rules say " + to_text(ways[0][id]) + ", the kernel " + to_text(got[id]) + "\n";
  return text;
}

}  // namespace

std::vector<outcome> run_with_kernel(const program& what, std::uint64_t seed) { return interpreter(what).run(seed); }

verdict compare(const program& what, std::uint64_t seed) {
  const auto ways = predict(what);
  const auto got = run_with_kernel(what, seed);  // in any case: the kernel's own assertions must hold
  if (ways.empty()) return verdict::undecided;
  return std::ranges::count(ways, got) != 0 ? verdict::agree : verdict::differ;
}

std::string explain(const program& what, std::uint64_t seed) {
  const program least = shrink(parse(to_text(what)), [seed](const program& each) { return compare(each, seed) == verdict::differ; });
  return "with the tasks in the order of seed " + std::to_string(seed) + "\n" + differences(least, run_with_kernel(least, seed)) +
         "as a case for model_kept_test.cpp:\n  {\"why_it_is_kept\", " + std::to_string(seed) + ", R\"(\n" + to_text(least) + ")\"},\n";
}

}  // namespace sc_model
