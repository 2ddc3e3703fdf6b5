// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/publisher.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <typeinfo>
#include <utility>

#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/trionics/maybe_open_context.hpp"

namespace tractor::trionics {

live_topics::live_topics(std::shared_ptr<const detail::publication> of) noexcept : of_(std::move(of)) {}

std::set<std::string> live_topics::get() const { return of_->topics(); }

namespace detail {

publication_member::publication_member(std::shared_ptr<publication> in, std::set<std::string> topics)
    : in_(std::move(in)), topics_(std::move(topics)) {
  in_->members_.push_back(this);
}

publication_member::~publication_member() { in_->leave(*this); }

bool publication_member::take_turn() noexcept {
  with_consumer_ = false;
  if (in_->turn_of_ == nullptr) in_->turn_of_ = this;
  return in_->turn_of_ == this;
}

void publication_member::note_put(std::size_t queued) noexcept {
  queued_ = queued;
  news_.unpark_all();
}

void publication_member::note_taken(std::size_t queued) {
  queued_ = queued;
  with_consumer_ = true;
  in_->room_.unpark_all();
}

publication::~publication() { TRACTOR_ASSERT(members_.empty() && turn_of_ == nullptr, "a publication is destroyed before its members"); }

std::set<std::string> publication::topics() const {
  std::set<std::string> all;
  for (const publication_member* each : members_) all.insert(each->topics_.begin(), each->topics_.end());
  return all;
}

bool publication::full() const noexcept {
  return std::ranges::any_of(members_, [](const publication_member* each) { return each->queued_ >= publisher_queued_max; });
}

void publication::end() noexcept {
  for (publication_member* each : members_) {
    each->ended_ = true;
    each->news_.unpark_all();
  }
  members_.clear();
}

// The turn goes on to the one that came first, of those that wait for a value. Not to one that has something for its consumer, who may be
// busy for long: when it is back it takes the turn if nobody has it.
void publication::leave(publication_member& gone) noexcept {
  std::erase(members_, &gone);
  room_.unpark_all();
  if (turn_of_ != &gone) return;
  const auto next =
      std::ranges::find_if(members_, [](const publication_member* each) { return !each->with_consumer_ && each->queued_ == 0; });
  turn_of_ = next == members_.end() ? nullptr : *next;
  if (turn_of_ != nullptr) turn_of_->news_.unpark_all();
}

namespace {

using publications = std::map<std::string, publication>;  // by task name

}  // namespace

std::shared_ptr<publication> actor_publication(const void* function, std::string_view text, const std::string& task_name) {
  const auto all = std::static_pointer_cast<publications>(
      actor_cache({.opener = function, .key = typeid(publications)}, text,
                  [](sc::nursery&, std::string) -> std::shared_ptr<void> { return std::make_shared<publications>(); }));
  return {all, &(*all)[task_name]};
}

std::set<std::string> topics_asked_for(std::string_view function, std::vector<std::string> topics) {
  if (topics.empty()) throw type_error("a subscriber of " + msg::quoted(function) + " says to which topics: `topics` is empty");
  return {std::make_move_iterator(topics.begin()), std::make_move_iterator(topics.end())};
}

void check_task_name(std::string_view function, std::string_view name, std::initializer_list<std::string_view> declared) {
  if (std::ranges::find(declared, name) != declared.end()) return;
  std::string known;
  for (const std::string_view each : declared) known += (known.empty() ? "" : ", ") + msg::quoted(each);
  throw type_error("publisher " + msg::quoted(function) + " has no task " + msg::quoted(name) + "; it has " + known);
}

}  // namespace detail

}  // namespace tractor::trionics
