// SPDX-License-Identifier: Apache-2.0

#include "thread_stacks.hpp"

#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <source_location>
#include <string_view>
#include <vector>

#include "processes.hpp"
#include "tractor/base/error.hpp"
#include "tractor/base/stack_trace.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/sc/run.hpp"

namespace tractor::testing::detail {

namespace {

constexpr int stack_signal = SIGWINCH;
constexpr std::size_t stack_task_bytes_max = 128;
constexpr auto stack_look_again = std::chrono::milliseconds(1);

// The question that is asked, and its answer. Static, so that a handler that comes late finds it. Only the thread whose number stands in
// `asked_thread` writes the answer, once it has turned that into `being_answered`.
constexpr pid_t nobody_is_asked = 0;
constexpr pid_t being_answered = -1;
constexpr pid_t is_answered = -2;
constinit std::mutex stack_question_mutex;
constinit std::atomic<pid_t> asked_thread = nobody_is_asked;
struct sigaction stack_handler_before{};  // written before ours is installed, and read by it
struct stack_answer {
  void* frames[stack_frames_max];
  int frame_count;
  void* interrupted;  // where the thread was: the frames before that are the handler's
  bool in_task;
  std::source_location spawned_at;
  char task_name[stack_task_bytes_max];
  std::size_t task_name_bytes;
};
constinit stack_answer given_answer{};

void* interrupted_place(void* context) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(registers.gregs[REG_RIP]);  // NOLINT(performance-no-int-to-ptr): it is shown, not followed
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(registers.pc);
#else
  static_cast<void>(registers);
  return nullptr;
#endif
}

// In the thread that is asked, anywhere. What it reads of a run is whole all the same (sc/stall_detector.hpp does the same).
void give_answer(void* context) noexcept {
  given_answer.frame_count = ::backtrace(given_answer.frames, stack_frames_max);
  given_answer.interrupted = interrupted_place(context);
  const sc::runner* const run = sc::runner::current();
  const sc::detail::task_record* const task = run != nullptr ? run->running() : nullptr;
  given_answer.in_task = task != nullptr;
  if (task != nullptr) {
    given_answer.spawned_at = task->spawned_at;
    const std::string_view name = task->name();
    given_answer.task_name_bytes = std::min(name.size(), stack_task_bytes_max);
    std::copy_n(name.data(), given_answer.task_name_bytes, given_answer.task_name);
  }
  asked_thread.store(is_answered, std::memory_order_release);
}

void answer_for_stack(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  pid_t self = ::gettid();
  if (asked_thread.compare_exchange_strong(self, being_answered)) {
    give_answer(context);
  } else if ((stack_handler_before.sa_flags & SA_SIGINFO) != 0) {
    stack_handler_before.sa_sigaction(number, info, context);
  } else if (stack_handler_before.sa_handler != SIG_DFL && stack_handler_before.sa_handler != SIG_IGN) {
    stack_handler_before.sa_handler(number);
  }
  errno = saved_errno;
}

// While it lives the handler is there. One at a time: the mutex is held.
class stack_handler {
 public:
  stack_handler() : lock_(stack_question_mutex) {
    void* none[1];
    static_cast<void>(::backtrace(none, 1));  // the first call loads the unwinder, which a handler must not
    check_syscall(::sigaction(stack_signal, nullptr, &stack_handler_before), "sigaction(SIGWINCH)");
    struct sigaction ours{};
    ours.sa_sigaction = &answer_for_stack;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigemptyset(&ours.sa_mask);
    check_syscall(::sigaction(stack_signal, &ours, nullptr), "sigaction(SIGWINCH)");
  }
  stack_handler(const stack_handler&) = delete;
  stack_handler& operator=(const stack_handler&) = delete;
  ~stack_handler() {
    struct sigaction now{};
    // Who has installed a handler since keeps it.
    if (::sigaction(stack_signal, nullptr, &now) == 0 && now.sa_sigaction == &answer_for_stack)
      ::sigaction(stack_signal, &stack_handler_before, nullptr);
  }

  // False: there is no answer, and none will be written.
  [[nodiscard]] static bool ask(pid_t thread, stoppable_thread& self) {
    asked_thread.store(thread);
    const auto answered = [] { return asked_thread.load(std::memory_order_acquire) == is_answered; };
    const bool sent = ::syscall(SYS_tgkill, ::getpid(), thread, stack_signal) == 0;
    if (sent && self.sleep_until(answered, std::chrono::milliseconds(stack_answer_ms_max), stack_look_again)) return true;
    if (asked_thread.compare_exchange_strong(thread, nobody_is_asked)) return false;
    while (!answered()) static_cast<void>(self.sleep(stack_look_again));  // the handler is at it
    return true;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

std::string frames_text() {
  void** const end = given_answer.frames + std::max(0, given_answer.frame_count);
  void** const found = std::find(given_answer.frames, end, given_answer.interrupted);
  void** const first = found == end ? given_answer.frames : found;
  std::string text;
  int number = 0;
  for (const auto& frame : symbolise({first, static_cast<std::size_t>(end - first)}, found != end))
    text += "  #" + std::to_string(number++) + ' ' + to_text(frame) + '\n';
  return text;
}

std::string task_text() {
  if (!given_answer.in_task) return {};
  std::string text = ", runs task " + msg::quoted({given_answer.task_name, given_answer.task_name_bytes});
  if (const auto& where = given_answer.spawned_at; where.line() != 0)  // the main task was not started anywhere
    text += std::string(" (started at ") + where.file_name() + ':' + std::to_string(where.line()) + ')';
  return text;
}

std::string stack_of(pid_t thread, stoppable_thread& self) {
  const std::string at = "/proc/self/task/" + std::to_string(thread);
  const std::string state = state_text(stat_of_thread(thread).state);
  if (signal_is_in("SigBlk", at + "/status", stack_signal)) return ", " + state + ", blocks signals\n";
  if (!stack_handler::ask(thread, self)) return ", " + state + ", did not say where it is\n";
  return task_text() + ":\n" + frames_text();
}

std::vector<pid_t> other_threads() {
  std::vector<pid_t> found;
  for_each_entry("/proc/self/task",
                 [&](const std::filesystem::directory_entry& entry) { found.push_back(std::stoi(entry.path().filename().string())); });
  std::erase(found, ::gettid());
  std::ranges::sort(found);
  return found;
}

}  // namespace

std::string stacks_of_other_threads(stoppable_thread& self, pid_t watched) {
  const stack_handler installed;
  std::string text;
  int shown = 0;
  const auto threads = other_threads();
  for (const pid_t thread : threads) {
    if (shown++ == stacks_max) {
      text += "and " + std::to_string(threads.size() - stacks_max) + " more\n";
      break;
    }
    std::string name = file_contents("/proc/self/task/" + std::to_string(thread) + "/comm");
    if (name.ends_with('\n')) name.pop_back();
    text += "thread " + std::to_string(thread) + ' ' + msg::quoted(name) + (thread == watched ? ", the one watched" : "") +
            stack_of(thread, self);
  }
  return text;
}

}  // namespace tractor::testing::detail
