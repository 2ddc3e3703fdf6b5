// SPDX-License-Identifier: Apache-2.0
//
// Floor of an idle actor's memory: `--n` (default of the harness: 200) children of the raw fork server, each of which
// has said hello on its link and waits on it, read from /proc/PID/smaps_rollup while all of them live.
//
//   memory.pss, memory.private_dirty   KiB of one child
#include "fork_server.hpp"

#include <fstream>

namespace {

constexpr std::size_t children_max = 400;

struct usage {
  double pss_kib = -1, private_dirty_kib = -1;
};

usage read_usage(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  usage u;
  for (std::string word; rollup >> word;) {
    if (word == "Pss:") rollup >> u.pss_kib;
    if (word == "Private_Dirty:") rollup >> u.private_dirty_kib;
  }
  if (u.pss_kib < 0 || u.private_dirty_kib < 0) raw::fail("smaps_rollup has no figures");
  return u;
}

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  if (o.mode == "serve") return raw::serve();
  if (o.n > children_max) errno = EINVAL, raw::fail("--n is at most 400 children");
  const raw::server server = raw::start_server();
  std::vector<raw::child> children;
  for (std::size_t i = 0; i < o.n; ++i) children.push_back(raw::request(server.control));
  std::vector<double> pss, dirty;
  for (const raw::child& c : children) {
    const usage u = read_usage(c.pid);
    pss.push_back(u.pss_kib);
    dirty.push_back(u.private_dirty_kib);
  }
  for (const raw::child& c : children) ::close(c.link);
  for (std::size_t i = 0; i < o.n; ++i) raw::await_end(server.control, 0);
  raw::end_server(server);
  raw::report("memory.pss", "KiB", pss);
  raw::report("memory.private_dirty", "KiB", dirty);
}
