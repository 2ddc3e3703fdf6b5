// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/stack_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#if __has_include(<elfutils/libdwfl.h>)
#include <elfutils/libdwfl.h>
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

// The linker has no name for the program itself.
std::string path_of_program() {
  std::string path(256, '\0');
  for (;;) {
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length < 0) return program_invocation_name;
    if (static_cast<std::size_t>(length) < path.size()) {
      path.resize(static_cast<std::size_t>(length));
      return path;
    }
    path.resize(path.size() * 2);
  }
}

// Where this process has loaded a module; none where it has not.
std::optional<std::uintptr_t> load_address(const std::string& module) {
  struct query {
    const std::string& module;
    std::string program;
    std::optional<std::uintptr_t> found{};
  } wanted{.module = module, .program = path_of_program()};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        auto& asked = *static_cast<query*>(into);
        if (asked.module != (*info->dlpi_name != '\0' ? info->dlpi_name : asked.program.c_str())) return 0;
        asked.found = info->dlpi_addr;
        return 1;
      },
      &wanted);
  return wanted.found;
}

}  // namespace

std::vector<code_place> code_places(std::span<void* const> addresses) {
  std::vector<code_place> places;
  places.reserve(addresses.size());
  std::string program;
  for (void* const address : addresses) {
    code_place& place = places.emplace_back(code_place{.offset = reinterpret_cast<std::uintptr_t>(address)});
    dl_find_object found{};
    if (::_dl_find_object(static_cast<char*>(address) - 1, &found) != 0) continue;
    place.offset -= found.dlfo_link_map->l_addr;
    place.module = found.dlfo_link_map->l_name;
    if (place.module.empty()) place.module = program.empty() ? program = path_of_program() : program;
  }
  return places;
}

std::vector<stack_frame> symbolise_places(std::span<const code_place> places) {
  // An error that happens again and again is named once. Never destroyed: threads may still print when the program ends.
  constexpr std::size_t known_max = 4096;
  static constinit std::mutex known_mutex;
  static auto& known = *new std::map<code_place, stack_frame>;
  {
    const std::lock_guard<std::mutex> lock(known_mutex);
    std::vector<stack_frame> frames;
    for (const auto& place : places) {
      const auto found = known.find(place);
      if (found == known.end()) break;
      frames.push_back(found->second);
    }
    if (frames.size() == places.size()) return frames;
  }
  std::vector<void*> addresses;
  std::map<std::string, std::optional<std::uintptr_t>> modules{{"", 0}};
  for (const auto& place : places) {
    const auto [module, is_new] = modules.try_emplace(place.module);
    if (is_new) module->second = load_address(place.module);
    // (Null is in no module: its row is filled by what was given.)
    const std::uintptr_t address = module->second ? *module->second + static_cast<std::uintptr_t>(place.offset) : 0;
    addresses.push_back(reinterpret_cast<void*>(address));  // NOLINT(performance-no-int-to-ptr): it is looked up, not followed
  }
  std::vector<stack_frame> frames = symbolise(addresses);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (modules.at(places[i].module)) continue;
    frames[i].module = places[i].module;
    frames[i].offset = static_cast<std::uintptr_t>(places[i].offset);
  }
  const std::lock_guard<std::mutex> lock(known_mutex);
  if (known.size() + frames.size() > known_max) known.clear();
  for (std::size_t i = 0; i < frames.size(); ++i) known.insert_or_assign(places[i], frames[i]);
  return frames;
}

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
