// Any bytes into the reader of rows, in any pieces, under sanitizers; see `fuzz_reader.cpp`.
//
// An input is a byte for the pieces, a byte for the bound of the books, and the stream.
#include <cstdio>

#include "fake_depth.hpp"

namespace iqfeed_gateway::testing {
namespace {

std::string trace_of(Text stream, std::size_t rows_max, std::size_t piece_size, bool may_reset) {
  DepthWorld world(rows_max);
  world.recorder.may_reset = may_reset;
  for (std::size_t at = 0; at < stream.size(); at += piece_size) {
    // The time is the stream's, however it is cut.
    if (!world.feed(stream.substr(at, piece_size), 500)) return {};
  }
  // Whole books are looked at, so that each row and level is.
  std::string& text = world.recorder.trace.text;
  for (const auto& listing : world.listings) {
    for (const bool is_bid : {true, false}) {
      const BookSide& orders = listing->orders.side(is_bid);
      orders.each(orders.size(), [&text](const Level& level) {
        text += std::to_string(level.price) + "*" + std::to_string(level.size.told());
        for (const OrderRow* const row : OrderBook::rows_of(level)) text += row->maker;
      });
      const BookSide& levels = listing->levels.side(is_bid);
      levels.each(levels.size(), [&text](const Level& level) {
        text += std::to_string(level.price) + "/" + std::to_string(level.size.told());
      });
    }
  }
  return text;
}

}  // namespace
}  // namespace iqfeed_gateway::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace iqfeed_gateway::testing;
  if (size < 3) return 0;
  const iqfeed_gateway::Text stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t rows_max = data[1] % 2 == 0 ? 1'000 : data[1];
  const std::string whole = trace_of(stream, rows_max, stream.size(), false);
  if (trace_of(stream, rows_max, 1 + data[0], false) != whole && !whole.empty()) {
    std::fprintf(stderr, "pieces of %d bytes do what the whole does not\n", 1 + data[0]);
    std::abort();
  }
  trace_of(stream, rows_max, 1 + data[0], true);
  return 0;
}

#if defined(PLAIN_MAIN)
#include "plain_main.hpp"
#endif
