// SPDX-License-Identifier: Apache-2.0

#include "tractor/trionics/supervise_run_process.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

#include "sc/process_text.hpp"
#include "spawn/own_stderr.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/lock.hpp"

namespace tractor::trionics {

namespace {

constexpr std::size_t read_bytes = 16 * 1024;
constexpr sc::duration room_poll_interval = std::chrono::milliseconds(5);

// A stderr that nobody reads holds no program up for ever.
sc::task<> write_line_to_stderr(std::string line) {
  line += '\n';
  const auto deadline = sc::current_time() + stderr_room_timeout;
  for (std::string_view rest = line; !rest.empty();) {
    const auto taken = spawn::detail::write_to_stderr_now(rest);
    if (taken < 0 || (taken == 0 && sc::current_time() >= deadline)) co_return;
    rest.remove_prefix(static_cast<std::size_t>(taken));
    if (taken == 0) co_await sc::sleep(room_poll_interval);
  }
  co_await sc::checkpoint();
}

// One stream of the program. What has been read stays here when `run` is cancelled, for the next call of it.
class relay {
 public:
  relay(std::string prefix, const line_sink* sink, sc::lock& turn) : prefix_(std::move(prefix)), sink_(sink), turn_(turn) {}
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  ~relay() = default;

  // Reads up to the end of the stream. With `forgiving`, an error of the sink only ends the relaying.
  sc::task<> run(sc::byte_stream& from, bool forgiving) {
    std::array<std::byte, read_bytes> buffer;
    while (const std::size_t got = co_await from.receive_some(buffer)) {
      const std::string_view piece(reinterpret_cast<const char*>(buffer.data()), got);
      tail_ += piece;
      if (tail_.size() > kept_stderr_bytes_max) {
        tail_.erase(0, tail_.size() - kept_stderr_bytes_max);
        cut_ = true;
      }
      if (sink_ == nullptr) continue;
      pending_ += piece;
      co_await pass_on(forgiving);
    }
    if (sink_ == nullptr) co_return;
    co_await pass_on(forgiving);  // what a cancelled call left
    if (!pending_.empty()) co_await deliver(std::exchange(pending_, {}), forgiving);
  }

  [[nodiscard]] const std::string& tail() const noexcept { return tail_; }
  [[nodiscard]] bool tail_is_cut() const noexcept { return cut_; }

 private:
  // The complete lines, and what is too long to wait for its end.
  sc::task<> pass_on(bool forgiving) {
    for (std::size_t end = 0; (end = pending_.find('\n')) != std::string::npos || pending_.size() > relayed_line_bytes_max;) {
      const bool whole = end <= relayed_line_bytes_max;
      std::string line = pending_.substr(0, whole ? end : relayed_line_bytes_max);
      pending_.erase(0, line.size() + (whole ? 1 : 0));
      co_await deliver(std::move(line), forgiving);
    }
  }
  sc::task<> deliver(std::string line, bool forgiving) {
    if (broken_) co_return;
    const auto mine = co_await turn_.hold();
    try {
      co_await (*sink_)(prefix_ + line);
    } catch (const sc::cancelled&) {
      throw;
    } catch (...) {
      broken_ = true;
      if (!forgiving) throw;
    }
  }

  std::string prefix_;
  const line_sink* sink_;  // null: nothing is relayed
  sc::lock& turn_;         // of the sink, which both streams have
  std::string pending_;
  std::string tail_;
  bool cut_ = false;
  bool broken_ = false;  // the sink has failed
};

std::string label_of(const supervise_options& options) {
  if (!options.label.empty() || options.arguments.empty()) return options.label;
  const std::string& program = options.arguments.front();
  return program.substr(program.rfind('/') + 1);
}

class supervision {
 public:
  explicit supervision(const supervise_options& options)
      : options_(options),
        sink_(options.sink ? options.sink : line_sink(&write_line_to_stderr)),
        out_("[" + label_of(options) + ":out] ", &sink_, turn_),
        err_("[" + label_of(options) + ":err] ", options.relay_error ? &sink_ : nullptr, turn_),
        child_(std::make_shared<sc::child_process>(sc::process_options{.arguments = options.arguments,
                                                                       .environment = options.environment,
                                                                       .working_directory = options.working_directory,
                                                                       .input = sc::stdio::null,
                                                                       .output = options.relay_output ? sc::stdio::pipe : options.output,
                                                                       .error = sc::stdio::pipe})) {}
  supervision(const supervision&) = delete;
  supervision& operator=(const supervision&) = delete;
  ~supervision() = default;

  // Until the program and its streams have ended.
  sc::task<> watch(sc::task_status<supervised_process>& status) {
    status.started(child_);
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      read(n, false);
      co_await wait();
    });
  }

  // Ends a program that runs.
  sc::task<> stop() {
    if (child_->poll()) co_return;
    co_await sc::open_nursery([&](sc::nursery& n) -> sc::task<> {
      sc::event silent;
      n.start_soon([&]() -> sc::task<> {
        co_await sc::open_nursery([&](sc::nursery& streams) { read(streams, true); });
        silent.set();
      });
      child_->kill(SIGTERM);
      if (!co_await sc::move_on_after(options_.grace, [&] { return wait(); })) {
        child_->kill(SIGKILL);
        co_await wait();
      }
      co_await sc::move_on_after(last_output_timeout, [&] { return silent.wait(); });
      n.cancel("the program has ended");
    });
  }

  void check() const {
    sc::process_result result{.status = child_->poll().value(), .out = {}, .err = err_.tail()};
    result.err_truncated = err_.tail_is_cut();
    if (!options_.check || result.status.success()) return;
    std::string text = sc::detail::process_failure_text(sc::detail::command_text("supervise_run_process", options_.arguments),
                                                        result.status, std::string_view(result.err));
    throw sc::process_failed_error(std::move(text), std::move(result));
  }

 private:
  void read(sc::nursery& n, bool forgiving) {
    if (options_.relay_output) n.start_soon({.name = "relay stdout"}, [this, forgiving] { return out_.run(child_->output(), forgiving); });
    n.start_soon({.name = "relay stderr"}, [this, forgiving] { return err_.run(child_->error(), forgiving); });
  }
  sc::task<> wait() { static_cast<void>(co_await child_->wait()); }

  const supervise_options& options_;
  line_sink sink_;
  sc::lock turn_;
  relay out_;
  relay err_;
  supervised_process child_;
};

}  // namespace

sc::task<> supervise_run_process(sc::task_status<supervised_process> status, supervise_options options) {
  if (options.output == sc::stdio::pipe && !options.relay_output)
    throw std::invalid_argument(sc::detail::command_text("supervise_run_process", options.arguments) +
                                ": stdout cannot be a pipe that is not relayed: nobody would read it");
  co_await sc::checkpoint();
  supervision run(options);
  const sc::external_wait outside;
  co_await sc::finally([&] { return run.watch(status); }, [&] { return run.stop(); }, sc::duration::max());
  run.check();
}

}  // namespace tractor::trionics
