// SPDX-License-Identifier: Apache-2.0

#include <random>

#include "program.hpp"

namespace sc_model {

namespace {

constexpr int depth_max = 6;
constexpr unsigned nodes_wanted_max = 40;
constexpr unsigned nodes_wanted_crowded_max = 14;
constexpr unsigned crowded_wait_max_ns = 10;
constexpr std::size_t items_max = 4;

class generator {
 public:
  generator(std::uint64_t seed, bool crowded)
      : random_(seed),
        crowded_(crowded),
        nodes_left_(static_cast<int>(2 + random_() % (crowded ? nodes_wanted_crowded_max : nodes_wanted_max))) {}

  program make() {
    program made;
    made.root = nursery(0, {});
    // Now that all scopes are known, each cancel gets one of them.
    for (node* leaf : cancels_) leaf->target = targets_[random_() % targets_.size()];
    made.nodes = next_id_;
    return made;
  }

 private:
  using open_nurseries = std::vector<int>;

  std::unique_ptr<node> fresh(node_kind kind) {
    auto made = std::make_unique<node>();
    made->kind = kind;
    made->id = next_id_++;
    --nodes_left_;
    return made;
  }
  // Up to about a second of virtual time in nanoseconds, mostly far less, so that deadlines and sleeps of one program cross each other.
  duration length() {
    const std::uint64_t max = crowded_ ? crowded_wait_max_ns : std::uint64_t{1} << (20 + random_() % 12);
    return duration(static_cast<std::int64_t>(1 + random_() % max));
  }
  bool one_in(unsigned n) { return random_() % n == 0; }

  std::unique_ptr<node> any(int depth, const open_nurseries& around) {
    if (depth >= depth_max || nodes_left_ <= 0) return leaf();
    switch (random_() % 10) {
      case 0:
      case 1: return seq(depth, around);
      case 2:
      case 3: return scope(depth, around);
      case 4:
      case 5: return nursery(depth, around);
      case 6: return finally(depth, around);
      case 7: return start(depth, around);
      default: return leaf();
    }
  }
  std::unique_ptr<node> leaf() {
    auto made = fresh(node_kind::leaf);
    made->wait = length();
    if (one_in(6)) made->act = act_kind::fail;
    if (one_in(4)) {
      made->act = act_kind::cancel;
      made->rest = length();
      cancels_.push_back(made.get());
    }
    return made;
  }
  std::unique_ptr<node> seq(int depth, const open_nurseries& around) {
    auto made = fresh(node_kind::seq);
    for (std::size_t count = 1 + random_() % items_max; count > 0; --count) made->children.push_back(any(depth + 1, around));
    return made;
  }
  std::unique_ptr<node> scope(int depth, const open_nurseries& around) {
    auto made = fresh(node_kind::scope);
    targets_.push_back(made->id);
    if (one_in(2)) made->deadline = length();
    made->shield = one_in(4);
    made->fail_on_timeout = one_in(4);
    made->children.push_back(any(depth + 1, around));
    return made;
  }
  std::unique_ptr<node> nursery(int depth, open_nurseries around) {
    auto made = fresh(node_kind::nursery);
    targets_.push_back(made->id);
    around.push_back(made->id);
    for (std::size_t count = 1 + random_() % items_max; count > 0; --count) made->children.push_back(any(depth + 1, around));
    return made;
  }
  std::unique_ptr<node> finally(int depth, const open_nurseries& around) {
    auto made = fresh(node_kind::finally);
    made->wait = length();
    made->children.push_back(any(depth + 1, around));
    made->children.push_back(any(depth + 1, around));
    return made;
  }
  std::unique_ptr<node> start(int depth, const open_nurseries& around) {
    auto made = fresh(node_kind::start);
    // The new task is in that nursery once it has started, and so in none of those that were opened inside.
    const std::size_t chosen = random_() % around.size();
    made->target = around[chosen];
    made->rest = length();
    const open_nurseries of_task(around.begin(), around.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
    made->children.push_back(any(depth + 1, of_task));
    made->children.push_back(any(depth + 1, of_task));
    return made;
  }

  std::mt19937_64 random_;
  bool crowded_;
  int nodes_left_;
  int next_id_ = 0;
  std::vector<int> targets_;
  std::vector<node*> cancels_;
};

}  // namespace

program make_program(std::uint64_t seed) { return generator(seed, false).make(); }
program make_crowded_program(std::uint64_t seed) { return generator(seed, true).make(); }

}  // namespace sc_model
