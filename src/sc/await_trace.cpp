// SPDX-License-Identifier: Apache-2.0
//
// Which co_awaits an exception crossed. Kept beside the exceptions, the last few of them, because an exception object has no room for it.

#include <algorithm>

#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace {

// Of the thread's last run, so that who gets an error from it can ask. Null when no error left it.
thread_local std::unique_ptr<detail::trace_list> kept;

const detail::trace_record* find(const detail::trace_list& traces, const std::exception_ptr& error) noexcept {
  const auto found = std::ranges::find(traces, error, &detail::trace_record::exception);
  return found != traces.end() ? &*found : nullptr;
}

void append_report(std::string& text, const std::exception_ptr& error, const std::string& indent) {
  const auto add = [&](const std::string& lines, std::string_view further) {
    for (const char c : lines) {
      text += c;
      if (c == '\n') text.append(indent).append(further);
    }
    text += '\n';
  };
  const exception_group* group = nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& several) {
    group = &several;
  } catch (...) {
  }
  text += indent;
  add(type_name_of(error) + ": " + (group != nullptr ? group->title() : describe(error)), "    ");
  if (const std::string trace = await_trace(error); !trace.empty()) {
    text += indent;
    add(trace.substr(0, trace.size() - 1), "");
  }
  if (group != nullptr)
    for (const auto& member : group->exceptions()) append_report(text, member, indent + "  | ");
}

}  // namespace

void runner::record_trace(detail::promise_base& from, const std::exception_ptr& error) noexcept {
  detail::trace_record* trace = nullptr;
  for (auto& each : traces_)
    if (each.exception == error) trace = &each;
  if (trace == nullptr || !(trace->resumable || trace->next == &from)) {
    if (trace == nullptr) trace = &traces_[next_trace_++ % traces_.size()];
    trace->sites.clear();
    trace->exception = error;
  }
  trace->resumable = false;
  trace->next = from.parent;
  if (from.site.line() != 0 && trace->sites.size() < detail::trace_sites_max) trace->sites.push_back(from.site);
}

void runner::continue_trace(const std::exception_ptr& error) noexcept {
  for (auto& each : traces_)
    if (each.exception == error) each.resumable = true;
}

void runner::keep_traces() noexcept {
  kept.reset();
  if (main_error_) kept.reset(new (std::nothrow) detail::trace_list(std::move(traces_)));
}

std::string await_trace(const std::exception_ptr& error) {
  const runner* const run = runner::current();
  const detail::trace_list* const traces = run != nullptr ? &run->traces() : kept.get();
  const detail::trace_record* const trace = error && traces != nullptr ? find(*traces, error) : nullptr;
  std::string text;
  if (trace == nullptr) return text;
  for (const auto& site : trace->sites) {
    text += "  in ";
    text += site.function_name();
    text += " at ";
    text += site.file_name();
    text += ':';
    text += std::to_string(site.line());
    text += '\n';
  }
  return text;
}

std::string error_report(const std::exception_ptr& error) {
  if (!error) return "no exception";
  std::string text;
  append_report(text, error, "");
  text.pop_back();
  return text;
}

}  // namespace tractor::sc
