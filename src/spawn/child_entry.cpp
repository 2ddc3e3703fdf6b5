// SPDX-License-Identifier: Apache-2.0

#include "tractor/spawn/child_entry.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "exec_boot.hpp"
#include "fork_path.hpp"
#include "launch.hpp"
#include "payload.hpp"
#include "program.hpp"
#include "tractor/base/error.hpp"
#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn {

namespace detail {

constinit program_record this_program;

void role_failed(const char* text, int errno_value) noexcept {
  char line[512];
  if (errno_value != 0)
    std::snprintf(line, sizeof(line), "tractor: %s: %s (process %d)\n", text, ::strerrordesc_np(errno_value), static_cast<int>(::getpid()));
  else
    std::snprintf(line, sizeof(line), "tractor: %s (process %d)\n", text, static_cast<int>(::getpid()));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, std::strlen(line));
  ::_exit(role_failed_status);
}

TRACTOR_FORK_PATH void die_with_parent(pid_t parent) noexcept {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) role_failed("prctl(PR_SET_PDEATHSIG)", errno);
  if (::getppid() != parent) ::_exit(role_failed_status);  // it died before the call: nobody is left to be told
}

// Neither allocates nor formats: it is on the way of every fork, and each page of code costs.
TRACTOR_FORK_PATH void set_actor_title(std::string_view name, pid_t self) noexcept {
  char title[title_bytes_max];
  char* end = std::ranges::copy(std::string_view("_subactor["), title).out;
  end = std::ranges::copy(name.substr(0, actor_name_bytes_max), end).out;
  *end++ = '@';
  std::array<char, 12> digits;
  char* first = digits.end();
  for (int rest = self; rest != 0; rest /= 10) *--first = static_cast<char>('0' + rest % 10);
  end = std::copy(first, digits.end(), end);
  *end++ = ']';
  this_program.title.set({title, static_cast<std::size_t>(end - title)});
}

namespace {

// A descriptor that survived exec, from now on private to this process.
unique_fd adopt_descriptor(int fd) noexcept {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) role_failed("executed as an actor, but not by tractor: a descriptor is missing", errno);
  return unique_fd(fd);
}

birth read_birth() {
  birth born;
  born.method = start_method::exec;
  born.link = adopt_descriptor(actor_link_fd);
  const unique_fd boot_file = adopt_descriptor(actor_boot_fd);

  exec_boot_header header;
  if (!read_memory_file(boot_file.get(), std::as_writable_bytes(std::span(&header, 1))) || header.magic != exec_boot_magic ||
      header.name_bytes > actor_name_bytes_max || header.boot_bytes > boot_bytes_max)
    role_failed("executed as an actor, but by a program that is linked with another version of tractor", 0);
  die_with_parent(header.requester);

  std::vector<std::byte> bytes(sizeof(header) + header.name_bytes + header.boot_bytes);
  if (!read_memory_file(boot_file.get(), bytes)) role_failed("reading the boot data", errno);
  born.requester_pid = header.requester;
  born.name.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof(header), header.name_bytes);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sizeof(header) + header.name_bytes));
  born.boot = std::move(bytes);
  if (header.has_fork_server != 0) born.fork_server.requests = adopt_descriptor(actor_requests_fd);
  return born;
}

// A closed one would be the next descriptor that somebody opens, and what is printed would end up there.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) check_syscall(::open(null_device, O_RDWR), "open(/dev/null) for a closed stdin, stdout or stderr");
}

[[noreturn]] void run_executed_actor() {
  birth born = read_birth();
  set_actor_title(born.name, ::getpid());
  std::exit(this_program.entry(std::move(born)));
}

}  // namespace

}  // namespace detail

void child_entry(int argc, char** argv, actor_entry entry, prewarm_hook prewarm) {
  detail::program_record& program = detail::this_program;
  if (entry == nullptr) throw usage_error("child_entry needs a function that runs an actor");
  if (program.noted) {
    if (program.entry != entry) throw usage_error("child_entry was called before, with another function");
    return;
  }
  detail::open_standard_descriptors();
  program.noted = true;
  program.entry = entry;
  program.prewarm = prewarm;
  if (argc != 3) return;  // title, role, and an argument that only makes room for a longer title
  const std::string_view role(argv[1]);
  const bool is_server = role == detail::fork_server_role;
  if (!is_server && role != detail::actor_role) return;
  program.title.adopt(argc, argv);
  program.title.set(std::string(argv[0]));  // from here on the other arguments are gone
  if (is_server) detail::run_fork_server();
  detail::run_executed_actor();
}

bool child_entry_noted() noexcept { return detail::this_program.noted; }

void require_child_entry() {
  if (!child_entry_noted())
    throw usage_error(
        "this program cannot start actors yet: tractor executes it again to make them, so its main must begin with tractor::run(argc, "
        "argv, ...) "
        "or, in a test program, with tractor::spawn::child_entry(argc, argv, ...) before anything else");
}

}  // namespace tractor::spawn
