// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/bounded_run.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "hang_report.hpp"
#include "processes.hpp"
#include "spawn/descendants.hpp"
#include "spawn/own_stderr.hpp"
#include "spawn/pidfd.hpp"
#include "stoppable_thread.hpp"
#include "thread_stacks.hpp"
#include "tractor/base/error.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/run_handle.hpp"
#include "tree_dumps.hpp"

namespace tractor::testing {

namespace {

constexpr int last_words_wait_ms = 2000;  // for who reads stderr
constexpr int kill_rounds_max = 100;      // a process that starts others while it is killed
constexpr auto kill_pause = std::chrono::milliseconds(10);

std::string seconds_text(std::chrono::milliseconds of) {
  std::string text = std::to_string(of.count() / 1000);
  if (const auto rest = of.count() % 1000; rest != 0) text += "." + std::to_string(1000 + rest).substr(1);
  return text + " s";
}

// What is known of a hang, looked at by a thread beside the run.
struct hang_sight {
  bool run_answered = false;
  std::string text;  // the run's tree, or where the threads are; then the trees of the actors below
};

// Watches one run, from where it begins to its end.
class hang_watch {
 public:
  explicit hang_watch(bounded_run_options& options)
      : options_(options), run_thread_(::gettid()), socket_directory_(ipc::runtime_directory_path()) {
    if (const char* const set = std::getenv(dump_directory_variable)) dump_parent_ = set;
  }
  hang_watch(const hang_watch&) = delete;
  hang_watch& operator=(const hang_watch&) = delete;
  ~hang_watch() = default;

  // The body of the run.
  sc::task<> run(const std::function<sc::task<>()>& body) {
    sc::cancel_scope scope;
    run_.emplace();
    std::optional<detail::stoppable_thread> thread;  // ends before the scope, which it has cancelled
    if (options_.time_bound) thread.emplace([&](detail::stoppable_thread& self) { watch(self, scope); });
    static_cast<void>(co_await scope.run([&] { return body(); }));
  }

  // After the run. True when it took too long; then it was reported.
  [[nodiscard]] bool finish() {
    if (!overdue_) return false;
    if (!reported_) report();  // it ended before it was cancelled
    return true;
  }

 private:
  void watch(detail::stoppable_thread& self, sc::cancel_scope& scope);
  [[nodiscard]] hang_sight look(detail::stoppable_thread& self);
  void keep(const hang_sight& seen);
  void report();
  void give_up(detail::stoppable_thread& self);
  void kill_all_below(detail::stoppable_thread& self);

  bounded_run_options& options_;
  const pid_t run_thread_;
  const std::string socket_directory_;
  std::string dump_parent_;
  std::optional<sc::run_handle> run_;
  // Of the thread, while there is one; the run reads `text_` when the thread has posted that.
  std::optional<detail::tree_dumps> dumps_;
  std::optional<detail::hang_directory> directory_;
  std::string text_;
  bool overdue_ = false;
  std::atomic<bool> reported_ = false;  // set by the run
};

void hang_watch::watch(detail::stoppable_thread& self, sc::cancel_scope& scope) {
  if (!self.sleep(*options_.time_bound)) return;
  overdue_ = true;
  const hang_sight seen = look(self);
  text_ = options_.label + " took longer than its " + seconds_text(*options_.time_bound) + " (" + time_bound_variable +
          " sets another bound), and " +
          (seen.run_answered ? "is cancelled.\n" : "does not answer: a task holds the loop, so that it cannot be cancelled.\n") + seen.text;
  keep(seen);
  try {
    run_->post([this, &scope] {
      report();
      scope.cancel("it took longer than its time bound of " + seconds_text(*options_.time_bound));
    });
  } catch (const error&) {
    // So much is posted that it does not get to it: that will not end by itself.
  }
  if (self.sleep(options_.end_bound)) give_up(self);
}

hang_sight hang_watch::look(detail::stoppable_thread& self) {
  hang_sight seen;
  const std::string process = "this process, " + std::to_string(::getpid()) + ":\n";
  try {
    auto answer = detail::ask_run(*run_, self, run_answer_bound);
    seen.run_answered = answer.has_value();
    seen.text =
        answer ? "Task tree of " + process + answer->tree : "Threads of " + process + detail::stacks_of_other_threads(self, run_thread_);
    if (!seen.text.ends_with('\n')) seen.text += '\n';
    dumps_.emplace(socket_directory_);
    dumps_->ask(self, answer ? std::optional(std::move(answer->actor_pids)) : std::nullopt, actors_answer_bound);
    seen.text += dumps_->text();
  } catch (const std::exception& failed) {
    seen.text += std::string("More could not be seen: ") + failed.what() + '\n';
  }
  return seen;
}

void hang_watch::keep(const hang_sight& seen) {
  directory_.emplace(dump_parent_, options_.label);
  directory_->write("trace.txt", text_);
  directory_->write("sockets.txt", detail::listing_of(socket_directory_));
  directory_->write("meta.json", detail::to_json({.label = options_.label,
                                                  .time_bound = *options_.time_bound,
                                                  .run_answered = seen.run_answered,
                                                  .actors = dumps_ ? dumps_->count() : 0,
                                                  .actors_answered = dumps_ ? dumps_->answers() : 0}));
  if (!directory_->outcome().empty()) text_ += std::string(dump_directory_variable) + ": " + directory_->outcome() + '\n';
}

void hang_watch::report() {
  reported_ = true;
  if (options_.report)
    options_.report(text_);
  else
    spawn::detail::write_to_stderr("tractor: " + text_, last_words_wait_ms);
}

void hang_watch::give_up(detail::stoppable_thread& self) {
  const hang_sight seen = look(self);
  if (!self.sleep(std::chrono::milliseconds::zero())) return;  // it has ended meanwhile
  std::string text = reported_ ? std::string() : text_ + '\n';
  text += options_.label + " had not ended " + seconds_text(options_.end_bound) + " after that" +
          (seen.run_answered ? ": it waits for what does not end by a cancel (a shield, a thread)" : "") + ". This process aborts.\n" +
          seen.text;
  directory_->write("trace_at_abort.txt", text);
  spawn::detail::write_to_stderr("tractor: " + text, last_words_wait_ms);
  kill_all_below(self);
  std::error_code ignored;
  dumps_.reset();
  if (!options_.scratch.empty()) std::filesystem::remove_all(options_.scratch, ignored);
  std::abort();
}

// Whoever holds this process's stdout keeps those waiting who read it.
void hang_watch::kill_all_below(detail::stoppable_thread& self) {
  for (int round = 0; round < kill_rounds_max; ++round) {
    int alive = 0;
    for (const pid_t pid : detail::descendants()) {
      const unique_fd process(spawn::detail::open_pidfd(pid));
      if (const char state = detail::stat_of(pid).state; state == 'Z' || state == '\0') continue;
      if (process && spawn::detail::signal_pidfd(process.get(), SIGKILL) == 0) ++alive;
    }
    spawn::detail::reap_dead_children();  // whose own become children of this process, which adopts orphans in a test
    if (alive == 0) return;
    static_cast<void>(self.sleep(kill_pause));
  }
}

}  // namespace

std::optional<std::chrono::milliseconds> time_bound_from_environment(std::optional<std::chrono::milliseconds> otherwise) {
  const char* const set = std::getenv(time_bound_variable);
  if (set == nullptr) return otherwise;
  const std::string_view text = set;
  if (text == "none") return std::nullopt;
  double seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  const auto bound = std::chrono::duration<double>(seconds);
  const bool is_number = failed == std::errc() && end == text.data() + text.size();
  // A bound of less than a millisecond would be none; not a number compares with nothing.
  if (!is_number || !(bound >= std::chrono::milliseconds(1) && bound <= time_bound_max))
    throw usage_error(std::string(time_bound_variable) + " is '" + set + "'; it can be a number of seconds, above 0 and up to " +
                      std::to_string(std::chrono::seconds(std::chrono::duration_cast<std::chrono::seconds>(time_bound_max)).count()) +
                      ", or none");
  return std::chrono::duration_cast<std::chrono::milliseconds>(bound);
}

bounded_end run_bounded(bounded_run_options options, const std::function<sc::task<>()>& body) {
  bounded_end ended;
  hang_watch watch(options);
  try {
    sc::run(options.run, [&] { return watch.run(body); });
  } catch (...) {
    ended.error = std::current_exception();
  }
  ended.overdue = watch.finish();
  return ended;
}

}  // namespace tractor::testing
