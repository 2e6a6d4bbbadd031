// What became of every sequence of the topics whose messages must not be lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rendering.hpp"

namespace conformance {

/// Counts what was delivered, delivered twice, and named lost, by topic and epoch.
class Ledger {
 public:
  /// Note an item as it was read from the stream.
  void note(const iqfeed_gateway::StreamItem& item);
  /// The figures of one topic.
  [[nodiscard]] Json told(const std::string& topic) const;

 private:
  struct Page {
    std::map<std::int64_t, std::int64_t> deliveries{};
    std::vector<std::pair<std::int64_t, std::int64_t>> lost{};
  };
  std::map<std::string, std::map<std::int64_t, Page>> pages_;
};

}  // namespace conformance
