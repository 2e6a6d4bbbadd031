// Ranges of sequences, first and last included: joined, cut, subtracted. No I/O.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace iqfeed_gateway {

/// First and last sequence, the first not above the last.
using Range = std::pair<std::int64_t, std::int64_t>;

/// Sort ranges and join those that touch or overlap.
inline std::vector<Range> joined(std::vector<Range> ranges) {
  std::ranges::sort(ranges);
  std::vector<Range> found;
  for (const auto& [first, last] : ranges) {
    if (!found.empty() && first <= found.back().second + 1) {
      found.back().second = std::max(found.back().second, last);
    } else {
      found.emplace_back(first, last);
    }
  }
  return found;
}

/// Cut ranges, in any order and partly or wholly outside too, out of another one; what is left,
/// ascending.
inline std::vector<Range> without(Range whole, const std::vector<Range>& taken) {
  std::vector<Range> left;
  for (const auto& [first, last] : joined(taken)) {
    if (last < whole.first) continue;
    if (first > whole.second) break;
    if (first > whole.first) left.emplace_back(whole.first, first - 1);
    whole.first = last + 1;
  }
  if (whole.first <= whole.second) left.push_back(whole);
  return left;
}

}  // namespace iqfeed_gateway
