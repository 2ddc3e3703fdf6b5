// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "actors.hpp"
#include "commands.hpp"
#include "listing.hpp"
#include "orders.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::cli {

namespace {

constexpr auto refresh = std::chrono::seconds(1);
constexpr auto look_at_keys = std::chrono::milliseconds(50);
constexpr std::size_t orders_at_once_max = 16;

constexpr const char* keys_help = "j, k choose   c cancel   d dump   m, u sort by memory, cpu   q quit";

// What comes after a program that reads no more is written for nobody.
void sort_trees(std::vector<actor_tree>& trees, char by) {
  const auto key = [by](const actor_tree& tree) {
    const auto& process = tree.actor.process;
    const double most = !process ? 0.0 : by == 'm' ? static_cast<double>(process->memory_bytes) : process->cpu_percent;
    return std::pair(-most, tree.actor.pid);
  };
  std::ranges::sort(trees, {}, key);
  for (auto& tree : trees) sort_trees(tree.below, by);
}

void add_actors(const std::vector<actor_tree>& trees, std::vector<live_actor>& actors) {
  for (const auto& tree : trees) {
    actors.push_back(tree.actor);
    add_actors(tree.below, actors);
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The screen of `top`: which actors there are, which of them is chosen, what was said last.
class screen {
 public:
  screen() = default;
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;
  // What is written next begins a line.
  ~screen() {
    std::puts("");
    std::fflush(stdout);
  }

  void refresh_with(std::vector<actor_tree> trees) {
    trees_ = std::move(trees);
    arrange();
  }

  // Of an error of another actor the first line says what it was.
  void say(const std::string& what) {
    said_ = printable(what.substr(0, what.find('\n')));
    is_old_ = true;
  }

  void sort_by(char key) {
    sorted_by_ = key;
    arrange();
  }

  void move(int by) {
    if (!std::exchange(has_choice_, true)) by = 0;  // who stands there now
    if (by < 0 && chosen_ > 0) --chosen_;
    if (by > 0 && chosen_ + 1 < actors_.size()) ++chosen_;
    is_old_ = true;
  }

  [[nodiscard]] const live_actor* chosen() const { return actors_.empty() || !has_choice_ ? nullptr : &actors_[chosen_]; }

  // Where something has changed, the window's size included.
  void draw_if_old() {
    const window_size window = size_of_window();
    if (!is_old_ && window == window_) return;
    std::string text = window == window_ ? "\x1b[H" : "\x1b[H\x1b[2J";
    window_ = window;
    is_old_ = false;
    const auto shown = lines();
    for (std::size_t i = 0; i < shown.size(); ++i) text += (i == 0 ? "" : "\n") + shown[i] + "\x1b[K";
    std::printf("%s\x1b[J", text.c_str());
    flush_out();
  }

 private:
  // Who was chosen stays it, wherever its row goes. When it is gone nobody is, until somebody is chosen: a key meets no other actor than
  // the one that was seen.
  void arrange() {
    const auto before = chosen() != nullptr ? std::optional(*chosen()) : std::nullopt;
    if (sorted_by_ != 0) sort_trees(trees_, sorted_by_);
    actors_.clear();
    add_actors(trees_, actors_);
    chosen_ = actors_.empty() ? 0 : std::min(chosen_, actors_.size() - 1);
    has_choice_ = has_choice_ && !before;
    for (std::size_t i = 0; before && i < actors_.size(); ++i)
      if (actors_[i].control == before->control) {
        chosen_ = i;
        has_choice_ = true;
      }
    rows_ = lines_of(trees_text(trees_));
    is_old_ = true;
  }

  // As many as the window has room for; the chosen row is one of them.
  std::vector<std::string> lines() {
    constexpr std::size_t around = 3;  // the heading, the keys, what was said
    const bool has_room = window_.rows > around;
    const std::size_t room = has_room ? window_.rows - around : window_.rows;
    first_ = std::clamp(first_, chosen_ + 1 > room ? chosen_ + 1 - room : 0, chosen_);
    first_ = std::min(first_, actors_.size() > room ? actors_.size() - room : 0);
    std::vector<std::string> shown;
    if (has_room) shown.push_back(cut_to_width(rows_.front(), window_.columns));
    for (std::size_t i = first_; i < std::min(first_ + room, actors_.size()); ++i) {
      const std::string row = cut_to_width(rows_[i + 1], window_.columns);
      shown.push_back(i == chosen_ && has_choice_ ? "\x1b[7m" + row + "\x1b[0m" : row);
    }
    if (has_room) {
      shown.push_back(cut_to_width(keys_help, window_.columns));
      shown.push_back(cut_to_width(said_, window_.columns));
    }
    return shown;
  }

  std::vector<actor_tree> trees_;
  std::vector<live_actor> actors_;  // as the rows have them
  std::vector<std::string> rows_;   // the first is the heading
  std::size_t chosen_ = 0;
  std::size_t first_ = 0;  // of those that are shown
  char sorted_by_ = 0;
  std::string said_;
  window_size window_{.rows = 0, .columns = 0};
  bool is_old_ = true;
  bool has_choice_ = true;
};

sc::task<> carry_out(char key, live_actor actor, screen& shown) {
  try {
    const live_actor now = co_await asked_again(std::move(actor));
    if (key == 'd')
      shown.say(co_await ask_for_dump(now));
    else
      shown.say((co_await cancel_actor(now)).said);
  } catch (const error& failed) {
    shown.say(failed.what());
  }
}

// What a terminal sends for other keys, or to answer a question, is none of ours: from ESC to the letter that ends it.
class escape_filter {
 public:
  [[nodiscard]] bool is_key(char c) noexcept {
    const state before = std::exchange(state_, state::none);
    if (c == '\x1b') {
      state_ = state::escape;
    } else if (before == state::escape && (c == '[' || c == 'O')) {
      state_ = state::sequence;
    } else if (before == state::sequence && (c < '@' || c > '~')) {
      state_ = state::sequence;
    } else {
      return before == state::none;
    }
    return false;
  }

 private:
  enum class state : unsigned char { none, escape, sequence };
  state state_ = state::none;
};

// False: it is enough.
bool take_key(char key, screen& shown, sc::nursery& orders) {
  if (key == 'q') return false;
  if (key == 'j' || key == 'k') shown.move(key == 'j' ? 1 : -1);
  if (key == 'm' || key == 'u') shown.sort_by(key);
  const live_actor* const actor = shown.chosen();
  if ((key == 'c' || key == 'd') && actor != nullptr) {
    if (orders.task_count() >= orders_at_once_max) {
      shown.say(std::to_string(orders_at_once_max) + " orders are under way: wait for one");
      return true;
    }
    shown.say((key == 'd' ? "asking " : "cancelling ") + text_of(*actor) + " …");
    orders.start_soon(sc::task_options{.name = "order"}, carry_out, key, *actor, std::ref(shown));
  }
  return true;
}

// An order may have to wait for a busy actor, so it is carried out beside the keys. Those under way at the end are given up.
sc::task<> watch_on_terminal(std::size_t count) {
  const keyboard keys;
  escape_filter filter;
  screen shown;
  co_await sc::open_nursery([&](sc::nursery& orders) -> sc::task<> {
    bool goes_on = true;
    for (std::size_t i = 0; goes_on && (count == 0 || i < count); ++i) {
      shown.refresh_with(trees_of(co_await all_actors()));
      const auto next = sc::current_time() + refresh;
      do {
        shown.draw_if_old();
        if (i + 1 == count) break;
        co_await sc::sleep(look_at_keys);
        for (const char key : keys.pressed())
          if (goes_on && filter.is_key(key)) goes_on = take_key(key, shown, orders);
      } while (goes_on && sc::current_time() < next);
    }
    orders.cancel();
  });
}

sc::task<> print_again_and_again(std::size_t count, bool json) {
  for (std::size_t i = 0; count == 0 || i < count; ++i) {
    if (i != 0) co_await sc::sleep(refresh);
    const auto trees = trees_of(co_await all_actors());
    if (json)
      std::printf("%s\n", trees_json(trees).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    else
      std::printf("%s%s", i == 0 ? "" : "\n", trees_text(trees).c_str());
    flush_out();
  }
}

}  // namespace

sc::task<int> top(std::size_t count, bool json) {
  if (json)
    co_await print_again_and_again(count, true);
  else if (writes_to_terminal())
    co_await watch_on_terminal(count);
  else
    co_await print_again_and_again(count == 0 ? 1 : count, false);
  co_return 0;
}

}  // namespace tractor::cli
