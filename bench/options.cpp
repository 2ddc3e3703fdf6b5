// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace bench {
namespace {

template <class Integer>
Integer number(std::string_view option, std::string_view text, Integer least) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least) {
    throw std::invalid_argument(std::string(option) + " takes a number of at least " + std::to_string(least) + ", not '" +
                                std::string(text) + "'");
  }
  return value;
}

}  // namespace

options parse_options(const std::vector<std::string_view>& arguments) {
  options o;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view option = arguments[i];
    const auto value = [&]() -> std::string_view {
      if (++i == arguments.size()) throw std::invalid_argument(std::string(option) + " needs a value");
      return arguments[i];
    };
    if (option == "--list") {
      o.list = true;
    } else if (option == "--help") {
      o.help = true;
    } else if (option == "--quick") {
      o.quick = true;
    } else if (option == "--json") {
      o.json_path = value();
    } else if (option == "--passes") {
      o.passes = number<std::size_t>(option, value(), 1);
    } else if (option == "--run-row") {
      o.row_to_run = value();
    } else if (option == "--n") {
      o.n = number<std::size_t>(option, value(), 1);
    } else if (option == "--cpus") {
      const std::string_view pair = value();
      const std::size_t comma = std::min(pair.find(','), pair.size());
      // -1 is what the harness passes to a row that is not pinned.
      o.cpu = number<int>(option, pair.substr(0, comma), -1);
      o.cpu2 = comma == pair.size() ? o.cpu : number<int>(option, pair.substr(comma + 1), -1);
    } else if (option.starts_with("-")) {
      throw std::invalid_argument("there is no option " + std::string(option));
    } else {
      o.filters.emplace_back(option);
    }
  }
  return o;
}

bool matches(std::string_view id, const std::vector<std::string>& filters) {
  return filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const std::string& filter) {
           if (filter.find_first_of("*?") == filter.npos) return id.find(filter) != id.npos;
           return ::fnmatch(filter.c_str(), std::string(id).c_str(), 0) == 0;
         });
}

std::vector<std::string> expand(std::string_view arguments, const std::vector<placeholder>& values) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = arguments.find_first_not_of(' ', at)) != arguments.npos;) {
    const std::size_t end = std::min(arguments.find(' ', at), arguments.size());
    std::string word(arguments.substr(at, end - at));
    at = end;
    if (word.starts_with('{') && word.ends_with('}')) {
      const std::string_view name = std::string_view(word).substr(1, word.size() - 2);
      const auto found = std::find_if(values.begin(), values.end(), [&](const placeholder& p) { return p.name == name; });
      if (found == values.end()) throw std::invalid_argument("nothing is known to put in place of " + word);
      word = found->value;
    }
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace bench
