// SPDX-License-Identifier: Apache-2.0
//
// Floor of starting an actor by exec: posix_spawn of the program `--exe`, which as the first statement of its main writes one
// byte to the inherited descriptor that `--hello-fd` names. The harness passes the benchmark program itself, so that the dynamic
// linker does the same work as for an actor.
//
//   exec.hello   posix_spawn (socketpair included) to that byte
#include "floor.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace {

constexpr int hello_fd = 3;

double hello_us(const std::string& exe) {
  const double before = raw::now_ns();
  int ends[2];
  raw::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // Onto itself, dup2 as a file action clears FD_CLOEXEC.
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], hello_fd);
  char name[] = "hello", option[] = "--hello-fd", number[] = "3";
  char* arguments[] = {name, option, number, nullptr};
  pid_t pid = -1;
  if ((errno = ::posix_spawn(&pid, exe.c_str(), &actions, nullptr, arguments, environ)) != 0) raw::fail(exe.c_str());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  char byte = 0;
  const ssize_t got = ::read(ends[0], &byte, 1);
  const double after = raw::now_ns();
  ::close(ends[0]);
  raw::check(::waitpid(pid, nullptr, 0), "waitpid");
  if (got != 1 || byte != 'h') raw::fail("the program said no hello");
  return (after - before) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  raw::options o = raw::begin(argc, argv);
  if (o.exe.empty()) errno = EINVAL, raw::fail("--exe names the program to start");
  hello_us(o.exe);
  std::vector<double> samples;
  while (samples.size() < o.n) samples.push_back(hello_us(o.exe));
  raw::report("exec.hello", "us", samples);
}
