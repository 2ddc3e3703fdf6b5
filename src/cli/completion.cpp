// SPDX-License-Identifier: Apache-2.0

#include "completion.hpp"

#include <CLI/CLI.hpp>
#include <vector>

namespace tractor::cli {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> found;
  for (const CLI::Option* option : command.get_options())
    for (const auto& name : option->get_lnames()) found.push_back("--" + name);
  return found;
}

bool takes_actor(const CLI::App& command) { return command.get_option_no_throw("ACTOR") != nullptr; }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Within single quotes of a shell.
std::string quoted(std::string text) {
  std::string made;
  for (const char c : text) made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + made + "'";
}

// The names of the live actors, one a line, for all three shells.
constexpr const char* names_command = "tractor ps 2>/dev/null | sed -n '2,$s/^[^A-Za-z0-9_]*\\([A-Za-z0-9_.-]*\\) .*/\\1/p'";

std::string for_bash(const CLI::App& app) {
  std::string names, cases;
  for (const CLI::App* command : commands_of(app)) {
    names += (names.empty() ? "" : " ") + command->get_name();
    std::string words = joined(options_of(*command));
    if (command->get_name() == "completion") words += " bash zsh fish";
    cases += "    " + command->get_name() + ") words=\"" + words + (takes_actor(*command) ? " $(" + std::string(names_command) + ")" : "") +
             "\" ;;\n";
  }
  return "_tractor() {\n  local words=\"" + names + "\"\n  if ((COMP_CWORD > 1)); then\n    case \"${COMP_WORDS[1]}\" in\n" + cases +
         "    *) words=\"\" ;;\n    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -F "
         "_tractor tractor\n";
}

std::string for_zsh(const CLI::App& app) {
  std::string described, cases;
  for (const CLI::App* command : commands_of(app)) {
    described += "    " + quoted(command->get_name() + ":" + command->get_description()) + "\n";
    std::string words = joined(options_of(*command));
    if (command->get_name() == "completion") words += " bash zsh fish";
    cases += "    " + command->get_name() + ") compadd -- " + words +
             (takes_actor(*command) ? " $(" + std::string(names_command) + ")" : "") + " ;;\n";
  }
  return "#compdef tractor\n_tractor() {\n  local -a commands=(\n" + described +
         "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n  case \"$words[2]\" in\n" + cases +
         "  esac\n}\ncompdef _tractor tractor\n";
}

std::string for_fish(const CLI::App& app) {
  std::string text = "complete -c tractor -f\n";
  for (const CLI::App* command : commands_of(app)) {
    const std::string& name = command->get_name();
    text += "complete -c tractor -n __fish_use_subcommand -a " + name + " -d " + quoted(command->get_description()) + "\n";
    const std::string within = "complete -c tractor -n '__fish_seen_subcommand_from " + name + "'";
    for (const CLI::Option* option : command->get_options())
      for (const auto& word : option->get_lnames()) text += within + " -l " + word + " -d " + quoted(option->get_description()) + "\n";
    if (name == "completion") text += within + " -a 'bash zsh fish'\n";
    if (takes_actor(*command)) text += within + " -a \"(" + std::string(names_command) + ")\"\n";
  }
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  if (shell == "zsh") return for_zsh(app);
  return shell == "fish" ? for_fish(app) : for_bash(app);
}

}  // namespace tractor::cli
