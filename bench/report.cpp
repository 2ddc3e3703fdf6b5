// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include "bounds.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

std::string first_line_of(const char* path) {
  std::string text;
  std::ifstream file(path);
  std::getline(file, text);
  return text;
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string text; std::getline(info, text);) {
    if (!text.starts_with("model name")) continue;
    const std::size_t colon = text.find(": ");
    return colon == text.npos ? "" : text.substr(colon + 2);
  }
  return "";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "null";
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", *value);
  return text;
}

std::string json_row(const result& r) {
  return "{\"id\": " + json_string(r.id) + ", \"unit\": " + json_string(r.unit) + ", \"median\": " + json_number(r.figures.median) +
         ", \"p99\": " + json_number(r.figures.p99) + ", \"n\": " + std::to_string(r.figures.n) +
         ", \"floor_id\": " + (r.floor_id.empty() ? "null" : json_string(r.floor_id)) +
         ", \"floor_median\": " + json_number(r.floor_median) + ", \"ratio\": " + json_number(r.ratio()) + "}";
}

}  // namespace

std::optional<double> result::ratio() const {
  if (!floor_median || *floor_median == 0) return std::nullopt;
  return figures.median / *floor_median;
}

machine describe_machine() {
  machine m;
  m.cpu = cpu_model();
  m.cores = static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (utsname u{}; ::uname(&u) == 0) m.kernel = std::string(u.sysname) + ' ' + u.release + ' ' + u.machine;
  m.compiler = __VERSION__;
#ifdef __OPTIMIZE__
  m.build = "optimised";
#else
  m.build = "not optimised: the figures mean nothing";
#endif
  m.governor = first_line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&now, &utc));
  m.date = date;
  return m;
}

std::string to_json(const machine& m, const std::vector<result>& rows) {
  std::string out = "{\"machine\": {\"cpu\": " + json_string(m.cpu) + ", \"cores\": " + std::to_string(m.cores) +
                    ", \"kernel\": " + json_string(m.kernel) + ", \"compiler\": " + json_string(m.compiler) +
                    ", \"build\": " + json_string(m.build) + ", \"governor\": " + (m.governor.empty() ? "null" : json_string(m.governor)) +
                    ", \"date\": " + json_string(m.date) + "},\n \"rows\": [";
  const char* separator = "\n  ";
  for (const result& r : rows) {
    if (!r.error.empty()) continue;
    out += separator + json_row(r);
    separator = ",\n  ";
  }
  return out + "\n ]}\n";
}

void write_file(const std::string& path, std::string_view text) {
  // A device or a pipe is written to; only a file is replaced.
  std::error_code unknown;
  const auto kind = std::filesystem::status(path, unknown).type();
  if (kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::not_found) {
    if (!(std::ofstream(path, std::ios::binary) << text).flush())
      throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
    return;
  }
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::remove(temporary.c_str());
    throw std::runtime_error("cannot write " + path + ": " + why);
  }
}

std::string human(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::fabs(value);
  const int decimals = size >= 1000 || size == 0 ? 0 : 3 - std::max(-3, static_cast<int>(std::floor(std::log10(size))));
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string out = text;
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(std::min(out.find('.'), out.size())) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
    out.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return out;
}

void print_header(std::FILE* out, const machine& m, std::size_t id_width) {
  std::fprintf(out, "%s, %zu cores, %s, %s, %s%s%s\n\n", m.cpu.c_str(), m.cores, m.kernel.c_str(), m.compiler.c_str(), m.build.c_str(),
               m.governor.empty() ? "" : ", governor ", m.governor.c_str());
  std::fprintf(out, "%-*s %12s %12s %-5s %12s %7s  %-21s %s\n", static_cast<int>(id_width), "row", "median", "p99", "unit", "floor",
               "ratio", "bound", "met");
}

void print_row(std::FILE* out, const result& r, std::size_t id_width) {
  if (!r.error.empty()) {
    std::fprintf(out, "%-*s failed: %s\n", static_cast<int>(id_width), r.id.c_str(), r.error.c_str());
    return;
  }
  const bound* b = find_bound(r.id);
  const char* met = b == nullptr ? "" : b->met({r.figures, r.ratio()}) ? "yes" : "NO";
  char ratio[32] = "";
  if (r.ratio()) std::snprintf(ratio, sizeof ratio, "%.2f", *r.ratio());
  const std::string text = b == nullptr ? "" : std::string(b->text);
  std::fprintf(out, "%-*s %12s %12s %-5s %12s %7s  %-21s %s\n", static_cast<int>(id_width), r.id.c_str(), human(r.figures.median).c_str(),
               human(r.figures.p99).c_str(), r.unit.c_str(), r.floor_median ? human(*r.floor_median).c_str() : "", ratio, text.c_str(),
               met);
}

}  // namespace bench
