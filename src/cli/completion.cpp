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

// The first thing that it wants to know is an actor's name.
bool takes_actor(const CLI::App& command) {
  return command.get_option_no_throw("ACTOR") != nullptr || command.get_option_no_throw("NAME") != nullptr;
}

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

// A line each; a name may have spaces.
constexpr const char* names_command = "tractor ps --names 2>/dev/null";

// What follows is bash: a name is offered as the word that is being completed is quoted.
constexpr const char* bash_functions = R"(
# Whether options are all that stands between the subcommand and the word.
_tractor_wants_first() {
  local i
  for ((i = 2; i < COMP_CWORD; ++i)); do
    [[ ${COMP_WORDS[i]} == -* ]] || return 1
  done
}
_tractor_names() {
  _tractor_wants_first || return
  # What the word says, and the quote that is open at its end. What is offered takes the place of what follows that quote, or of the word.
  local rest=${COMP_WORDS[COMP_CWORD]} said= quote= before= escapable='[\"$`\\]*' char name
  while [[ $rest ]]; do
    char=${rest:0:1} rest=${rest:1}
    if [[ $char == "$quote" ]]; then
      quote= before=
    elif [[ ! $quote && $char == [\'\"] ]]; then
      quote=$char before=$said
    elif [[ $char == \\ && (! $quote || $quote == \" && $rest == $escapable) ]]; then
      said+=${rest:0:1} rest=${rest:1}
    else
      said+=$char
    fi
  done
  # In single quotes there is no `'`, and in double ones a `!` stands for an earlier command.
  local single="'\\''" mark="\"'!'\""
  while IFS= read -r name; do
    [[ $name == "$said"* ]] || continue
    name=${name#"$before"}
    case $quote in
      \') name=${name//\'/"$single"} ;;
      \")
        for char in \\ \" \$ \`; do name=${name//"$char"/"\\$char"}; done
        name=${name//!/"$mark"}
        ;;
      *) printf -v name %q "$name" ;;
    esac
    # Readline closes the quote, but where it takes the end of the name for that.
    [[ $quote && $name == *"$quote" ]] && name+=$quote
    COMPREPLY+=("$name")
  done < <(NAMES)
}
)";

std::string for_bash(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : commands_of(app)) {
    commands += (commands.empty() ? "" : " ") + command->get_name();
    std::string words = joined(options_of(*command));
    if (command->get_name() == "completion") words += " bash zsh fish";
    cases += "    " + command->get_name() + ") words=\"" + words + "\"" + (takes_actor(*command) ? " names=_tractor_names" : "") + " ;;\n";
  }
  std::string functions = bash_functions;
  functions.replace(functions.find("NAMES"), std::string_view("NAMES").size(), names_command);
  return functions + "_tractor() {\n  local words=\"" + commands +
         "\" names=:\n  if ((COMP_CWORD > 1)); then\n    case \"${COMP_WORDS[1]}\" in\n" + cases +
         "    *) words=\"\" ;;\n    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n  $names\n}\n"
         "complete -F _tractor tractor\n";
}

std::string for_zsh(const CLI::App& app) {
  std::string described, cases;
  for (const CLI::App* command : commands_of(app)) {
    described += "    " + quoted(command->get_name() + ":" + command->get_description()) + "\n";
    std::string words = joined(options_of(*command));
    if (command->get_name() == "completion") words += " bash zsh fish";
    cases += "    " + command->get_name() + ") compadd -- " + words + (takes_actor(*command) ? "; names=1" : "") + " ;;\n";
  }
  return "#compdef tractor\n_tractor() {\n  local -a commands=(\n" + described +
         "  )\n  local names= word\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n  case \"$words[2]\" "
         "in\n" +
         cases + "  esac\n  for word in \"${(@)words[3,CURRENT-1]}\"; do\n    [[ -z $word || $word == -* ]] || return\n  done\n" +
         "  [[ -z $names ]] || compadd -- ${(f)\"$(" + names_command + ")\"}\n}\ncompdef _tractor tractor\n";
}

std::string for_fish(const CLI::App& app) {
  std::string text = "complete -c tractor -f\n";
  for (const CLI::App* command : commands_of(app)) {
    const std::string& name = command->get_name();
    text += "complete -c tractor -n __fish_use_subcommand -a " + name + " -d " + quoted(command->get_description()) + "\n";
    const std::string chosen = "__fish_seen_subcommand_from " + name;
    const std::string within = "complete -c tractor -n '" + chosen + "'";
    for (const CLI::Option* option : command->get_options())
      for (const auto& word : option->get_lnames()) text += within + " -l " + word + " -d " + quoted(option->get_description()) + "\n";
    if (name == "completion") text += within + " -a 'bash zsh fish'\n";
    // The words so far that are no options: the command, and the subcommand.
    if (takes_actor(*command))
      text += "complete -c tractor -n '" + chosen + R"(; and test (count (string match -v -- "-*" (commandline -opc))) -eq 2')" + " -a '(" +
              names_command + ")'\n";
  }
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  if (shell == "zsh") return for_zsh(app);
  return shell == "fish" ? for_fish(app) : for_bash(app);
}

}  // namespace tractor::cli
