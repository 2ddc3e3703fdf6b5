// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/run_process.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "process_text.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/nursery.hpp"

namespace tractor::sc {

namespace {

constexpr std::size_t read_bytes = 16 * 1024;

std::string command_text(const std::vector<std::string>& arguments) { return detail::command_text("run_process", arguments); }

// --- the streams ---

struct capture {
  std::string& kept;
  bool& truncated;
  std::string end = {};  // of a truncated one, as much as a message shows

  // False: it did not fit.
  bool add(std::string_view piece, std::size_t bytes_max) {
    const std::size_t fits = std::min(piece.size(), bytes_max - kept.size());
    kept += piece.substr(0, fits);
    if (fits < piece.size()) truncated = true;
    end += piece;
    if (end.size() > shown_stderr_bytes_max) end.erase(0, end.size() - shown_stderr_bytes_max);
    return !truncated;
  }
};

task<> feed(byte_stream& into, const std::string& input) {
  try {
    co_await into.send_all(std::as_bytes(std::span(input)));
  } catch (const broken_resource_error&) {
    // It has read what it wanted.
  } catch (const closed_resource_error&) {
    // Or has ended. Who has its stdin from it gets no more.
  }
  into.close();
}

task<> collect(byte_stream& from, capture& into, const run_process_options& options, const char* which) {
  std::array<std::byte, read_bytes> buffer;
  while (const std::size_t got = co_await from.receive_some(buffer)) {
    const bool fitted = into.add({reinterpret_cast<const char*>(buffer.data()), got}, options.captured_bytes_max);
    if (!fitted && options.when_too_long == over_bound::fail)
      throw too_long_error(
          command_text(options.arguments) + " wrote more than " + std::to_string(options.captured_bytes_max) + " bytes to its " + which,
          options.captured_bytes_max);
  }
}

task<> discard(byte_stream& from) {
  std::array<std::byte, read_bytes> buffer;
  while (co_await from.receive_some(buffer) != 0) {
  }
}

// --- the child ---

process_options child_options(const run_process_options& options) {
  const stdio given_input = options.input.empty() ? stdio::null : stdio::pipe;
  return {.arguments = options.arguments,
          .environment = options.environment,
          .working_directory = options.working_directory,
          .input = options.inherit_input ? stdio::inherit : given_input,
          .output = options.output,
          .error = options.error,
          .output_file = options.output_file,
          .error_file = options.error_file};
}

bool feeds(const run_process_options& options) { return !options.inherit_input && !options.input.empty(); }

task<> wait_for(child_process& child) { static_cast<void>(co_await child.wait()); }

task<> talk(child_process& child, const run_process_options& options, capture& out, capture& err) {
  co_await open_nursery([&](nursery& n) -> task<> {
    if (feeds(options)) n.start_soon({.name = "feed stdin"}, feed, std::ref(child.input()), std::cref(options.input));
    if (options.output == stdio::pipe)
      n.start_soon({.name = "collect stdout"}, collect, std::ref(child.output()), std::ref(out), std::cref(options), "stdout");
    if (options.error == stdio::pipe)
      n.start_soon({.name = "collect stderr"}, collect, std::ref(child.error()), std::ref(err), std::cref(options), "stderr");
    co_await wait_for(child);
    if (feeds(options)) child.input().close();
  });
}

// Ends a child that runs. It must be able to write while it ends in good order.
task<> stop(child_process& child, const run_process_options& options) {
  if (child.poll()) co_return;
  if (feeds(options)) child.input().close();
  co_await open_nursery([&](nursery& n) -> task<> {
    if (options.output == stdio::pipe) n.start_soon({.name = "discard stdout"}, discard, std::ref(child.output()));
    if (options.error == stdio::pipe) n.start_soon({.name = "discard stderr"}, discard, std::ref(child.error()));
    child.kill(SIGTERM);
    if (!co_await move_on_after(options.grace, [&] { return wait_for(child); })) {
      child.kill(SIGKILL);
      co_await wait_for(child);
    }
    n.cancel("the child has ended");
  });
}

std::string failure_text(const run_process_options& options, const process_result& result, std::string_view stderr_end) {
  const auto shown = options.error == stdio::pipe ? std::optional(stderr_end) : std::nullopt;
  return detail::process_failure_text(command_text(options.arguments), result.status, shown);
}

}  // namespace

process_failed_error::process_failed_error(std::string message, process_result result)
    : error(std::move(message)), result_(std::move(result)) {}
process_failed_error::process_failed_error(const process_failed_error&) = default;
process_failed_error::~process_failed_error() = default;

task<process_result> run_process(run_process_options options) {
  co_await checkpoint();
  process_result result;
  capture out{.kept = result.out, .truncated = result.out_truncated};
  capture err{.kept = result.err, .truncated = result.err_truncated};
  child_process child(child_options(options));
  const external_wait outside;
  co_await finally([&] { return talk(child, options, out, err); }, [&] { return stop(child, options); }, duration::max());
  result.status = child.poll().value();
  if (options.check && !result.status.success()) {
    std::string text = failure_text(options, result, err.end);
    throw process_failed_error(std::move(text), std::move(result));
  }
  co_return result;
}

}  // namespace tractor::sc
