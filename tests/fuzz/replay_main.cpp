// Runs a fuzz target over files without a fuzzer, so that every build and every compiler sees the
// corpus. Each file is also given cut short and with bytes changed, at evenly spread places: damage
// around a known input finds much of what a fuzzer finds first, and always the same way.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t kPlacesMax = 64;

void give(const std::string& input) {
  static_cast<void>(LLVMFuzzerTestOneInput(
      static_cast<const std::uint8_t*>(static_cast<const void*>(input.data())), input.size()));
}

void replay(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  give(input);
  const std::size_t stride = std::max<std::size_t>(1, input.size() / kPlacesMax);
  for (std::size_t at = 0; at < input.size(); at += stride) {
    give(input.substr(0, at));
    std::string changed = input;
    changed[at] = static_cast<char>(changed[at] ^ 0x04);
    give(changed);
    changed[at] = '\0';
    give(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path(argv[i]);
    if (std::filesystem::is_regular_file(path, failed)) files.push_back(path);
    for (std::filesystem::directory_iterator at(path, failed), end; !failed && at != end;
         at.increment(failed)) {
      files.push_back(at->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) replay(file);
  std::printf("%zu files\n", files.size());
  return files.empty() ? 1 : 0;
}
