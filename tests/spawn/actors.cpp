// SPDX-License-Identifier: Apache-2.0

#include "actors.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

#include "link_io.hpp"
#include "requester.hpp"
#include "world_report.hpp"

namespace spawn_test {

using namespace tractor::spawn;

namespace {

using arguments = std::istringstream;

constexpr const char* own_image = "/proc/self/exe";

// A descriptor from before main, as a logger may have it, where the environment asks for one.
const int opened_before_main = std::getenv("TRACTOR_TEST_OPEN") != nullptr ? ::open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;

pid_t prewarmed = -1;

int tell_prewarming(birth& born, arguments&) {
  write_text(born.link.get(), prewarmed == ::getppid() ? "in the server\n" : "not in the server\n");
  return 0;
}

int hello(birth& born, arguments&) {
  write_text(born.link.get(), "hello\n");
  await_end_of_file(born.link.get());
  return 0;
}

// Ends at once, saying why on stderr.
int end(birth&, arguments& in) {
  int status = 0;
  in >> status;
  std::fprintf(stderr, "cannot go on\n");
  return status;
}

// For tests with hundreds: a leak checker takes its time at an orderly exit.
int vanish(birth&, arguments&) { ::_exit(7); }

int hello_and_vanish(birth& born, arguments& in) { ::_exit(hello(born, in)); }

// Says more on stderr than a pipe holds.
int chatter(birth& born, arguments&) {
  const std::string line(1023, 'x');
  for (int i = 0; i < 1024; ++i) std::fprintf(stderr, "%s\n", line.c_str());
  write_text(born.link.get(), "done\n");
  return 0;
}

int die_by(birth&, arguments& in) {
  int signo = 0;
  in >> signo;
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::signal(signo, SIG_DFL);  // a sanitizer has its own
  std::raise(signo);
  return 99;
}

int describe(birth& born, arguments&) {
  write_text(born.link.get(), describe_own_world());
  return 0;
}

// Tells size and sum of what comes after the first word, and what else it was born with.
int weigh(birth& born, arguments&) {
  std::uint64_t sum = 0;
  for (const std::byte byte : born.boot) sum = sum * 31 + std::to_integer<std::uint64_t>(byte);
  write_text(born.link.get(), std::to_string(born.boot.size()) + " " + std::to_string(sum) + " " + to_string(born.method) + " " +
                                  born.name + " " + std::to_string(born.requester_pid) + " " + std::to_string(::getppid()) + "\n");
  return 0;
}

int tell_environment(birth& born, arguments& in) {
  for (std::string name; in >> name;) {
    const char* value = std::getenv(name.c_str());
    write_text(born.link.get(), value == nullptr ? "unset\n" : "=" + std::string(value) + "\n");
  }
  return 0;
}

// Deaf and busy: only SIGKILL ends it.
int spin(birth& born, arguments&) {
  sigset_t deaf;
  sigfillset(&deaf);
  ::sigprocmask(SIG_SETMASK, &deaf, nullptr);
  write_text(born.link.get(), std::to_string(::getpid()) + "\nready\n");
  for (volatile unsigned turns = 0;; turns = turns + 1) {
  }
}

// METHOD DEPTH: itself and a chain of that many descendants, the last one deaf and busy. Tells all their pids, then "ready".
int chain(birth& born, arguments& in) {
  std::string method;
  int depth = 0;
  in >> method >> depth;
  requester children(std::move(born.fork_server));
  write_text(born.link.get(), std::to_string(::getpid()) + "\n");
  const std::string boot = depth > 1 ? "chain " + method + " " + std::to_string(depth - 1) : "spin";
  started_child child = children.start(parse_start_method(method), boot);
  if (children.server.server_pid() > 0) write_text(born.link.get(), "server " + std::to_string(children.server.server_pid()) + "\n");
  for (std::optional<std::string> line; (line = read_line(child.ends.link.get())) && *line != "ready";)
    write_text(born.link.get(), *line + "\n");
  write_text(born.link.get(), "ready\n");
  await_end_of_file(born.link.get());
  return 0;
}

void change_own_world(const std::string& directory) {
  if (::chdir(directory.c_str()) != 0) throw std::runtime_error("chdir");
  ::setenv("TRACTOR_TEST_NEW", "after the server started", 1);
  ::unsetenv("TRACTOR_TEST_OLD");
  ::umask(0137);
  for (const auto resource : {RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_STACK}) {
    rlimit limit;
    ::getrlimit(resource, &limit);
    limit.rlim_cur = resource == RLIMIT_NOFILE ? 200 : limit.rlim_cur / 2;
    ::setrlimit(resource, &limit);
  }
  cpu_set_t processors;
  ::sched_getaffinity(0, sizeof(processors), &processors);
  for (std::size_t cpu = 0, kept = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &processors) && kept++ > 0) CPU_CLR(cpu, &processors);
  ::sched_setaffinity(0, sizeof(processors), &processors);
  if (::nice(3) < 0) throw std::runtime_error("nice");
  ::setpgid(0, 0);
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGUSR2, [](int) {});
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int signo : {SIGHUP, SIGTERM, SIGRTMIN + 1}) sigaddset(&blocked, signo);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  const tractor::unique_fd file(::open("stdout.txt", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  ::dup2(file.get(), STDOUT_FILENO);
}

// DIRECTORY: lets the server serve one child, changes about itself whatever it can, and has a child by each method describe its world.
int compare(birth& born, arguments& in) {
  std::string directory;
  in >> directory;
  ::setenv("TRACTOR_TEST_OLD", "before the server started", 1);
  requester children(std::move(born.fork_server));
  started_child first = children.start(start_method::forkserver, "hello");
  change_own_world(directory);
  // Inherited by nobody, though it is not closed on exec.
  static_cast<void>(opened_before_main);
  const tractor::unique_fd leaked(::dup(first.ends.link.get()));
  for (const start_method method : {start_method::forkserver, start_method::exec}) {
    started_child child = children.start(method, "describe");
    write_text(born.link.get(), read_all(child.ends.link.get()) + "end\n");
    children.await_death(child);
  }
  return 0;
}

// A program started in the background by a shell that ends: an orphan. Its stderr is this actor's if "attached"; "unmarked", it has no
// environment either.
pid_t start_orphan(const std::string& how) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  const pid_t shell = ::fork();
  if (shell == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    const char* const command = how == "attached"   ? "sleep 1000 >/dev/null & echo $!"
                                : how == "detached" ? "sleep 1000 >/dev/null 2>&1 & echo $!"
                                                    : "exec 3>&1; env -i sh -c 'echo $$ >&3; exec sleep 1000' 3>&3 >/dev/null 2>&1 &";
    ::execl("/bin/sh", "sh", "-c", command, nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  const std::string pid = read_line(ends[0]).value();
  ::close(ends[0]);
  ::waitpid(shell, nullptr, 0);
  return std::stoi(pid);
}

int leave_orphan(birth& born, arguments& in) {
  std::string how;
  in >> how;
  write_text(born.link.get(), std::to_string(start_orphan(how)) + "\n");
  await_end_of_file(born.link.get());
  return 0;
}

// METHOD: a root of its own whose program file is gone while it runs.
int outlive_file(birth& born, arguments& in) {
  std::string method;
  in >> method;
  char path[4096];
  const ssize_t bytes = ::readlink(own_image, path, sizeof(path) - 1);
  path[bytes] = '\0';
  write_text(born.link.get(), ::unlink(path) == 0 ? "gone\n" : "cannot unlink\n");
  requester children;
  started_child child = children.start(parse_start_method(method), "hello");
  write_text(born.link.get(), read_line(child.ends.link.get()).value_or("no answer") + "\n");
  child.ends.link.reset();
  write_text(born.link.get(), children.await_death(child).text() + "\n");
  return 0;
}

// USER: gives up root, before the server starts or after, and says what becomes of a request.
int change_user(birth& born, arguments& in) {
  std::string when;
  in >> when;
  requester children;
  if (when == "after") children.start(start_method::forkserver, "end 0");
  // A user of its own: how many processes a user has is counted over the whole machine.
  const uid_t user = 30'000 + static_cast<uid_t>(::getpid()) % 30'000;
  if (::setgid(65534) != 0 || (when == "effective" ? ::seteuid(user) : ::setuid(user)) != 0) return 1;
  const rlimit two_processes{2, 2};
  if (when == "limited") ::setrlimit(RLIMIT_NPROC, &two_processes);
  try {
    children.start(start_method::forkserver, "end 0");
    write_text(born.link.get(), "started\n");
  } catch (const std::exception& failed) {
    write_text(born.link.get(), std::string(failed.what()) + "\n");
  }
  return 0;
}

int exit_link = -1;

struct part_of_the_image {
  ~part_of_the_image() {
    if (exit_link >= 0) write_text(exit_link, "destroyed with the image\n");
  }
} constinit image;

int use_exit_handlers(birth& born, arguments&) {
  static_cast<void>(image);
  exit_link = ::dup(born.link.get());
  std::atexit([] { write_text(exit_link, "registered by the actor\n"); });
  std::printf("left in the buffer");
  return 5;
}

}  // namespace

void note_prewarming() { prewarmed = ::getpid(); }

int run_actor(birth&& born) {
  static const std::map<std::string, std::function<int(birth&, arguments&)>> roles{{"hello", hello},
                                                                                   {"hello_and_vanish", hello_and_vanish},
                                                                                   {"vanish", vanish},
                                                                                   {"end", end},
                                                                                   {"chatter", chatter},
                                                                                   {"die_by", die_by},
                                                                                   {"describe", describe},
                                                                                   {"tell_environment", tell_environment},
                                                                                   {"tell_prewarming", tell_prewarming},
                                                                                   {"spin", spin},
                                                                                   {"chain", chain},
                                                                                   {"compare", compare},
                                                                                   {"leave_orphan", leave_orphan},
                                                                                   {"outlive_file", outlive_file},
                                                                                   {"change_user", change_user},
                                                                                   {"use_exit_handlers", use_exit_handlers}};
  arguments in(std::string(reinterpret_cast<const char*>(born.boot.data()), std::min<std::size_t>(born.boot.size(), 300)));
  std::string role;
  in >> role;
  const auto found = roles.find(role);
  try {
    return found == roles.end() ? weigh(born, in) : found->second(born, in);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "actor '%s' of a test: %s\n", role.c_str(), failed.what());
    return 98;
  }
}

}  // namespace spawn_test
