// A main for compilers without a fuzzer of their own: inputs, and then changed ones.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace {

std::vector<std::string> read_inputs(const std::filesystem::path& path) {
  std::vector<std::string> inputs;
  const auto read = [&inputs](const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  };
  if (!std::filesystem::is_directory(path)) return read(path), inputs;
  for (const auto& entry : std::filesystem::directory_iterator(path)) read(entry.path());
  return inputs;
}

/// Change a few places: letters, cuts, doublings, pieces of other inputs.
std::string changed(std::string input, const std::string& other, std::mt19937_64& chance) {
  static const std::string letters = ",,,,.:-/0123456789QPTbaBACEOv\n\r\xff";
  for (std::uint64_t times = 1 + chance() % 6; times > 0 && !input.empty(); --times) {
    const std::size_t at = chance() % input.size();
    const std::size_t from = other.empty() ? 0 : chance() % other.size();
    switch (chance() % 6) {
      case 0: input[at] = letters[chance() % letters.size()]; break;
      case 1: input[at] = static_cast<char>(chance()); break;
      case 2: input.erase(at, 1 + chance() % 20); break;
      case 3: input.insert(at, 1, letters[chance() % letters.size()]); break;
      case 4: input.insert(at, other.substr(from, chance() % 300)); break;
      default: input.insert(at, input.substr(at, chance() % 300)); break;
    }
    if (input.size() > 8'192) input.resize(8'192);
  }
  return input;
}

}  // namespace

/// PROGRAM SECONDS SEED FOLDER...
int main(int count, char** arguments) {
  if (count < 4) return std::fprintf(stderr, "usage: %s SECONDS SEED FOLDER...\n", arguments[0]), 2;
  std::vector<std::string> inputs;
  for (int at = 3; at < count; ++at) {
    for (auto& input : read_inputs(arguments[at])) inputs.push_back(std::move(input));
  }
  if (inputs.empty()) return std::fprintf(stderr, "there is no input\n"), 2;
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const auto& input : inputs) run(input);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(arguments[1]));
  std::mt19937_64 chance(static_cast<std::uint64_t>(std::atoll(arguments[2])));
  std::uint64_t times = 0;
  for (; std::chrono::steady_clock::now() < end; ++times) {
    run(changed(inputs[chance() % inputs.size()], inputs[chance() % inputs.size()], chance));
  }
  std::printf("%zu inputs, %llu changed ones, seed %s: nothing was looked at that is not there\n",
              inputs.size(), static_cast<unsigned long long>(times), arguments[2]);
}

