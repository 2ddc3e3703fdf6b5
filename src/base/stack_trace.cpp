// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/stack_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "raw_place.hpp"

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
    static std::mutex one_at_a_time;
    static libdw loaded;
    const std::lock_guard<std::mutex> held(one_at_a_time);
    if (!loaded.complete_) loaded = libdw();  // again where it could not be: there may have been no descriptor left
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

std::string read_path_of_program() {
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

// The linker has no name for the program itself. Never destroyed, as what is known below.
const std::string& path_of_program() {
  static const auto& path = *new std::string(read_path_of_program());
  return path;
}

// As FNV-1a, of eight bytes at a time: it is made anew for each frame of an error.
std::uint64_t hash_of(std::span<const ElfW(Phdr)> headers) noexcept {
  static_assert(sizeof(ElfW(Phdr)) % sizeof(std::uint64_t) == 0);
  std::uint64_t hash = 0xcbf29ce484222325;
  const std::span<const std::byte> all = std::as_bytes(headers);
  for (std::size_t at = 0; at < all.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, all.data() + at, sizeof word);
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 32;  // what the multiplication carried up comes down
  }
  return hash;
}

// Of the module whose mapping begins there: with the ELF header, unless the file is unusual.
std::uint64_t build_at(const void* start) noexcept {
  const auto& header = *static_cast<const ElfW(Ehdr)*>(start);
  if (std::memcmp(static_cast<const unsigned char*>(header.e_ident), ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr)))
    return 0;
  return hash_of({reinterpret_cast<const ElfW(Phdr)*>(static_cast<const char*>(start) + header.e_phoff), header.e_phnum});
}

// Where this process has loaded that build of a module; none where it has not.
std::optional<std::uintptr_t> load_address(const code_place& place) {
  struct query {
    const code_place& place;
    const std::string& program = path_of_program();
    std::optional<std::uintptr_t> found{};
  } wanted{.place = place};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        auto& asked = *static_cast<query*>(into);
        if (asked.place.module != (*info->dlpi_name != '\0' ? info->dlpi_name : asked.program.c_str())) return 0;
        if (asked.place.build == hash_of({info->dlpi_phdr, info->dlpi_phnum})) asked.found = info->dlpi_addr;
        return 1;
      },
      &wanted);
  return wanted.found;
}

// Errors that happen again and again are named once. Never destroyed: threads may still print when the program ends.
constexpr std::size_t known_places_max = 1024;
constinit std::mutex known_mutex;
std::map<code_place, stack_frame>& known_places() {
  static auto& known = *new std::map<code_place, stack_frame>;
  return known;
}

}  // namespace

detail::raw_place detail::raw_place_of(const void* return_address) noexcept {
  const auto number = reinterpret_cast<std::uintptr_t>(return_address);
  dl_find_object found{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is looked up, not followed
  if (::_dl_find_object(reinterpret_cast<void*>(number - 1), &found) != 0) return {.module = nullptr, .offset = number, .build = 0};
  return {.module = found.dlfo_link_map->l_name, .offset = number - found.dlfo_link_map->l_addr, .build = build_at(found.dlfo_map_start)};
}

std::vector<code_place> code_places(std::span<void* const> addresses) {
  std::vector<code_place> places;
  places.reserve(addresses.size());
  for (void* const address : addresses) {
    const detail::raw_place raw = detail::raw_place_of(address);
    code_place& place = places.emplace_back(code_place{.offset = raw.offset, .build = raw.build});
    if (raw.module == nullptr) continue;
    place.module = raw.module;
    if (place.module.empty()) place.module = path_of_program();
  }
  return places;
}

std::vector<stack_frame> symbolise_places(std::span<const code_place> places) {
  std::vector<stack_frame> frames(places.size());
  // Those that are not known, and are here.
  std::vector<void*> addresses;
  std::vector<std::size_t> rows;
  std::map<std::pair<std::string, std::uint64_t>, std::optional<std::uintptr_t>> modules;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const code_place& place = places[i];
    const auto offset = static_cast<std::uintptr_t>(place.offset);
    frames[i].module = place.module;
    frames[i].offset = offset;
    if (place.module.empty()) {
      frames[i].address = reinterpret_cast<void*>(offset);  // NOLINT(performance-no-int-to-ptr): it is shown, not followed
      continue;
    }
    {
      const std::lock_guard<std::mutex> lock(known_mutex);
      if (const auto found = known_places().find(place); found != known_places().end()) {
        frames[i] = found->second;
        continue;
      }
    }
    const auto [module, is_new] = modules.try_emplace({place.module, place.build});
    if (is_new) module->second = load_address(place);
    if (!module->second) continue;
    rows.push_back(i);
    addresses.push_back(reinterpret_cast<void*>(*module->second + offset));  // NOLINT(performance-no-int-to-ptr): it is looked up
  }
  if (addresses.empty()) return frames;
  std::vector<stack_frame> named = symbolise(addresses);
  const std::lock_guard<std::mutex> lock(known_mutex);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    frames[rows[i]] = named[i];
    if (known_places().size() >= known_places_max) known_places().clear();
    known_places().insert_or_assign(places[rows[i]], std::move(named[i]));
  }
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
    const auto number = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t called = first_is_exact && frames.empty() ? number : number - 1;
    const void* const at = reinterpret_cast<const void*>(called);  // NOLINT(performance-no-int-to-ptr): it is looked up, not followed
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
