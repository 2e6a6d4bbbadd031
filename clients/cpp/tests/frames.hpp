// Frames as a gateway would send them.
#pragma once

#include <string>
#include <utility>

#include "cursor.hpp"
#include "iqfeed_gateway/codec.hpp"

namespace frames {

using iqfeed_gateway::Array;
using iqfeed_gateway::Value;

inline constexpr std::int64_t run = 1'000;

/// A frame of any items.
inline std::string frame(const std::string& topic, Array items) {
  std::string out = topic;
  iqfeed_gateway::pack(out, Value(std::move(items)));
  return out;
}

inline std::string trade(std::int64_t sequence, std::int64_t flags = 0, std::int64_t epoch = run) {
  return frame("trade,AAPL,", {2, epoch, sequence, flags, 5, {}, 1.5, 100, {}, {}, {}, "C"});
}

inline std::string quote(std::int64_t sequence, double bid,
                         const std::string& topic = "quote,AAPL,", std::int64_t flags = 0) {
  return frame(topic, {1, run, sequence, flags, 5, {}, bid, 1, bid + 1, 1});
}

inline std::string depth(std::int64_t sequence, const char* side, double price, std::int64_t size) {
  return frame("depth,AAPL,", {5, run, sequence, 0, 5, {}, "update", side, price, size});
}

}  // namespace frames
