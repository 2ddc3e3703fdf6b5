// SPDX-License-Identifier: Apache-2.0

#include "tractor/testing/dump_on_hang.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <utility>

#include "hang_report.hpp"
#include "stoppable_thread.hpp"
#include "thread_stacks.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/run_handle.hpp"
#include "tractor/testing/bounded_run.hpp"

namespace tractor::testing {

namespace {

std::string fresh_path() {
  std::string directory = "/tmp";
  for (const char* const variable : {"TMPDIR", dump_directory_variable})
    if (const char* const set = std::getenv(variable); set != nullptr && *set != '\0') directory = set;
  return directory + "/tractor-hang-" + std::to_string(::getpid()) + '-' + std::to_string(sc::random_seed()) + ".txt";
}

}  // namespace

struct dump_on_hang::state {
  state(std::chrono::milliseconds after, std::string path)
      : bound(after), file(path.empty() ? fresh_path() : std::move(path)), made_in(::gettid()) {
    if (sc::runner::current() != nullptr) run.emplace();
  }

  void watch(detail::stoppable_thread& self) {
    if (!self.sleep(bound)) return;
    std::string text = "process " + std::to_string(::getpid()) + ": a block had not ended after " + std::to_string(bound.count()) +
                       " ms, at " + detail::time_for_names() + "\n\n";
    if (run) {
      const auto answer = detail::ask_run(*run, self, run_answer_bound);
      text += answer ? "task tree:\n" + answer->tree + "\n" : "the run does not answer: a task holds its loop\n\n";
    }
    text += detail::stacks_of_other_threads(self, made_in);
    std::ofstream(file, std::ios::binary) << text;
    dumped = true;
  }

  const std::chrono::milliseconds bound;
  const std::string file;
  const pid_t made_in;
  std::optional<sc::run_handle> run;
  std::atomic<bool> dumped = false;
  std::optional<detail::stoppable_thread> thread;  // the last: it uses the others
};

dump_on_hang::dump_on_hang(std::chrono::milliseconds after, std::string path) : state_(std::make_unique<state>(after, std::move(path))) {
  state_->thread.emplace([watching = state_.get()](detail::stoppable_thread& self) { watching->watch(self); });
}

dump_on_hang::~dump_on_hang() = default;

const std::string& dump_on_hang::path() const noexcept { return state_->file; }
bool dump_on_hang::dumped() const noexcept { return state_->dumped; }

}  // namespace tractor::testing
