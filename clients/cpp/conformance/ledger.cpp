#include "ledger.hpp"

#include <algorithm>
#include <iterator>

#include "iqfeed_gateway/topics.hpp"

namespace conformance {
namespace gw = iqfeed_gateway;

void Ledger::note(const gw::StreamItem& item) {
  const auto deliver = [this](const auto& message) {
    pages_[gw::topics::topic_of(message.kind, message.symbol)][message.epoch]
        .deliveries[message.sequence] += 1;
  };
  std::visit(gw::overloaded{
                 [&deliver](const gw::Trade& message) { deliver(message); },
                 [&deliver](const gw::Correction& message) { deliver(message); },
                 [&deliver](const gw::News& message) { deliver(message); },
                 [this](const gw::Gap& gap) {
                   if (!gap.is_final) return;
                   pages_[gap.topic][gap.epoch].lost.emplace_back(gap.first_missing,
                                                                  gap.last_missing);
                 },
                 [](const auto&) {},
             },
             item);
}

Json Ledger::told(const std::string& topic) const {
  std::int64_t delivered = 0;
  std::int64_t repeated = 0;
  std::int64_t lost = 0;
  std::int64_t holes = 0;
  const auto found = pages_.find(topic);
  if (found != pages_.end()) {
    for (const auto& [epoch, page] : found->second) {
      delivered += static_cast<std::int64_t>(page.deliveries.size());
      auto ranges = page.lost;
      for (const auto& [sequence, count] : page.deliveries) {
        repeated += count > 1 ? 1 : 0;
        ranges.emplace_back(sequence, sequence);
      }
      for (const auto& [first, last] : page.lost) lost += last - first + 1;
      if (page.deliveries.empty()) continue;
      std::ranges::sort(ranges);
      auto next = page.deliveries.begin()->first;
      for (const auto& [first, last] : ranges) {
        if (first > next) holes += first - next;
        next = std::max(next, last + 1);
      }
    }
  }
  return {{"delivered", std::to_string(delivered)},
          {"repeated", std::to_string(repeated)},
          {"lost", std::to_string(lost)},
          {"holes", std::to_string(holes)}};
}

}  // namespace conformance
