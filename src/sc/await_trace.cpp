// SPDX-License-Identifier: Apache-2.0
//
// Which co_awaits an exception crossed. Kept beside the exceptions, the last few of them, because an exception object has no room for it.

#include <algorithm>
#include <new>
#include <utility>

#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::sc {

namespace {

// Of the thread's last run, so that who gets an error from it can ask. Null when no error left it, and once the thread ends.
constinit thread_local detail::trace_list* kept = nullptr;
constinit thread_local bool thread_ends = false;
struct kept_guard {
  kept_guard() noexcept = default;
  kept_guard(const kept_guard&) = delete;
  kept_guard& operator=(const kept_guard&) = delete;
  ~kept_guard() {
    thread_ends = true;
    delete std::exchange(kept, nullptr);
  }
};

void keep(detail::trace_list* traces) noexcept {
  static thread_local const kept_guard guard;
  static_cast<void>(guard);
  delete std::exchange(kept, thread_ends ? nullptr : traces);
  if (thread_ends) delete traces;
}

// `error`, or a member of the group that it is.
bool is_part_of(const std::exception_ptr& part, const std::exception_ptr& error) noexcept {
  if (part == error) return true;
  const auto* const group = exception_ptr_cast<exception_group>(error);
  return group != nullptr &&
         std::ranges::any_of(group->exceptions(), [&](const std::exception_ptr& member) { return is_part_of(part, member); });
}

bool same_function(std::source_location a, std::source_location b) noexcept {
  return std::string_view(a.function_name()) == b.function_name();
}

// The end of what stands in brackets at `from`, which may hold others.
std::size_t past_brackets(std::string_view text, std::size_t from) {
  int depth = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '<' || text[i] == '[') ++depth;
    const bool arrow = text[i] == '>' && i > 0 && text[i - 1] == '-';
    if ((text[i] == ')' || text[i] == '>' || text[i] == ']') && !arrow && --depth == 0) return i + 1;
  }
  return text.size();
}

// How many characters of `text` begin it as a lambda's type: as clang's signatures and its symbols write one, and as the demangler does.
std::size_t lambda_length(std::string_view text) {
  constexpr std::string_view in_signatures = "(anonymous class)", in_symbols = "$_", demangled = "{lambda(";
  if (text.starts_with(in_signatures)) return in_signatures.size();
  if (text.starts_with(in_symbols)) return std::min(text.find_first_not_of("0123456789", in_symbols.size()), text.size());
  if (text.starts_with(demangled)) return std::min(text.find('}', past_brackets(text, demangled.size() - 1)), text.size() - 1) + 1;
  return 0;
}

void append_report(std::string& text, const std::exception_ptr& error, const std::string& indent) {
  const auto add = [&](const std::string& lines, std::string_view further) {
    for (const char c : lines) {
      text += c;
      if (c == '\n') text.append(indent).append(further);
    }
    text += '\n';
  };
  const auto* const group = exception_ptr_cast<exception_group>(error);
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

const detail::trace_record* detail::find_trace(const std::exception_ptr& error) noexcept {
  const runner* const run = runner::current();
  const trace_list* const traces = run != nullptr ? &run->traces() : kept;
  if (!error || traces == nullptr) return nullptr;
  const auto found = std::ranges::find(*traces, error, &trace_record::exception);
  return found != traces->end() ? &*found : nullptr;
}

std::string detail::function_name(std::string_view signature) {
  constexpr std::string_view call = "::operator()", unnamed = "(anonymous namespace)::";
  std::string name;
  for (std::size_t i = 0; i < signature.size();) {
    const std::string_view rest = signature.substr(i);
    if (const std::size_t length = lambda_length(rest); length != 0) {
      name += "{lambda}";
      i += length;
      if (signature.substr(i).starts_with(call)) i += call.size();
    } else if (rest.starts_with(unnamed)) {
      i += unnamed.size();
    } else if (rest.front() == '(' || rest.front() == '<' || rest.front() == '[') {
      i = past_brackets(signature, i);
    } else if (rest.front() == ' ') {
      // What came before was a return type, unless nothing but qualifiers and template arguments follow.
      if (rest.starts_with(" noexcept") || rest.starts_with(" [")) break;
      if (rest.starts_with(" const")) {  // of a member function, and what follows may be in it
        i += 6;
        continue;
      }
      if (rest.starts_with(" &") && i > 0 && signature[i - 1] == ')') break;  // else of a return type, as is "*"
      name.clear();
      i = std::min(signature.find_first_not_of(" &*", i), signature.size());
    } else {
      name += rest.front();
      ++i;
    }
  }
  return name.empty() ? std::string(signature) : name;
}

void runner::record_trace(detail::promise_base& from, const std::exception_ptr& error) noexcept {
  detail::trace_record* trace = nullptr;
  for (auto& each : traces_)
    if (each.exception == error) trace = &each;
  const bool goes_on = trace != nullptr && (trace->resumable || (trace->next == &from && same_function(trace->next_site, from.site)));
  if (!goes_on) {
    if (trace == nullptr) {
      trace = &traces_[next_trace_++ % traces_.size()];
      take_throw_stack(error, trace->stack);
    }
    trace->sites.clear();
    trace->exception = error;
  }
  trace->resumable = false;
  trace->next = from.parent;
  trace->next_site = from.parent != nullptr ? from.parent->site : std::source_location();
  if (from.site.line() == 0 || trace->sites.size() >= detail::trace_sites_max) return;
  try {
    trace->sites.push_back(from.site);
  } catch (...) {
    // Memory is short, which may be the very error: a place that is missing does no harm.
  }
}

void runner::continue_trace(const std::exception_ptr& error) noexcept {
  for (auto& each : traces_)
    if (each.exception == error) each.resumable = true;
}

// Of the run's error only: what others hold is to go with the run.
void runner::keep_traces() noexcept {
  auto* const list = main_error_ ? new (std::nothrow) detail::trace_list : nullptr;
  for (std::size_t i = 0; list != nullptr && i < traces_.size(); ++i)
    if (traces_[i].exception && is_part_of(traces_[i].exception, main_error_)) (*list)[i] = std::move(traces_[i]);
  traces_ = {};
  keep(list);
}

std::string await_trace(const std::exception_ptr& error) {
  const detail::trace_record* const trace = detail::find_trace(error);
  std::string text;
  if (trace == nullptr) return text;
  for (const auto& site : trace->sites) {
    const std::string function = detail::function_name(site.function_name());
    if (function.starts_with("tractor::")) continue;
    text += "  in ";
    text += function;
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
