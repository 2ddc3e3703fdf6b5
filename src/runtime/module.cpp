// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/module.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <typeindex>

#include "base/spin_lock.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/sc/exception_group.hpp"

namespace tractor {

namespace {

// What the program's modules define. The linked code is the same for everybody in the process, so this is process-wide; it is
// written under a lock and only ever grows, so that what was found stays valid.
struct error_type {
  detail::make_error make;
  std::string_view module;
  const std::type_info* type;
};

struct module_table {
  std::map<std::string_view, const module_record*> modules;
  std::map<std::string_view, std::map<std::string_view, const detail::endpoint*>> endpoints;  // of modules read so far
  std::map<const void*, const detail::endpoint*> by_function;
  std::deque<detail::endpoint> storage;
  std::map<std::string, error_type, std::less<>> errors;  // by name
  std::map<std::type_index, std::string_view> error_names;
  bool all_read = false;
};

constinit detail::spin_lock table_lock;

module_table& table() {
  static module_table* const one = new module_table;  // never destroyed: actors may outlive static destruction
  return *one;
}

void read_module(module_table& into, const module_record& record) {
  if (into.endpoints.contains(record.name)) return;
  into.endpoints[record.name];
  module_builder builder(record);
  try {
    record.define(builder);
  } catch (...) {
    into.endpoints.erase(record.name);  // whoever asks next gets the same error
    throw;
  }
}

}  // namespace

void register_modules(const module_record* begin, const module_record* end) {
  if (begin == nullptr) return;
  module_table& into = table();
  const std::lock_guard lock(table_lock);
  for (const module_record* record = begin; record != end; ++record) {
    const auto [at, fresh] = into.modules.emplace(record->name, record);
    if (!fresh && at->second != record)
      throw usage_error("module '" + std::string(record->name) + "' is defined twice: in " + at->second->file + " and in " + record->file);
    if (fresh) into.all_read = false;
  }
}

void module_builder::add(detail::endpoint endpoint) {
  module_table& into = table();  // the lock is held by who reads the module
  const auto known = into.by_function.find(endpoint.function);
  if (known != into.by_function.end() && known->second->module != endpoint.module)
    throw usage_error("modules '" + std::string(known->second->module) + "' and '" + std::string(endpoint.module) +
                      "' both define the function called '" + std::string(endpoint.name) +
                      "' there: a call by function could not tell which is meant. Define it in one, and enable that");
  auto& functions = into.endpoints[endpoint.module];
  if (functions.contains(endpoint.name))
    throw usage_error("module '" + std::string(endpoint.module) + "' defines '" + std::string(endpoint.name) + "' twice");
  into.storage.push_back(std::move(endpoint));
  const detail::endpoint& stored = into.storage.back();
  functions.emplace(stored.name, &stored);
  into.by_function.emplace(stored.function, &stored);  // under several names of one module: by its first
}

void module_builder::add_error(const char* name, const std::type_info& type, detail::make_error make) {
  module_table& into = table();
  const std::string_view module = record_.name;
  const auto refuse = [&](std::string_view what, std::string_view other) {
    throw usage_error("module '" + std::string(module) + "' registers the error " + std::string(what) + ", which module '" +
                      std::string(other) + "' has registered: one name for one type");
  };
  const std::string wanted = name != nullptr ? name : sc::type_name_of(type);
  const auto [at, fresh] = into.errors.emplace(wanted, error_type{.make = make, .module = module, .type = &type});
  if (!fresh && *at->second.type == type) return;  // several modules may throw it
  if (!fresh) refuse(msg::quoted(wanted), at->second.module);
  const auto [named, first] = into.error_names.emplace(type, at->first);
  if (first) return;
  const std::string_view other = into.errors.find(named->second)->second.module;
  const std::string before(named->second);
  into.errors.erase(at);
  refuse(msg::quoted(wanted) + " for a type called " + msg::quoted(before), other);
}

namespace {

// So that what any of them registers is known. A module that cannot be read is left for who asks for it.
void read_all(module_table& in) noexcept {
  if (in.all_read) return;
  bool complete = true;
  for (const auto& [name, record] : in.modules) {
    try {
      read_module(in, *record);
    } catch (...) {
      complete = false;
    }
  }
  in.all_read = complete;
}

}  // namespace

namespace detail {

make_error find_error(std::string_view name) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  read_all(in);
  const auto found = in.errors.find(name);
  return found != in.errors.end() ? found->second.make : nullptr;
}

std::string_view registered_name(const std::type_info& type) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  read_all(in);
  const auto found = in.error_names.find(type);
  return found != in.error_names.end() ? found->second : std::string_view();
}

bool module_known(std::string_view name) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  return in.modules.contains(name);
}

const char* module_file(std::string_view name) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  const auto found = in.modules.find(name);
  TRACTOR_ASSERT(found != in.modules.end(), "the module is known");
  return found->second->file;
}

void read_all_modules() noexcept {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  read_all(in);
}

std::vector<function_description> describe_module(std::string_view name) {
  std::vector<function_description> found;
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  const auto record = in.modules.find(name);
  if (record == in.modules.end()) return found;
  read_module(in, *record->second);
  for (const auto& [function, target] : in.endpoints[record->first]) {
    const function_types types = target->types();
    found.push_back({.module = std::string(name),
                     .name = std::string(function),
                     .kind = std::string(msg::wire_name(target->kind)),
                     .argument_names = {target->argument_names.begin(), target->argument_names.end()},
                     .argument_types = {types.arguments.begin(), types.arguments.end()},
                     .result = std::string(types.result),
                     .started = std::string(types.started),
                     .in = std::string(types.in),
                     .out = std::string(types.out)});
  }
  return found;
}

const endpoint* find_endpoint(std::string_view module, std::string_view name) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  const auto record = in.modules.find(module);
  if (record == in.modules.end()) return nullptr;
  read_module(in, *record->second);
  const auto& functions = in.endpoints[record->first];
  const auto found = functions.find(name);
  return found != functions.end() ? found->second : nullptr;
}

const endpoint& endpoint_of_function(const void* function, std::string_view pretty_name) {
  module_table& in = table();
  const std::lock_guard lock(table_lock);
  if (!in.all_read) {
    for (const auto& [name, record] : in.modules) read_module(in, *record);
    in.all_read = true;
  }
  const auto found = in.by_function.find(function);
  if (found == in.by_function.end())
    throw usage_error("no module defines " + std::string(pretty_name) +
                      ": add mod.def<…>() for it to a TRACTOR_MODULE, and begin main with tractor::run or tractor::child_entry");
  return *found->second;
}

void throw_unexpected_argument(const endpoint& called, std::string_view name) {
  throw type_error(msg::quoted(called.name) + " got an unexpected argument " + msg::quoted(name));
}
void throw_missing_argument(const endpoint& called, std::string_view name) {
  throw type_error(msg::quoted(called.name) + " is missing its argument " + msg::quoted(name));
}
void throw_bad_argument(const endpoint& called, std::string_view name, std::string_view wanted, const error& why) {
  throw type_error("argument '" + std::string(name) + "' of '" + std::string(called.name) + "' is not of type " + std::string(wanted) +
                   ": " + why.message());
}
void rethrow_in_argument(const endpoint& called, std::string_view name, const msg::encode_error& why) {
  throw msg::encode_error("argument '" + std::string(name) + "' of '" + std::string(called.module) + ":" + std::string(called.name) + "'",
                          why.message());
}
void throw_bad_arguments(const endpoint& called, const error& why) {
  throw type_error("the arguments of '" + std::string(called.name) + "' cannot be read: " + why.message());
}

void for_each_argument(const endpoint& called, msg::bytes_view kwargs, void (*slot)(void* self, std::size_t index, msg::bytes_view item),
                       void* self) {
  struct found {
    std::size_t index;
    msg::bytes_view item;
  };
  std::vector<found> arguments;
  try {
    const msg::decode_limits limits;
    msg::reader in(kwargs, limits);
    const std::size_t count = in.map_header();
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view name = in.str();
      std::size_t index = 0;
      while (index < called.argument_names.size() && called.argument_names[index] != name) ++index;
      if (index == called.argument_names.size()) throw_unexpected_argument(called, name);
      for (const auto& earlier : arguments)
        if (earlier.index == index) throw type_error(msg::quoted(called.name) + " got its argument " + msg::quoted(name) + " twice");
      arguments.push_back({.index = index, .item = in.raw_item().data});
    }
    in.expect_end();
  } catch (const type_error&) {
    throw;
  } catch (const error& bad) {
    throw_bad_arguments(called, bad);
  }
  for (const auto& argument : arguments) slot(self, argument.index, argument.item);
}

}  // namespace detail
}  // namespace tractor
