// SPDX-License-Identifier: Apache-2.0
//
// A library to be put in front of a program and all of its actors (LD_PRELOAD), which makes one of their system calls go wrong. Two
// variables of the environment say what:
//
//   TRACTOR_FAULTS_FILE  a file of sizeof(shared_counts) zero bytes, mapped by every process: who has made which call how often
//   TRACTOR_FAULTS_PLAN  "PROCESS OPERATION NUMBER FAULT": the process's place in the order in which they made their first call, 0 for
//                        the root; one of `operations`; which of its calls, counted from 1; one of `faults`. Without it: only counted.
//
// Every fault is an answer that the manual page of the call names, though Linux does not give each of them to every socket, a delay, or the
// end of the process. Reads and writes are those of sockets: files and pipes are no connections between actors. Timers are waits with an
// end.

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#define FAULTS_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

enum operation : unsigned { op_read, op_write, op_accept, op_connect, op_fork, op_wait, op_timer, operation_count };
constexpr const char* operations[] = {"read", "write", "accept", "connect", "fork", "wait", "timer"};
static_assert(std::size(operations) == operation_count);

enum fault : unsigned { none, interrupt, shorten, delay, early, reset, exhaust, refuse, gone, die, fault_count };
constexpr const char* faults[] = {"none", "interrupt", "shorten", "delay", "early", "reset", "exhaust", "refuse", "gone", "die"};
static_assert(std::size(faults) == fault_count);

constexpr unsigned processes_max = 64;
constexpr long delay_ns = 20'000'000;

// examples_faults_test.py reads this: thirty-two bit words in this order.
struct shared_counts {
  std::atomic<std::uint32_t> processes;
  std::atomic<std::uint32_t> hits;
  std::atomic<std::uint32_t> counts[processes_max][operation_count];
};

shared_counts* all = nullptr;
struct {
  unsigned process = processes_max;
  unsigned operation = operation_count;
  std::uint32_t number = 0;
  unsigned what = none;
} plan;

// By pid, for a process that was forked has this memory too; an exec'd one claims its place anew.
constexpr pid_t claiming = -1;
std::atomic<pid_t> owner = 0;
std::atomic<unsigned> place = processes_max;

template <std::size_t Count>
unsigned index_of(const char* const (&names)[Count], const char* name) {
  for (unsigned i = 0; i < Count; ++i)
    if (std::strcmp(names[i], name) == 0) return i;
  std::fprintf(stderr, "TRACTOR_FAULTS_PLAN: there is no %s\n", name);
  std::abort();
}

__attribute__((constructor)) void prepare() {
  const char* const file = std::getenv("TRACTOR_FAULTS_FILE");
  if (file == nullptr) return;
  const int fd = ::open(file, O_RDWR | O_CLOEXEC);
  void* const mapped = ::mmap(nullptr, sizeof(shared_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    std::perror("TRACTOR_FAULTS_FILE");
    std::abort();
  }
  ::close(fd);
  all = static_cast<shared_counts*>(mapped);
  const char* const text = std::getenv("TRACTOR_FAULTS_PLAN");
  if (text == nullptr) return;
  char which[16], what[16];
  if (std::sscanf(text, "%u %15s %u %15s", &plan.process, which, &plan.number, what) != 4) std::abort();
  plan.operation = index_of(operations, which);
  plan.what = index_of(faults, what);
}

unsigned own_place() {
  const pid_t self = ::getpid();
  for (pid_t known = owner.load(); known != self; known = owner.load()) {
    if (known == claiming || !owner.compare_exchange_strong(known, claiming)) continue;  // another thread is at it
    place = all->processes.fetch_add(1);
    owner = self;
  }
  return place;
}

void wait_a_little() {
  const timespec pause{.tv_sec = 0, .tv_nsec = delay_ns};
  ::nanosleep(&pause, nullptr);
}

// The planned fault has come about.
void hit() { ++all->hits; }

// Counts a call; what is to become of it. A delay and an end are dealt with here, the others where they are made.
fault next(operation of) {
  if (all == nullptr) return none;
  const int errno_before = errno;
  const unsigned self = own_place();
  if (self >= processes_max) return none;
  const std::uint32_t number = all->counts[self][of].fetch_add(1) + 1;
  if (self != plan.process || of != plan.operation || number != plan.number) return none;
  if (plan.what == die || plan.what == delay) hit();
  if (plan.what == die) ::kill(::getpid(), SIGKILL);
  if (plan.what == delay) wait_a_little();
  errno = errno_before;
  return static_cast<fault>(plan.what);
}

bool is_socket(int fd) {
  struct stat about{};
  const int errno_before = errno;
  const bool answer = ::fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
  errno = errno_before;
  return answer;
}

// Of the others a part cannot be taken.
bool is_byte_stream(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

template <class Function>
Function* real(Function*& known, const char* name) {
  if (known == nullptr) known = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  return known;
}
#define REAL(name)                            \
  ([] {                                       \
    static decltype(&::name) known = nullptr; \
    return real(known, #name);                \
  }())

int fail_with(int error) {
  hit();
  errno = error;
  return -1;
}

// One read. None is made shorter than what has come: a short read tells that the socket is drained (epoll(7)). Short ones are what the
// other side's short writes make.
template <class Read>
ssize_t read_of(int fd, Read whole) {
  if (!is_socket(fd)) return whole();
  switch (next(op_read)) {
    case interrupt: return fail_with(EINTR);
    case reset: ::shutdown(fd, SHUT_RDWR); return fail_with(ECONNRESET);
    default: return whole();
  }
}

// One write. `part` makes it with one byte.
template <class Whole, class Part>
ssize_t write_of(int fd, Whole whole, Part part) {
  if (!is_socket(fd)) return whole();
  switch (next(op_write)) {
    case interrupt: return fail_with(EINTR);
    case shorten:
      if (!is_byte_stream(fd)) return whole();
      hit();
      return part();
    case reset: ::shutdown(fd, SHUT_RDWR); return fail_with(EPIPE);
    default: return whole();
  }
}

// The first byte of what is described.
iovec first_byte(const iovec* parts, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (parts[i].iov_len != 0) return {.iov_base = parts[i].iov_base, .iov_len = 1};
  return {};
}

template <class Spawn>
int spawn_of(Spawn whole) {
  const fault what = next(op_fork);
  if (what != exhaust && what != gone) return whole();
  hit();
  return what == gone ? ENOENT : EAGAIN;
}

// Only a wait that can last is interrupted.
template <class Wait>
auto wait_of(int options, Wait whole) -> decltype(whole()) {
  if (next(op_wait) == interrupt && (options & WNOHANG) == 0) return fail_with(EINTR);
  return whole();
}

// A wait with an end. One that ends early has found nothing: for who rounds its time that is before its time.
template <class Wait>
int timer_of(bool has_end, bool can_be_early, Wait whole) {
  if (!has_end) return whole();
  switch (next(op_timer)) {
    case interrupt: return fail_with(EINTR);
    case early:
      if (!can_be_early) return whole();
      hit();
      return 0;
    default: return whole();
  }
}

}  // namespace

FAULTS_EXPORT ssize_t read(int fd, void* into, std::size_t size) {
  return read_of(fd, [&] { return REAL(read)(fd, into, size); });
}
FAULTS_EXPORT ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  return read_of(fd, [&] { return REAL(recv)(fd, into, size, flags); });
}
FAULTS_EXPORT ssize_t readv(int fd, const iovec* parts, int count) {
  return read_of(fd, [&] { return REAL(readv)(fd, parts, count); });
}
FAULTS_EXPORT ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return read_of(fd, [&] { return REAL(recvmsg)(fd, message, flags); });
}
FAULTS_EXPORT ssize_t write(int fd, const void* from, std::size_t size) {
  return write_of(fd, [&] { return REAL(write)(fd, from, size); }, [&] { return REAL(write)(fd, from, size != 0); });
}
FAULTS_EXPORT ssize_t send(int fd, const void* from, std::size_t size, int flags) {
  return write_of(fd, [&] { return REAL(send)(fd, from, size, flags); }, [&] { return REAL(send)(fd, from, size != 0, flags); });
}
FAULTS_EXPORT ssize_t writev(int fd, const iovec* parts, int count) {
  return write_of(
      fd, [&] { return REAL(writev)(fd, parts, count); },
      [&] {
        const iovec one = first_byte(parts, static_cast<std::size_t>(count));
        return REAL(writev)(fd, &one, 1);
      });
}
FAULTS_EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return write_of(
      fd, [&] { return REAL(sendmsg)(fd, message, flags); },
      [&] {
        iovec one = first_byte(message->msg_iov, message->msg_iovlen);
        msghdr shorter = *message;
        shorter.msg_iov = &one;
        shorter.msg_iovlen = 1;
        return REAL(sendmsg)(fd, &shorter, flags);
      });
}

FAULTS_EXPORT int accept4(int fd, sockaddr* name, socklen_t* length, int flags) {
  switch (next(op_accept)) {
    case interrupt: return fail_with(EINTR);
    case exhaust: return fail_with(EMFILE);
    case gone: return fail_with(ECONNABORTED);
    case reset: {
      const int accepted = REAL(accept4)(fd, name, length, flags);
      if (accepted >= 0) {
        hit();
        ::shutdown(accepted, SHUT_RDWR);
      }
      return accepted;
    }
    default: return REAL(accept4)(fd, name, length, flags);
  }
}

FAULTS_EXPORT int connect(int fd, const sockaddr* name, socklen_t length) {
  switch (next(op_connect)) {
    case interrupt:  // a Unix socket has not begun; the others go on by themselves
      if (name->sa_family != AF_UNIX) static_cast<void>(REAL(connect)(fd, name, length));
      return fail_with(EINTR);
    case exhaust: return fail_with(EAGAIN);  // of a Unix socket: the listener's backlog is full; of another: no port is free
    case refuse: return fail_with(ECONNREFUSED);
    case gone: return fail_with(name->sa_family == AF_UNIX ? ENOENT : EHOSTUNREACH);
    default: return REAL(connect)(fd, name, length);
  }
}

FAULTS_EXPORT pid_t fork() {
  if (next(op_fork) == exhaust) return fail_with(EAGAIN);
  return REAL(fork)();
}

FAULTS_EXPORT int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
                              char* const arguments[], char* const environment[]) {
  return spawn_of([&] { return REAL(posix_spawn)(pid, path, actions, attributes, arguments, environment); });
}
FAULTS_EXPORT int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
                               char* const arguments[], char* const environment[]) {
  return spawn_of([&] { return REAL(posix_spawnp)(pid, file, actions, attributes, arguments, environment); });
}

FAULTS_EXPORT pid_t wait4(pid_t pid, int* status, int options, rusage* usage) {
  return wait_of(options, [&] { return REAL(wait4)(pid, status, options, usage); });
}
FAULTS_EXPORT pid_t waitpid(pid_t pid, int* status, int options) {
  return wait_of(options, [&] { return REAL(waitpid)(pid, status, options); });
}

FAULTS_EXPORT long syscall(long number, ...) {
  long arguments[6];
  va_list rest;
  va_start(rest, number);
  for (long& each : arguments) each = va_arg(rest, long);
  va_end(rest);
  const auto call = [&] {
    return REAL(syscall)(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  };
  return number == SYS_waitid ? wait_of(static_cast<int>(arguments[3]), call) : call();
}

FAULTS_EXPORT int epoll_pwait2(int fd, epoll_event* events, int count, const timespec* timeout, const sigset_t* mask) {
  return timer_of(timeout != nullptr && (timeout->tv_sec != 0 || timeout->tv_nsec != 0), true,
                  [&] { return REAL(epoll_pwait2)(fd, events, count, timeout, mask); });
}
FAULTS_EXPORT int epoll_wait(int fd, epoll_event* events, int count, int timeout_ms) {
  return timer_of(timeout_ms > 0, true, [&] { return REAL(epoll_wait)(fd, events, count, timeout_ms); });
}
FAULTS_EXPORT int poll(pollfd* of, nfds_t count, int timeout_ms) {
  return timer_of(timeout_ms > 0, false, [&] { return REAL(poll)(of, count, timeout_ms); });
}
