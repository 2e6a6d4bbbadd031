// Any bytes into the extension's core, in any pieces, under sanitizers.
//
// With clang: -fsanitize=fuzzer,address,undefined. With another compiler -DPLAIN_MAIN gives it a
// main: files and folders are read as inputs, and then changed at random for some seconds.
//
// An input is a byte for the pieces, a byte for what is known at the beginning, and the stream.
#include <cstdio>

#include "fake_outside.hpp"

namespace iqfeed_gateway::testing {
namespace {

const std::string beginning =
    "T,20260916 10:00:00\nP,AAPL,xx\nP,X,xx\nP,LONGNAME.WITH-32.CHARACTERS.IN.IT,xx\n";

Limits limits_of(unsigned char choice) {
  Limits limits = usual_limits();
  if ((choice & 4) != 0) limits.price_max = 0;
  if ((choice & 8) != 0) limits.jump_max = 0.05;
  if ((choice & 16) != 0) limits.line_bytes_max = 200;
  if ((choice & 32) != 0) limits.summary_interval_us = 1;
  return limits;
}

std::string trace_of(Text stream, unsigned char choice, std::size_t piece_size, bool may_reset) {
  World world(limits_of(choice));
  world.recorder.may_reset = may_reset;
  world.feed(beginning, Recorder::day_us);
  world.recorder.select(static_cast<char>('1' + choice % 3));
  world.recorder.trace.clear();
  std::int64_t recv_us = Recorder::day_us + 36'000 * second_us;
  for (std::size_t at = 0; at < stream.size(); at += piece_size) {
    if (!world.feed(stream.substr(at, piece_size), recv_us)) return {};
  }
  return world.recorder.trace;
}

/// Lines that were cut elsewhere, each alone in memory.
void read_lines(Text stream, unsigned char choice) {
  World world(limits_of(choice));
  world.feed(beginning, Recorder::day_us);
  while (!stream.empty()) {
    const Text line = stream.substr(0, stream.find('\n'));
    stream.remove_prefix(std::min(stream.size(), line.size() + 1));
    if (line.empty()) continue;
    const Exact alone(line);
    if (!world.reader->read({Text(alone.data(), alone.size())}, Recorder::day_us)) return;
  }
}

}  // namespace
}  // namespace iqfeed_gateway::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace iqfeed_gateway::testing;
  if (size < 3) return 0;
  const iqfeed_gateway::Text stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece_size = 1 + data[0];
  const std::string whole = trace_of(stream, data[1], stream.size(), false);
  if (trace_of(stream, data[1], piece_size, false) != whole && !whole.empty()) {
    std::fprintf(stderr, "pieces of %zu bytes do what the whole does not\n", piece_size);
    std::abort();
  }
  trace_of(stream, data[1], piece_size, true);
  read_lines(stream, data[1]);
  return 0;
}

#if defined(PLAIN_MAIN)

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
  static const std::string letters = ",,,,.:/0123456789QPTbaCEOv\n\r\xff";
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

/// fuzz_reader SECONDS SEED FOLDER...
int main(int count, char** arguments) {
  if (count < 4) return std::fprintf(stderr, "fuzz_reader SECONDS SEED FOLDER...\n"), 2;
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

#endif
