// SPDX-License-Identifier: Apache-2.0
//
// What publisher.hpp stands on, without its types: who is subscribed to what, and whose turn it is to run the generator.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tractor/base/config.hpp"
#include "tractor/sc/parking_lot.hpp"

namespace tractor::trionics::detail {

class publication;

// One who is subscribed, without its queue: a member of the publication until it is destroyed, or the generator has ended. The turn is its
// own from take_turn() to its end.
class TRACTOR_API publication_member {
 public:
  publication_member(std::shared_ptr<publication> in, std::set<std::string> topics);
  publication_member(const publication_member&) = delete;
  publication_member& operator=(const publication_member&) = delete;

  [[nodiscard]] const std::set<std::string>& topics() const noexcept { return topics_; }
  // The generator has ended: nothing more is put in its queue.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // It has nothing queued. True: it is this one that runs the generator, now at the latest.
  [[nodiscard]] bool take_turn() noexcept;
  // Until there may be something in the queue, or the turn is its own, or it has ended.
  [[nodiscard]] auto news() noexcept { return news_.park("publisher.next"); }

 protected:
  ~publication_member();
  void note_put(std::size_t queued) noexcept;
  // What was taken out goes to its consumer, who may take its time.
  void note_taken(std::size_t queued);

 private:
  friend class publication;

  std::shared_ptr<publication> in_;
  std::set<std::string> topics_;
  std::size_t queued_ = 0;
  bool ended_ = false;
  bool with_consumer_ = false;
  sc::parking_lot news_;  // its own task
};

// Those who are subscribed to one generator.
class TRACTOR_API publication {
 public:
  publication() noexcept = default;
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;
  ~publication();

  [[nodiscard]] std::set<std::string> topics() const;
  // In the order in which they came.
  [[nodiscard]] const std::vector<publication_member*>& members() const noexcept { return members_; }

  // For who has the turn: somebody's queue is full; until it may be full no more.
  [[nodiscard]] bool full() const noexcept;
  [[nodiscard]] auto room() noexcept { return room_.park("publisher.room"); }
  // The generator has ended, for all who are subscribed.
  void end() noexcept;

 private:
  friend class publication_member;

  void leave(publication_member& gone) noexcept;

  std::vector<publication_member*> members_;
  publication_member* turn_of_ = nullptr;
  sc::parking_lot room_;
};

// The current actor's, of that function and task name. Throws no_runtime.
[[nodiscard]] TRACTOR_API std::shared_ptr<publication> actor_publication(const void* function, std::string_view text,
                                                                         const std::string& task_name);

// Throws type_error when there are none.
[[nodiscard]] TRACTOR_API std::set<std::string> topics_asked_for(std::string_view function, std::vector<std::string> topics);
// Throws type_error when it is none of those that are declared.
TRACTOR_API void check_task_name(std::string_view function, std::string_view name, std::initializer_list<std::string_view> declared);

}  // namespace tractor::trionics::detail
