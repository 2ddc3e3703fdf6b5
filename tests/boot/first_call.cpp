// SPDX-License-Identifier: Apache-2.0
//
//     first_call forkserver|exec
//
// Starts one actor by that method and calls it once; then asks it what its boot has cost, and prints that: lines of `pid`, `page_faults`,
// `thread` (one for each, with its name), then its memory map as the kernel tells it. lean_test.py holds it against budget.txt.
//
// Compiled with TRACTOR_TEST_UNTIDY it does what must not be on the way of a boot, each kind of it once: what finds nothing wrong with
// that program is no test.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <tractor/tractor.hpp>
#include <vector>

#ifdef TRACTOR_TEST_UNTIDY
#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>

#include <thread>
#endif

namespace sc = tractor::sc;

namespace {

// No options of prctl: the calls fail, and lean_test.py knows them again among the others.
constexpr int main_has_begun = 0x6d61696e;
constexpr int first_call_is_here = 0x66697273;

#ifdef TRACTOR_TEST_UNTIDY
constexpr int pages = 400;
constexpr int calls = 60;
const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));  // before main
std::vector<char> touched;

void be_untidy() {
  static_cast<void>(::dlopen("libresolv.so.2", RTLD_NOW));
  std::thread stowaway([] {
    for (;;) ::pause();
  });
  ::pthread_setname_np(stowaway.native_handle(), "stowaway");
  stowaway.detach();
  for (int i = 0; i < calls; ++i) static_cast<void>(::getppid());
  static_cast<void>(::mkdir("/proc/self/no_directory", 0));
  touched.assign(pages * page_bytes, 'x');
}
#else
void be_untidy() {}
#endif

struct boot_cost {
  std::int64_t pid;
  std::int64_t page_faults;
  std::vector<std::string> threads;
  std::string map;
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

sc::task<int> first(int number) {
  be_untidy();
  ::prctl(first_call_is_here);
  co_return number;
}

// A second call: what it takes to find out is not counted.
sc::task<boot_cost> cost() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  boot_cost found{.pid = ::getpid(), .page_faults = used.ru_minflt + used.ru_majflt, .threads = {}, .map = text_of("/proc/self/smaps")};
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task"))
    found.threads.push_back(text_of(thread.path() / "comm"));
  co_return found;
}

TRACTOR_MODULE(boot) {
  mod.def<&first>("first", "number");
  mod.def<&cost>("cost");
}

sc::task<> amain(tractor::spawn::start_method method) {
  co_await tractor::open_nursery([&](tractor::actor_nursery& an) -> sc::task<> {
    const auto fresh = co_await an.start_actor("fresh", {.enable_modules = {"boot"}, .start_method = method});
    static_cast<void>(co_await fresh.run<&first>(1));
    const boot_cost found = co_await fresh.run<&cost>();
    std::printf("pid %lld\npage_faults %lld\n", static_cast<long long>(found.pid), static_cast<long long>(found.page_faults));
    for (const std::string& name : found.threads) std::printf("thread %s", name.c_str());
    std::fputs(found.map.c_str(), stdout);
    co_await fresh.cancel_actor();
  });
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(main_has_begun);
  return tractor::run(argc, argv, [&] { return amain(tractor::spawn::parse_start_method(argc > 1 ? argv[1] : "")); });
}
