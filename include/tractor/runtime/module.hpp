// SPDX-License-Identifier: Apache-2.0
//
// Modules: the functions that other actors may call, by name.
//
//     sc::task<int> add(int a, int b) { co_return a + b; }
//     sc::task<std::string> train(tractor::context<std::string, int, progress>& ctx, std::string model) { … }
//
//     TRACTOR_MODULE(greeter) {
//       mod.def<&add>("add", "a", "b");            // the name, and one for each argument: what travels on the wire
//       mod.def<&train>("train", "model");         // a context endpoint: its first parameter is a context&
//       mod.error<no_such_model>();                // an error that comes back as itself: remote_actor_error::boxed()
//     }
//
// A function returns sc::task<T>. Its parameters are values or const references of types that msg/codec.hpp can encode. An actor
// exposes a module only when it was started with it in `enable_modules`. Defining a module costs nothing at start-up: it
// is a constant in a section of the program, read when the first call is made or served.
//
// A module in a static library that nothing else refers to is dropped by the linker: build it with tractor_add_module() of the
// CMake package, or link it whole.

#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "tractor/runtime/control.hpp"
#include "tractor/runtime/detail/endpoint.hpp"

namespace tractor {

class module_builder;

namespace detail {
using make_error = std::exception_ptr (*)(const std::string& text);
}  // namespace detail

// One module of the program, as TRACTOR_MODULE leaves it in the section `tractor_modules`.
struct module_record {
  const char* name;
  const char* file;
  void (*define)(module_builder&);
};

class TRACTOR_API module_builder {
 public:
  explicit module_builder(const module_record& record) noexcept : record_(record) {}

  // Offers `Function` as `name`; one argument name for each parameter (a context parameter has none).
  template <auto Function, class... ArgumentNames>
  void def(const char* name, ArgumentNames... argument_names) {
    using traits = detail::endpoint_traits<Function>;
    static_assert(sizeof...(ArgumentNames) == traits::argument_count,
                  "def() takes the function's name and then one name for each of its arguments (none for the context)");
    static_assert((std::is_convertible_v<ArgumentNames, const char*> && ...), "argument names are string literals");
    add(detail::make_endpoint<Function>(record_.name, name, {static_cast<const char*>(argument_names)...}));
  }

  // Lets an error of type `E` come back as itself, in this program, from whichever actor (S-ERR-4). It is made from the text that its
  // what() gave there, or, of a type that takes none, by its default constructor. `name` is what it is called on the wire: its C++ type,
  // unless told otherwise, as for a peer in Python. usage_error for a name, or a type, that another one has.
  template <class E>
  void error(const char* name = nullptr) {
    static_assert(std::is_constructible_v<E, const std::string&> || std::is_default_constructible_v<E>,
                  "an error that comes back as itself is made from its text, or from nothing: give it such a constructor");
    add_error(name, typeid(E), [](const std::string& text) {
      if constexpr (std::is_constructible_v<E, const std::string&>)
        return std::make_exception_ptr(E(text));
      else
        return std::make_exception_ptr(E());
    });
  }

 private:
  void add(detail::endpoint endpoint);
  void add_error(const char* name, const std::type_info& type, detail::make_error make);
  const module_record& record_;
};

// Makes the modules of one linked object (the program, a shared library) known. Called by tractor::run and child_entry; a shared library
// that is loaded later calls it itself with its own range. Idempotent.
TRACTOR_API void register_modules(const module_record* begin, const module_record* end);

namespace detail {
[[nodiscard]] TRACTOR_API bool module_known(std::string_view name);
[[nodiscard]] TRACTOR_API const char* module_file(std::string_view name);  // the module must be known
// Reads every module now, instead of each when it is first asked for. A module that cannot be read is left for then.
TRACTOR_API void read_all_modules() noexcept;
// Of the errors that modules register: how to make the one of that name, or null; and the name of that type, or "".
[[nodiscard]] TRACTOR_API make_error find_error(std::string_view name);
[[nodiscard]] TRACTOR_API std::string_view registered_name(const std::type_info& type);
// All that the module defines, by name; nothing for one that is not known.
[[nodiscard]] std::vector<function_description> describe_module(std::string_view name);
// null when the module has no such function.
[[nodiscard]] TRACTOR_API const endpoint* find_endpoint(std::string_view module, std::string_view name);
}  // namespace detail

}  // namespace tractor

// Weak: a program without modules has no such section. The linker makes these names.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
[[gnu::weak, gnu::visibility("hidden")]] extern const tractor::module_record __start_tractor_modules[];
[[gnu::weak, gnu::visibility("hidden")]] extern const tractor::module_record __stop_tractor_modules[];
}
// NOLINTEND(bugprone-reserved-identifier)

namespace tractor {

// The modules of the object this is compiled into.
inline void register_own_modules() { register_modules(__start_tractor_modules, __stop_tractor_modules); }

}  // namespace tractor

// Defines module `identifier`; the braces that follow are a function body in which `mod` is the module_builder.
#define TRACTOR_MODULE(identifier) TRACTOR_MODULE_NAMED(identifier, #identifier)
// The same with a name that is not an identifier ("pkg.worker").
#define TRACTOR_MODULE_NAMED(identifier, name_text)                                                                          \
  static void tractor_define_module_##identifier(::tractor::module_builder& mod);                                            \
  [[gnu::used, gnu::retain,                                                                                                  \
    gnu::section("tractor_modules")]] static constinit const ::tractor::module_record tractor_module_record_##identifier = { \
      name_text, __FILE__, &tractor_define_module_##identifier};                                                             \
  static void tractor_define_module_##identifier([[maybe_unused]] ::tractor::module_builder& mod)
