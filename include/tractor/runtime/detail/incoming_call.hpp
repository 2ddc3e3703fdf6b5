// SPDX-License-Identifier: Apache-2.0
//
// A task that runs here because a peer asked for it.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tractor/runtime/detail/dialog.hpp"
#include "tractor/runtime/detail/endpoint.hpp"
#include "tractor/sc/event.hpp"

namespace tractor::detail {

class incoming_call {
 public:
  incoming_call(std::shared_ptr<peer> via, const endpoint& target, std::unique_ptr<prepared_call> call, std::string_view cid);
  incoming_call(const incoming_call&) = delete;
  incoming_call& operator=(const incoming_call&) = delete;
  ~incoming_call() { delist(); }

  // In the peer's table, and counted as a task of the actor, from here until it has answered or is destroyed.
  void enlist();
  void delist() noexcept;

  // The task: runs the function, answers the peer, whatever happens. Never throws.
  sc::task<> run();

  // Cancels the task. `canceller` is who is told to have asked; nobody for a peer that is gone.
  void cancel(const std::optional<uid>& canceller, std::string_view why);
  // A request of the peer with its own cid: acknowledged when the task has ended.
  void acknowledge_when_done(std::string_view request_cid) { ack_cids_.emplace_back(request_cid); }
  [[nodiscard]] std::size_t cancel_requests() const noexcept { return ack_cids_.size(); }
  [[nodiscard]] dialog& link() noexcept { return link_; }
  [[nodiscard]] const endpoint& target() const noexcept { return target_; }
  [[nodiscard]] const uid& asked_by() const noexcept;
  [[nodiscard]] sc::time_point since() const noexcept { return since_; }

  // Its place in the actor's list, while it is enlisted.
  incoming_call* next = nullptr;
  incoming_call** place = nullptr;

  static void* operator new(std::size_t bytes) { return sc::detail::frame_pool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { sc::detail::frame_pool::deallocate(memory, bytes); }

 private:
  sc::task<> wait_for_room();
  void say_undelivered(std::string_view error) const;
  void answer(bool cut_off, const msg::buffer& failure);
  void answer_error(const msg::buffer& error);
  [[nodiscard]] msg::buffer encoded(const std::exception_ptr& error) const;

  dialog link_;
  const endpoint& target_;
  const sc::time_point since_;
  std::unique_ptr<prepared_call> call_;
  std::vector<std::string> ack_cids_;
  std::string why_cancelled_;
  bool enlisted_ = false;
  sc::cancel_scope* room_wait_ = nullptr;  // where the task waits for its channel, while it does
};

}  // namespace tractor::detail
