// SPDX-License-Identifier: Apache-2.0

#include "text.hpp"

#include <algorithm>
#include <cstdio>

#include "tractor/msg/utf8.hpp"

namespace tractor::cli {

namespace {

std::string formatted(const char* format, double number) {
  char text[32];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string hex(msg::bytes_view data) {
  std::string text;
  for (const std::byte byte : data) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

// Of UTF-8: what continues a character takes no room.
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }
std::size_t width_of(std::string_view text) { return static_cast<std::size_t>(std::ranges::count_if(text, begins_character)); }

msg::value from_json(const nlohmann::ordered_json& from) {
  if (from.is_null()) return nullptr;
  if (from.is_boolean()) return from.get<bool>();
  if (from.is_number_unsigned()) return from.get<std::uint64_t>();
  if (from.is_number_integer()) return from.get<std::int64_t>();
  if (from.is_number()) return from.get<double>();
  if (from.is_string()) return from.get<std::string>();
  if (from.is_array()) {
    msg::value::array list;
    for (const auto& item : from) list.push_back(from_json(item));
    return list;
  }
  msg::value::map map;
  for (const auto& [key, item] : from.items()) map.append(key, from_json(item));
  return map;
}

}  // namespace

std::string duration_text(double seconds) {
  constexpr double minute = 60, hour = 60 * minute, day = 24 * hour;
  if (seconds < minute) return formatted("%.1f s", seconds);
  if (seconds < hour) return formatted("%.0f min", seconds / minute);
  if (seconds < day) return formatted("%.1f h", seconds / hour);
  return formatted("%.0f d", seconds / day);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr double thousand = 1000;
  const auto amount = static_cast<double>(bytes);
  if (amount < thousand * thousand) return formatted("%.0f kB", amount / thousand);
  if (amount < thousand * thousand * thousand) return formatted("%.1f MB", amount / thousand / thousand);
  return formatted("%.1f GB", amount / thousand / thousand / thousand);
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string printable(std::string text) {
  constexpr char del = 0x7f;
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == del; }, '?');
  // U+0080 to U+009F, which a terminal takes for commands too.
  for (std::size_t at = text.find('\xc2'); at != std::string::npos; at = text.find('\xc2', at + 1))
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80 && static_cast<unsigned char>(text[at + 1]) < 0xa0)
      text.replace(at, 2, "?");
  return text;
}

std::string cut_to_width(std::string_view line, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t width = 0; end < line.size(); ++end)
    if (begins_character(line[end]) && ++width > columns) break;
  return std::string(line.substr(0, end));
}

nlohmann::ordered_json to_json(const msg::value& from) {
  using json = nlohmann::ordered_json;
  if (from.is_nil()) return nullptr;
  if (const auto* flag = from.get_if<bool>()) return *flag;
  if (const auto* number = from.get_if<std::int64_t>()) return *number;
  if (const auto* number = from.get_if<std::uint64_t>()) return *number;
  if (const auto* number = from.get_if<double>()) return *number;
  if (const auto* text = from.get_if<std::string>()) return *text;
  if (const auto* data = from.get_if<msg::bytes>()) return json{{"$bytes", hex(*data)}};
  if (const auto* data = from.get_if<msg::value::ext>()) return json{{"$ext", data->type}, {"data", hex(data->data)}};
  if (const auto* list = from.get_if<msg::value::array>()) {
    json array = json::array();
    for (const auto& item : *list) array.push_back(to_json(item));
    return array;
  }
  const auto& map = from.as_map();
  const bool has_text_keys =
      std::ranges::all_of(map, [](const auto& entry) { return entry.first.template get_if<std::string>() != nullptr; });
  if (!has_text_keys) {
    json pairs = json::array();
    for (const auto& [key, item] : map) pairs.push_back(json::array({to_json(key), to_json(item)}));
    return pairs;
  }
  json object = json::object();
  for (const auto& [key, item] : map) object[key.as_str()] = to_json(item);
  return object;
}

msg::value value_of(std::string_view text) {
  const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return std::string(text);
  return from_json(parsed);
}

}  // namespace tractor::cli
