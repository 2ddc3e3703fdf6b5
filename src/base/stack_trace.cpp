// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/stack_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#if __has_include(<elfutils/libdwfl.h>)
#include <elfutils/libdwfl.h>
#include <unistd.h>
#define TRACTOR_LIBDW 1
#endif

namespace tractor {

namespace {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? text.get() : symbol;
  // The parts into which the compiler cuts a coroutine.
  for (const std::string_view part : {" [clone .resume]", " [clone .destroy]", " (.resume)", " (.destroy)"})
    if (name.ends_with(part)) name.resize(name.size() - part.size());
  return name;
}

void ask_linker(stack_frame& frame, const void* at) {
  Dl_info found{};
  link_map* map = nullptr;
  if (::dladdr1(at, &found, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || found.dli_fname == nullptr) return;
  frame.module = found.dli_fname;
  frame.offset = reinterpret_cast<std::uintptr_t>(at) - map->l_addr;
  if (found.dli_sname != nullptr) frame.function = demangled(found.dli_sname);
}

#ifdef TRACTOR_LIBDW

// The calls of libdw.so.1; the library stays loaded.
class libdw {
 public:
  [[nodiscard]] static const libdw* get() {
    static const libdw loaded;
    return loaded.complete_ ? &loaded : nullptr;
  }

  decltype(&::dwfl_begin) begin{};
  decltype(&::dwfl_end) end{};
  decltype(&::dwfl_linux_proc_find_elf) find_elf{};
  decltype(&::dwfl_linux_proc_report) report{};
  decltype(&::dwfl_report_end) report_end{};
  decltype(&::dwfl_addrmodule) module_at{};
  decltype(&::dwfl_module_addrname) name_at{};
  decltype(&::dwfl_module_nextcu) next_unit{};
  decltype(&::dwarf_haspc) unit_has{};
  decltype(&::dwarf_getsrc_die) line_in{};
  decltype(&::dwarf_linesrc) file_of{};
  decltype(&::dwarf_lineno) number_of{};

 private:
  libdw() {
    void* const library = ::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    complete_ = load(library, "dwfl_begin", begin) && load(library, "dwfl_end", end) &&
                load(library, "dwfl_linux_proc_find_elf", find_elf) && load(library, "dwfl_linux_proc_report", report) &&
                load(library, "dwfl_report_end", report_end) && load(library, "dwfl_addrmodule", module_at) &&
                load(library, "dwfl_module_addrname", name_at) && load(library, "dwfl_module_nextcu", next_unit) &&
                load(library, "dwarf_haspc", unit_has) && load(library, "dwarf_getsrc_die", line_in) &&
                load(library, "dwarf_linesrc", file_of) && load(library, "dwarf_lineno", number_of);
  }
  template <class Function>
  static bool load(void* library, const char* name, Function& into) {
    into = reinterpret_cast<Function>(::dlsym(library, name));
    return into != nullptr;
  }
  bool complete_ = false;
};

// Only what is in the files themselves: libdw's own way would also ask servers.
int find_no_separate_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) { return -1; }

// What libdw knows of this process, read once a use.
class own_symbols {
 public:
  explicit own_symbols(const libdw& calls) : calls_(calls) {
    callbacks_.find_elf = calls.find_elf;
    callbacks_.find_debuginfo = &find_no_separate_file;
    session_ = calls.begin(&callbacks_);
    if (session_ == nullptr) return;
    usable_ = calls.report(session_, ::getpid()) == 0 && calls.report_end(session_, nullptr, nullptr) == 0;
  }
  own_symbols(const own_symbols&) = delete;
  own_symbols& operator=(const own_symbols&) = delete;
  ~own_symbols() {
    if (session_ != nullptr) calls_.end(session_);
  }

  void ask(stack_frame& frame, const void* at) const {
    const auto address = static_cast<Dwarf_Addr>(reinterpret_cast<std::uintptr_t>(at));
    Dwfl_Module* const module = usable_ ? calls_.module_at(session_, address) : nullptr;
    if (module == nullptr) return;
    if (const char* symbol = calls_.name_at(module, address)) frame.function = demangled(symbol);
    // Unit by unit: clang writes no table of which unit has which addresses.
    Dwarf_Addr bias = 0;
    for (Dwarf_Die* unit = nullptr; (unit = calls_.next_unit(module, unit, &bias)) != nullptr;) {
      if (calls_.unit_has(unit, address - bias) <= 0) continue;
      Dwarf_Line* const source = calls_.line_in(unit, address - bias);
      const char* const file = source != nullptr ? calls_.file_of(source, nullptr, nullptr) : nullptr;
      int line = 0;
      if (file == nullptr || calls_.number_of(source, &line) != 0) return;
      frame.file = file;
      frame.line = static_cast<unsigned>(line);
      return;
    }
  }

 private:
  const libdw& calls_;
  Dwfl_Callbacks callbacks_{};
  Dwfl* session_ = nullptr;
  bool usable_ = false;
};

#endif

constinit std::mutex one_at_a_time;  // libdw is not for several threads

}  // namespace

std::vector<stack_frame> symbolise(std::span<void* const> addresses, bool first_is_exact) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
#ifdef TRACTOR_LIBDW
  const libdw* const calls = libdw::get();
  std::unique_ptr<const own_symbols> symbols;
  if (calls != nullptr) symbols = std::make_unique<const own_symbols>(*calls);
#endif
  std::vector<stack_frame> frames;
  frames.reserve(addresses.size());
  for (void* const address : addresses) {
    // A return address may lie behind the end of the function that made the call.
    const void* const at = first_is_exact && frames.empty() ? address : static_cast<const char*>(address) - 1;
    stack_frame& frame = frames.emplace_back(stack_frame{.address = address});
    ask_linker(frame, at);
#ifdef TRACTOR_LIBDW
    if (symbols) symbols->ask(frame, at);
#endif
  }
  return frames;
}

std::string to_text(const stack_frame& frame) {
  char place[2 + 2 * sizeof(std::uintptr_t) + 1];
  if (frame.module.empty()) {
    std::snprintf(place, sizeof place, "0x%zx", static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(frame.address)));
    return frame.function.empty() ? place : frame.function;
  }
  if (!frame.function.empty() && !frame.file.empty()) return frame.function + " at " + frame.file + ':' + std::to_string(frame.line);
  std::snprintf(place, sizeof place, "0x%zx", static_cast<std::size_t>(frame.offset));
  const std::string where = frame.module.substr(frame.module.rfind('/') + 1) + '+' + place;
  return frame.function.empty() ? where : frame.function + " in " + where;
}

}  // namespace tractor
