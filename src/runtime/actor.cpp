// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/actor.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <string_view>

#include "process_host.hpp"
#include "tractor/base/log.hpp"
#include "tractor/base/uuid.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/detail/directory.hpp"
#include "tractor/runtime/detail/incoming_call.hpp"
#include "tractor/runtime/module.hpp"

namespace tractor {

namespace detail {
constinit sc::task_local<actor*> current_actor_key;
}

std::string make_uuid() {
  sc::runner& run = sc::detail::this_runner();
  const std::uint64_t high = run.random();
  return uuid::from_random(high, run.random()).text();
}

namespace {

constinit logger log_of_actor("tractor.runtime.actor");

// Who logs: the actor and the task that run.
void identify(log_identity& who) {
  const sc::runner* const run = sc::runner::current();
  if (run == nullptr) return;
  if (const sc::detail::task_record* const task = run->running()) {
    who.task_name = task->name();
    who.task_id = task->id;
  }
  if (const actor* const self = current_actor_or_null()) {
    who.actor_name = self->name();
    who.actor_uuid = self->uid().uuid;
  }
}

// The last actor of this process that has ended: whoever looks for an actor after that is told. Several threads may have actors.
constexpr std::size_t ended_name_bytes_max = 128;
constinit std::mutex ended_mutex;
constinit std::array<char, ended_name_bytes_max> ended_name{};
constinit std::optional<std::size_t> ended_name_bytes;

void note_ended(std::string_view name) noexcept {
  const std::scoped_lock locked(ended_mutex);
  ended_name_bytes = name.copy(ended_name.data(), ended_name.size());
}

std::string about_last_ended() {
  const std::scoped_lock locked(ended_mutex);
  if (!ended_name_bytes) return {};
  return "; the last one of this process, " + msg::quoted(std::string_view(ended_name.data(), *ended_name_bytes)) + ", has ended";
}

}  // namespace

actor* current_actor_or_null() noexcept {
  actor* const* found = detail::current_actor_key.get();
  return found != nullptr ? *found : nullptr;
}

actor& current_actor() {
  if (actor* found = current_actor_or_null()) return *found;
  throw no_runtime("there is no actor here: call this inside tractor::run, below tractor::open_nursery" + about_last_ended());
}

actor::actor(msg::aid identity) : aid_(std::move(identity)), uid_{.name = aid_.name, .uuid = aid_.uuid} {
  detail::set_log_identify(&identify);
  aid_.extensions = {std::string(msg::error_detail_key), std::string(msg::registry_key)};
}

actor::~actor() { note_ended(uid_.name); }

sc::nursery& actor::service() const {
  TRACTOR_ASSERT(service_ != nullptr, "an actor serves only while its service nursery is open");
  return *service_;
}

detail::process_host& actor::processes() {
  if (!processes_) {
    processes_ = std::make_unique<detail::process_host>(std::move(fork_server_));
    processes_->set_attributes_output(attributes_output_);
  }
  return *processes_;
}

detail::directory& actor::directory() {
  if (!directory_) directory_ = std::make_unique<detail::directory>(*this);
  return *directory_;
}

void actor::enable_module(std::string_view name) {
  if (!detail::module_known(name))
    throw module_not_exposed("module " + msg::quoted(name) +
                             " is not part of this program: no TRACTOR_MODULE of that name was linked into it. A static library's module "
                             "that nothing refers to is dropped by the linker: build it with "
                             "tractor_add_module(), or link it whole");
  if (!exposes(name)) modules_.emplace_back(name);
}

void actor::cancel_soon(const std::optional<tractor::uid>& requester, std::string_view why) {
  if (cancel_called_) return;
  cancel_called_ = true;
  cancel_caller_ = requester;
  cancel_why_ = why;
  tell_parent_of_cancel();  // first: what the tasks make of it may hold the loop
  // All at once, then one wait for all (S-RPC-9).
  for (const auto& connected : peers_) connected->cancel_calls(cancel_caller_, cancel_why_);
  cancel_requested_.set();
}

void actor::acknowledge_cancel(const std::shared_ptr<detail::peer>& to, std::string_view cid) {
  if (cancel_complete_) {
    to->send([&](msg::buffer& out) { msg::encode_cancel_ack(out, cid, true); });
    return;
  }
  if (cancel_acks_.size() >= detail::cancel_requests_per_task_max) {  // enough have been promised to be told when it is done
    to->send([&](msg::buffer& out) { msg::encode_cancel_ack(out, cid, false); });
    return;
  }
  cancel_acks_.push_back({.to = to, .cid = std::string(cid)});
}

void actor::call_started(detail::incoming_call& call) noexcept {
  ++running_calls_;
  call.next = std::exchange(calls_, &call);
  call.place = &calls_;
  if (call.next != nullptr) call.next->place = &call.next;
}

void actor::call_ended(detail::incoming_call& call) noexcept {
  *call.place = call.next;
  if (call.next != nullptr) call.next->place = call.place;
  --running_calls_;
  if (running_calls_ == 0) calls_changed_.unpark_all();
}

void actor::say_what_holds_it() const noexcept try {
  std::string tasks;
  std::size_t named = 0;
  for (const auto* call = calls_; call != nullptr && named < held_root_tasks_named_max; call = call->next, ++named) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(sc::current_time() - call->since());
    if (named != 0) tasks += ", ";
    tasks += std::string(call->target().module) + "." + std::string(call->target().name) + " (asked for by actor " +
             msg::quoted(call->asked_by().name) + " " + std::to_string(age.count()) + " ms ago)";
  }
  if (named < running_calls_) tasks += ", and " + std::to_string(running_calls_ - named) + " more";
  log_of_actor.error("the root actor ", msg::quoted(name()),
                     " waits for tasks that peers asked for and that did not end by their cancel within ",
                     std::chrono::milliseconds(held_root_report_time).count(), " ms: ", tasks);
} catch (const std::bad_alloc&) {
  // It waits all the same.
}

sc::task<> actor::finish_cancel() {
  const auto tasks_end = [this]() -> sc::task<> {
    while (running_calls_ != 0) co_await calls_changed_.park("end of the actor's tasks");
  };
  // No task is abandoned. Others have a parent that ends them with their process.
  if (is_root_ && !co_await sc::move_on_after(held_root_report_time, tasks_end)) say_what_holds_it();
  co_await tasks_end();
  cancel_complete_ = true;
  bool parent_asked = false;
  for (const auto& ack : std::exchange(cancel_acks_, {})) {
    parent_asked = parent_asked || ack.to->is_parent();
    try {
      ack.to->send([&](msg::buffer& out) { msg::encode_cancel_ack(out, ack.cid, true); });
    } catch (const error&) {
      // Who asked is gone, or its channel is.
    }
  }
  if (!parent_asked) tell_parent(true);
  // The last words have to reach the socket before the channels close; a peer that does not read them holds nobody up for long (S-SRV-13).
  const auto connected = peers_;
  auto waited_for = connected.begin();
  const bool taken = co_await sc::move_on_after(last_words_timeout, [&]() -> sc::task<> {
    for (; waited_for != connected.end(); ++waited_for) co_await (*waited_for)->channel().flushed();
  });
  if (!taken)
    log_of_actor.warning("what was still to be sent to ", (*waited_for)->channel().peer_name(), " was not read within ",
                         last_words_timeout.count(), " ms, and is lost (last_words_timeout)");
}

void actor::tell_parent(bool complete) noexcept {
  for (const auto& connected : peers_) {
    if (!connected->is_parent()) continue;
    try {
      connected->send([&](msg::buffer& out) { msg::encode_cancel_ack(out, uid_.uuid, complete); });
    } catch (const std::exception&) {
      // A parent that is gone, or cannot be told, judges by the exit status.
    }
  }
}

void actor::set_introduced() noexcept {
  introduced_ = true;
  if (cancel_called_) tell_parent_of_cancel();
}

void actor::tell_parent_of_cancel() noexcept {
  // One that has asked itself waits for the answer, and knows what to do without it.
  if (!introduced_ || std::ranges::any_of(cancel_acks_, [](const auto& ack) { return ack.to->is_parent(); })) return;
  const auto to = parent();
  if (!to) return;
  try {
    to->send([&](msg::buffer& out) { msg::encode_cancel_ack(out, cancel_notice_cid(uid_), false); });
    to->channel().flush();
  } catch (const std::exception&) {
    // As above; and a parent that is gone has let this actor go, too.
  }
}

void actor::add_peer(std::shared_ptr<detail::peer> connected) { peers_.push_back(std::move(connected)); }

void actor::remove_peer(const detail::peer& gone) noexcept {
  const auto found = std::find_if(peers_.begin(), peers_.end(), [&](const auto& held) { return held.get() == &gone; });
  if (found != peers_.end()) peers_.erase(found);
  if (directory_) directory_->forget(gone);
}

std::shared_ptr<detail::peer> actor::parent() const {
  const auto found = std::ranges::find_if(peers_, [](const auto& held) { return held->is_parent(); });
  return found != peers_.end() ? *found : nullptr;
}

void actor::stop_listening(const ipc::address& where) noexcept {
  std::erase_if(listeners_, [&](const auto& listener) {
    if (listener->local() != where) return false;
    listener->close();
    return true;
  });
}

void actor::run_lifetime_stack() noexcept {
  while (!lifetime_stack_.empty()) {
    const auto callback = std::move(lifetime_stack_.back());
    lifetime_stack_.pop_back();
    callback();
  }
}

void actor::prepare_exit() noexcept {
  if (directory_) directory_->close();
  for (const auto& listener : listeners_) listener->close();
  for (const auto& connected : peers_) connected->channel().flush();
  processes_.reset();
}

void actor::close_all(std::string_view why) noexcept {
  prepare_exit();
  listeners_.clear();
  const auto closed = std::make_exception_ptr(transport_closed(std::string(why)));
  for (const auto& connected : std::exchange(peers_, {})) {
    connected->channel().close(std::string(why));
    connected->fail(closed);
  }
}

}  // namespace tractor
