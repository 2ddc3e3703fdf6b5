// SPDX-License-Identifier: Apache-2.0
//
// The `tractor` command.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors.hpp"
#include "commands.hpp"
#include "completion.hpp"
#include "tractor/base/error.hpp"
#include "tractor/ipc/address.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/version.hpp"

namespace {

namespace cli = tractor::cli;
namespace sc = tractor::sc;

constexpr int wrong_command_line = 2;

void print_error(const std::string& what) {
  const nlohmann::ordered_json said{{"error", what}};
  std::printf("%s\n", said.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

// A mistake of the user's, or an error on the way, in one line; for who reads JSON also as that.
int fail(const std::exception& failed, bool json) {
  std::fprintf(stderr, "tractor: %s\n", failed.what());
  if (json) print_error(failed.what());
  const bool is_a_mistake =
      dynamic_cast<const tractor::usage_error*>(&failed) != nullptr || dynamic_cast<const tractor::ipc::address_error*>(&failed) != nullptr;
  return is_a_mistake ? wrong_command_line : 1;
}

int run(const std::function<int()>& command, bool json = false) {
  try {
    return command();
  } catch (const std::exception& failed) {
    return fail(failed, json);
  }
}

int run_task(const std::function<sc::task<int>()>& command, bool json = false) {
  return run([&] {
    return cli::run_command([&]() -> sc::task<int> {
      try {
        co_return co_await command();
      } catch (const std::exception& failed) {
        co_return fail(failed, json);
      }
    });
  });
}

std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& failed) {
  const auto rest = app.remaining();
  if (!app.get_subcommands().empty()) {  // else CLI11 says no more than that there is no command
    const auto* const command = app.get_subcommands().front();
    for (const auto& word : rest)
      if (word.starts_with('-') && command->get_option_no_throw(word) != nullptr) return word + " belongs behind " + command->get_name();
    return failed.what();
  }
  const bool is_option = !rest.empty() && rest.front().starts_with('-');
  std::string what = rest.empty() ? "a command is missing"
                                  : std::string("there is no ") + (is_option ? "option " : "command ") + tractor::msg::quoted(rest.front());
  std::string all;
  for (const auto* const command : app.get_subcommands(nullptr)) all += (all.empty() ? "" : ", ") + command->get_name();
  return what + "; the commands are " + all;
}

// Says that, and where to read more; or what --help and --version ask for.
int explain(const CLI::App& app, const CLI::ParseError& failed, bool json) {
  if (failed.get_exit_code() == 0) return app.exit(failed);
  const auto given = app.get_subcommands();
  const std::string what = what_is_wrong(app, failed);
  const std::string help = given.empty() ? "tractor --help" : "tractor " + given.front()->get_name() + " --help";
  std::fprintf(stderr, "tractor: %s (%s says more)\n", what.c_str(), help.c_str());
  if (json) print_error(what);
  return wrong_command_line;
}

// CLI11's own would print the largest double in full.
CLI::Validator number_from(double least, bool without_it, const char* what) {
  return {[=](const std::string& text) {
            double number = 0;
            const bool fits = CLI::detail::lexical_cast(text, number) && (number > least || (number == least && !without_it));
            return fits ? std::string() : std::string(what) + " is wanted, not " + tractor::msg::quoted(text);
          },
          "NUMBER"};
}

}  // namespace

int main(int argc, char** argv) {
  tractor::child_entry(argc, argv);
  CLI::App app("Finds, shows and steers the actors of this machine.", "tractor");
  app.set_version_flag("--version", TRACTOR_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  int status = 0;
  bool json = false;
  std::string who;
  std::vector<std::string> registry;
  cli::call_request request;
  cli::reap_request reap;
  double bench_seconds = 0;
  std::size_t count = 0;
  bool names_only = false;
  std::string shell;

  const auto above_zero = number_from(0, true, "a number above 0"), zero_or_more = number_from(0, false, "a number from 0 on");
  const auto add = [&](const char* name, const char* what, std::function<int()> does) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->callback([&status, does = std::move(does)] { status = does(); });
    return command;
  };
  const auto with_json = [&](CLI::App* command) { command->add_flag("--json", json, "print JSON"); };
  const auto with_actor = [&](CLI::App* command) {
    command->add_option("ACTOR", who, "a pid, a name, or the beginning of a uuid")->required();
  };
  const auto with_registry = [&](CLI::App* command) {
    command
        ->add_option("--registry", registry,
                     "where the registrar is, a multiaddr; may be given again (default: TRACTOR_REGISTRY, else the "
                     "registry of the runtime directory)")
        ->allow_extra_args(false);  // one each time: what comes after it is the command's
  };
  const auto where = [&] { return cli::registries(registry); };

  CLI::App* command = add("ps", "live actors, as trees of supervision",
                          [&] { return run_task([&] { return names_only ? cli::names() : cli::ps(json); }, json); });
  with_json(command);
  command->add_flag("--names", names_only, "print only the names, one a line")->excludes("--json");
  command = add("top", "the same, again and again, with keys to sort, cancel and dump",
                [&] { return run_task([&] { return cli::top(count, json); }, json); });
  command->add_option("-n,--count", count, "so many times, then end (default: until interrupted; once where stdout is no terminal)")
      ->check(above_zero);
  with_json(command);
  command = add("tree", "the tasks of an actor: what each waits for, since when, and where",
                [&] { return run_task([&] { return cli::tree(who, json); }, json); });
  with_actor(command);
  with_json(command);
  with_actor(add("dump", "has an actor, and those below it, write their task trees to stderr and to a file",
                 [&] { return run_task([&] { return cli::dump(who); }); }));
  command = add("describe", "what an actor exposes: modules, functions, arguments, types",
                [&] { return run_task([&] { return cli::describe(who, json); }, json); });
  with_actor(command);
  with_json(command);
  with_actor(add("cancel", "ends an actor in good order", [&] { return run_task([&] { return cli::cancel(who); }); }));

  command =
      add("find", "where the actor of a name is reached", [&] { return run_task([&] { return cli::find(who, where(), json); }, json); });
  command->add_option("NAME", who, "a name, or a uuid")->required();
  with_json(command);
  with_registry(command);
  command = add("watch", "which actors come and go", [&] { return run_task([&] { return cli::watch(who, where(), json); }, json); });
  command->add_option("PREFIX", who, "only those whose name begins so");
  with_json(command);
  with_registry(command);
  command = add("call", "calls a function of an actor; prints its result as JSON",
                [&] { return run_task([&] { return cli::call(request, where()); }); });
  command->add_option("NAME", request.name, "the actor")->required();
  command->add_option("FUNCTION", request.function, "MODULE.FUNCTION")->required();
  command->add_option("ARGUMENTS", request.arguments, "key=value; a value is JSON, else text (a text that looks like JSON: key='\"3\"')");
  command->add_flag("--stream", request.stream, "the function is a generator: print a line for each value");
  with_registry(command);
  with_registry(add("registrar", "runs a registrar and nothing else", [&] { return run([&] { return cli::registrar(where()); }); }));

  command = add("reap", "ends orphaned actors and removes what they left", [&] { return run([&] { return cli::reap(reap); }, reap.json); });
  command->add_option("--parent", reap.parent, "the actors below this process, whose own parent lives, instead of orphans")
      ->type_name("PID")
      ->check(CLI::Range(2, std::numeric_limits<int>::max()));  // all actors of the user are below the first
  command->add_option("--grace", reap.grace_s, "seconds between SIGINT and SIGKILL")->capture_default_str()->check(zero_or_more);
  command->add_flag("-n,--dry-run", reap.look_only, "only say what would be done");
  command->add_flag("--registry-file", reap.registry, "also the registry's socket file, when nobody listens on it");
  command->add_flag("!--no-sockets", reap.sockets, "leave socket files alone");
  command->add_flag("--json", reap.json, "print JSON");
  with_json(
      add("doctor", "what on this machine will hurt, and how to mend it", [&] { return run([&] { return cli::doctor(json); }, json); }));
  command = add("bench", "how fast actors start and answer here",
                [&] { return run_task([&] { return cli::bench(bench_seconds, json); }, json); });
  command->add_option("--seconds", bench_seconds, "how long each is measured")->default_val(1)->check(above_zero);
  with_json(command);
  command = add("completion", "prints a completion script for a shell", [&] {
    std::fputs(cli::completion_script(app, shell).c_str(), stdout);
    return 0;
  });
  command->add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failed) {
    const auto asks_for_json = [](std::string_view word) { return word == "--json"; };  // what comes after the mistake was not read
    return explain(app, failed, std::any_of(argv + 1, argv + argc, asks_for_json));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return fail(tractor::os_error("write(stdout)", errno), false);
  return status;
}
