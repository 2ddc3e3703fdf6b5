// SPDX-License-Identifier: Apache-2.0
//
// Programs as text, one line a node: "4 leaf 17ns then cancels 2 then sleeps 5ns". Its children stand below it, two blanks further in.

#include <algorithm>
#include <charconv>
#include <sstream>
#include <stdexcept>

#include "program.hpp"

namespace sc_model {

namespace {

constexpr const char* kind_names[] = {"leaf", "seq", "scope", "nursery", "finally", "start"};

std::string in_ns(duration length) { return std::to_string(length.count()) + "ns"; }

void append(std::string& text, const node& what, std::size_t depth) {
  text += std::string(depth * 2, ' ') + std::to_string(what.id) + " " + kind_names[static_cast<std::size_t>(what.kind)];
  if (what.wait.count() != 0) text += " " + in_ns(what.wait);
  if (what.act == act_kind::fail) text += " then fails";
  if (what.act == act_kind::cancel) text += " then cancels " + std::to_string(what.target);
  if (what.kind == node_kind::start) text += " in " + std::to_string(what.target);
  if (what.rest.count() != 0) text += " then sleeps " + in_ns(what.rest);
  if (what.deadline) text += " deadline " + in_ns(*what.deadline);
  if (what.shield) text += " shield";
  if (what.fail_on_timeout) text += " fails on timeout";
  text += '\n';
  for (const auto& child : what.children) append(text, *child, depth + 1);
}

// The words of one line.
class line_parser {
 public:
  explicit line_parser(const std::string& line) : line_(line), words_(line) {}

  std::unique_ptr<node> parse() {
    auto made = std::make_unique<node>();
    made->id = number(word());
    const std::string kind = word();
    const auto* const named = std::ranges::find(kind_names, kind);
    if (named == std::ranges::end(kind_names)) wrong("there is no node of the kind '" + kind + "'");
    made->kind = static_cast<node_kind>(named - kind_names);
    for (std::string next; words_ >> next;) clause(*made, next);
    return made;
  }

 private:
  void clause(node& made, const std::string& first) {
    if (first.ends_with("ns"))
      made.wait = length(first);
    else if (first == "then")
      after_a_wait(made, word());
    else if (first == "in")
      made.target = number(word());
    else if (first == "deadline")
      made.deadline = length(word());
    else if (first == "shield")
      made.shield = true;
    else if (first == "fails" && word() == "on" && word() == "timeout")
      made.fail_on_timeout = true;
    else
      wrong("'" + first + "' was not expected");
  }
  void after_a_wait(node& made, const std::string& what) {
    if (what == "fails") {
      made.act = act_kind::fail;
    } else if (what == "cancels") {
      made.act = act_kind::cancel;
      made.target = number(word());
    } else if (what == "sleeps") {
      made.rest = length(word());
    } else {
      wrong("'" + what + "' was not expected");
    }
  }
  std::string word() {
    std::string next;
    if (!(words_ >> next)) wrong("a word is missing at the end");
    return next;
  }
  template <class Number = int>
  Number number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) wrong("'" + std::string(text) + "' is no number");
    return value;
  }
  duration length(std::string_view text) {
    if (!text.ends_with("ns")) wrong("'" + std::string(text) + "' is no number of nanoseconds");
    return duration(number<duration::rep>(text.substr(0, text.size() - 2)));
  }
  [[noreturn]] void wrong(const std::string& why) const { throw std::invalid_argument(why + ": \"" + line_ + "\""); }

  const std::string& line_;
  std::istringstream words_;
};

// How many children a node has: at least, at most.
bool has_right_children(const node& what) {
  switch (what.kind) {
    case node_kind::leaf: return what.children.empty();
    case node_kind::scope: return what.children.size() == 1;
    case node_kind::finally:
    case node_kind::start: return what.children.size() == 2;
    case node_kind::seq:
    case node_kind::nursery: return !what.children.empty();
  }
  return false;
}

}  // namespace

std::string to_text(const program& what) {
  std::string text;
  append(text, *what.root, 0);
  return text;
}

program parse(std::string_view text) {
  program made;
  std::vector<node*> all, open;  // open: the last node at each depth
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    if (blanks == line.size()) continue;
    auto next = line_parser(line).parse();
    const std::size_t depth = blanks / 2;
    if (blanks % 2 != 0 || depth > open.size() || (depth == 0) != (made.root == nullptr))
      throw std::invalid_argument("below no other node: \"" + line + "\"");
    if (std::ranges::count(all, next->id, &node::id) != 0) throw std::invalid_argument("an id is used twice: \"" + line + "\"");
    made.nodes = std::max({made.nodes, next->id + 1, next->target + 1});
    all.push_back(next.get());
    open.resize(depth);
    open.push_back(next.get());
    (depth == 0 ? made.root : open[depth - 1]->children.emplace_back()) = std::move(next);
  }
  if (!made.root) throw std::invalid_argument("a program has at least one node");
  for (const node* each : all)
    if (!has_right_children(*each)) throw std::invalid_argument("node " + std::to_string(each->id) + " has not the children of its kind");
  return made;
}

std::string to_text(const outcome& what) {
  static constexpr const char* names[] = {"never ended", "value", "cancelled", "error"};
  std::string text = names[static_cast<std::size_t>(what.how)];
  for (const int id : what.errors) text += " " + std::to_string(id);
  if (what.how != outcome::kind::never) text += " at " + in_ns(what.at);
  if (what.cancel_called) text += ", cancel_called";
  if (what.cancelled_caught) text += ", cancelled_caught";
  return text;
}

}  // namespace sc_model
