// SPDX-License-Identifier: Apache-2.0
//
// The task trees of the actors below this process, for the report of a hang. They are asked by SIGUSR1 (runtime/dump.hpp), not over their
// channels: so it needs nothing of this process's own run, which may be held. Each writes its tree to its stderr, too.

#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "stoppable_thread.hpp"

namespace tractor::testing::detail {

inline constexpr auto dumps_look_again = std::chrono::milliseconds(20);

class tree_dumps {
 public:
  // `socket_directory`: where the actors have their control sockets. Finds the actors that descend from this process: by their title, or,
  // as roots of other trees, by such a socket.
  explicit tree_dumps(const std::string& socket_directory);
  tree_dumps(const tree_dumps&) = delete;
  tree_dumps& operator=(const tree_dumps&) = delete;
  // Removes the files that they have written.
  ~tree_dumps();

  // Asks them, and waits for all answers, `bound` at most. `own_children`: the actors that this process's own has started, which pass
  // the signal on. Nothing: they are not known; then each is asked, and one that is below another may answer twice.
  void ask(stoppable_thread& self, const std::optional<std::vector<pid_t>>& own_children, std::chrono::milliseconds bound);

  // The trees as they were written; of those that did not answer, what they do instead.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::size_t count() const noexcept { return actors_.size(); }
  [[nodiscard]] std::size_t answers() const noexcept;

 private:
  struct dump_file {
    std::string path;
    std::size_t bytes_before = 0;  // what lay in it when they were asked
  };
  struct found_actor {
    pid_t pid = 0;
    std::string command{};
    bool is_below_another = false;  // of a tree, by its title; else its root
    double processor_s = 0;         // that it had used when it was asked
    std::array<dump_file, 2> files{};
    std::string tree{};  // empty: it has not answered
  };
  void look();
  [[nodiscard]] static std::string last_dump_in(const dump_file& file);

  std::vector<found_actor> actors_;
  std::chrono::milliseconds bound_{};
};

// What lies in a directory and below it, a line each: a socket file with the process it is named after.
[[nodiscard]] std::string listing_of(const std::string& directory);

}  // namespace tractor::testing::detail
