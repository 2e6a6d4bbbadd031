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
  world.recorder.trace.text.clear();
  std::int64_t recv_us = Recorder::day_us + 36'000 * second_us;
  for (std::size_t at = 0; at < stream.size(); at += piece_size) {
    if (!world.feed(stream.substr(at, piece_size), recv_us)) return {};
  }
  return world.recorder.trace.text;
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
#include "plain_main.hpp"
#endif
