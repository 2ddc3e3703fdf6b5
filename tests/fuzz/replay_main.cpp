// SPDX-License-Identifier: Apache-2.0
//
// Stands in for libFuzzer in ordinary builds: runs LLVMFuzzerTestOneInput once over every file given, and over every file
// below a directory given, in the order of their names. A wrong result ends the process inside the target; this says
// which input it was. Nothing to run is a failure too: a seed folder that went missing must not pass.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_below(const fs::path& root) {
  if (!fs::is_directory(root)) return {root};
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file()) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::uint8_t> read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return {bytes.begin(), bytes.end()};
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  std::string current;
  try {
    for (int i = 1; i < argc; ++i) {
      for (const fs::path& path : inputs_below(argv[i])) {
        current = path.string();
        // Named before it runs and unbuffered: when the target aborts, the last line is the culprit.
        std::fprintf(stderr, "%s\n", current.c_str());
        const std::vector<std::uint8_t> bytes = read_all(path);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        ++count;
      }
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "replay: %s: %s\n", current.c_str(), e.what());
    return 1;
  }
  if (count == 0) {
    std::fprintf(stderr, "replay: no input below the folders given\n");
    return 1;
  }
  std::printf("replayed %zu inputs\n", count);
  return 0;
}
