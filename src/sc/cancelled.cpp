// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/cancelled.hpp"

#include <cxxabi.h>

#include <exception>
#include <typeinfo>

#include "task_local_list.hpp"
#include "token.hpp"
#include "tractor/sc/detail/kernel.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

cancelled::cancelled(detail::cancel_token* token) noexcept : token_(token) {
  ++token_->references;
  ++token_->alive;
}
cancelled::cancelled(const cancelled& other) noexcept : cancelled(other.token_) {}
cancelled::~cancelled() {
  --token_->alive;
  detail::release_token(token_);
}

std::string to_string(const cancel_reason& reason) {
  const std::string place =
      reason.where.line() != 0 ? std::string(reason.where.file_name()) + ":" + std::to_string(reason.where.line()) : "";
  switch (reason.source) {
    case cancel_source::deadline: return "deadline passed" + (place.empty() ? "" : " (set at " + place + ")");
    case cancel_source::nursery_failed:
      return "the nursery" + (place.empty() ? "" : " at " + place) + " was cancelled because " + reason.text;
    case cancel_source::run_shutdown: return "the run was cancelled" + (place.empty() ? "" : " at " + place) + ": " + reason.text;
    case cancel_source::explicit_call: break;
  }
  std::string text = "cancelled";
  if (!reason.task.empty()) text += " by task '" + reason.task + "'";
  if (!place.empty()) text += " at " + place;
  if (!reason.text.empty()) text += ": " + reason.text;
  return text;
}

namespace detail {

std::string dropped_cancel_text(const task_record& task) {
  const auto place = [](const char* before, std::source_location where, const char* after) {
    return where.line() == 0 ? std::string() : before + std::string(where.file_name()) + ":" + std::to_string(where.line()) + after;
  };
  return "task '" + std::string(task.name()) + "'" + place(" (started at ", task.spawned_at, ")") + " caught sc::cancelled" +
         place(", thrown by the co_await at ", task.token->checkpoint, ",") + " and dropped it" +
         place(", in the scope at ", task.token->dropped_in, "");
}

constinit thread_local runner* current_runner = nullptr;

void release_token(cancel_token* token) noexcept {
  if (--token->references == 0) delete token;
}

void task_record::give_name(std::string_view name) { given_name = new std::string(name); }

void task_record::drop_extras() noexcept {
  // Out of the record first: the destructor of a value may look for it, or for another one.
  if (locals != nullptr) drop_locals(std::exchange(locals, nullptr));
  break_locks();                              // they tell by which task, so before its name goes
  delete std::exchange(given_name, nullptr);  // a stall detector's handler may ask for the name at any time
  if (token != nullptr) release_token(token);
}

namespace {

cancel_token* token_of(task_record& task) {
  if (task.token == nullptr) {
    task.token = new cancel_token;
    task.token->references = 1;
  }
  return task.token;
}

}  // namespace

void throw_cancelled(std::source_location checkpoint) {
  task_record& task = *this_runner().running();
  cancel_token* const token = token_of(task);  // first: it may throw, and then nothing was delivered
  // Of several that nobody has settled yet, a report names the first: the others may come out of a cleanup in its handler.
  if (task.delivered++ == task.accounted) token->checkpoint = checkpoint;
  throw kernel_access::make_cancelled(token);
}

void rethrow_outcome(const promise_base& ended) {
  if (ended.outcome == outcome_kind::cancelled) rethrow_cancelled();
  std::rethrow_exception(ended.error);
}

void rethrow_cancelled() { throw kernel_access::make_cancelled(token_of(*this_runner().running())); }

void throw_no_run() { throw usage_error("no tractor::sc run in this thread: call this from a task, below sc::run()"); }

void promise_base::unhandled_exception() noexcept {
  // Told apart by type, not by a catch clause: `cancelled` needs no exception_ptr, and a cancel crosses many frames.
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type != nullptr && *type == typeid(cancelled)) {
    outcome = outcome_kind::cancelled;
    return;
  }
  outcome = outcome_kind::error;
  error = std::current_exception();
  if (current_runner != nullptr) current_runner->record_trace(*this, error);
}

}  // namespace detail

}  // namespace tractor::sc
