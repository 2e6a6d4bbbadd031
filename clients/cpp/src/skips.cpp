#include "skips.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace iqfeed_gateway {
namespace {

/// Events of the client's own that survive a skip.
constexpr std::int64_t events_max = 1'000;

}  // namespace

void Skipped::add_all(const std::vector<Entry>& entries) {
  // Run by run: looking a topic up by its name for every message would hold the reader up.
  struct Run {
    std::int64_t epoch;
    Range range;
  };
  std::unordered_map<const Route*, Run> runs;
  for (const auto& entry : entries) {
    if (entry.is_snapshot || entry.is_answer) {
      add_message(entry);
      continue;
    }
    ++count;
    const Run one{entry.epoch, {entry.sequence, entry.sequence}};
    const auto [found, is_new] = runs.try_emplace(entry.route.get(), one);
    if (is_new) continue;
    auto& run = found->second;
    if (run.epoch == entry.epoch && run.range.second + 1 == entry.sequence) {
      run.range.second = entry.sequence;
      continue;
    }
    add_run(*entry.route, run.epoch, run.range);
    run = one;
  }
  for (const auto& [route, run] : runs) add_run(*route, run.epoch, run.range);
}

void Skipped::add_run(const Route& route, std::int64_t epoch, Range run) {
  topics.insert(route.topic);
  if (route.has_value) has_value_.insert(route.topic);
  if (add_range(route.topic, epoch, run.first, run.second)) {
    named_count_ += run.second - run.first + 1;
  }
}

void Skipped::add_message(const Entry& entry) {
  ++count;
  topics.insert(entry.route->topic);
  // An answer has no sequence of its own.
  if (entry.is_snapshot || entry.is_answer) return;
  add_run(*entry.route, entry.epoch, {entry.sequence, entry.sequence});
}

void Skipped::add_any(const Entry& entry) {
  if (entry.is_message()) {
    if (!entry.is_state) {
      add_message(entry);
      return;
    }
    topics.insert(entry.route->topic);
    count += 1 + entry.merged_add;
    return;
  }
  const auto* const gap = std::get_if<Gap>(&entry.item);
  topics.insert(gap == nullptr ? std::string() : gap->topic);
  ++count;
  if (gap != nullptr && gap->is_final) {
    // It is the only word on these messages, so it must not vanish.
    const bool is_named = add_range(gap->topic, gap->epoch, gap->first_missing, gap->last_missing);
    named_count_ += is_named ? 1 : 0;
  }
}

bool Skipped::add_range(const std::string& topic, std::int64_t epoch, std::int64_t first,
                        std::int64_t last) {
  auto& ranges = ranges_[{topic, epoch}];
  if (!ranges.empty() && ranges.back().second + 1 == first) {
    ranges.back().second = last;
  } else if (range_count_ < ranges_max) {
    ++range_count_;
    ranges.emplace_back(first, last);
  } else {
    return false;
  }
  return true;
}

std::vector<Gap> Skipped::cut(const Gap& gap) const {
  const auto taken = ranges_.find({gap.topic, gap.epoch});
  if (taken == ranges_.end() || gap.is_final || has_value_.contains(gap.topic)) return {gap};
  std::vector<Gap> left;
  for (const auto& [first, last] : without({gap.first_missing, gap.last_missing}, taken->second)) {
    left.push_back({gap.topic, first, last, gap.healed, gap.epoch});
  }
  return left;
}

std::pair<Overrun, std::vector<Gap>> Skipped::told() const {
  std::vector<Gap> gaps;
  for (const auto& [name, ranges] : ranges_) {
    const auto& [topic, epoch] = name;
    for (const auto& [first, last] : joined(ranges)) {
      gaps.push_back({topic, first, last, false, epoch, !has_value_.contains(topic)});
    }
  }
  Overrun overrun{std::nullopt, count, count - named_count_};
  if (topics.size() == 1 && !topics.begin()->empty()) overrun.topic = *topics.begin();
  return {std::move(overrun), std::move(gaps)};
}

Rest skip(std::deque<Entry> entries, std::int64_t values_max) {
  Rest rest;
  auto skipped = std::make_shared<Skipped>();
  std::vector<Entry> kept;
  std::vector<Entry> events;
  std::optional<std::size_t> lead;
  std::int64_t value_count = 0;
  for (auto& entry : entries) {
    if (entry.skipped != nullptr) {
      lead = kept.size();
      skipped = entry.skipped;
    } else if (!entry.is_message()) {
      kept.push_back(std::move(entry));
    } else {
      if (!lead) lead = kept.size();
      if (entry.route->is_sys) {
        kept.push_back(std::move(entry));
      } else if (!entry.is_state) {
        events.push_back(std::move(entry));
      } else if (entry.route->pending == nullptr || entry.route->pending == &entry) {
        kept.push_back(std::move(entry));
        ++value_count;
      } else {
        entry.route->pending->merged_add += entry.merged();
        ++rest.merged_count;
      }
    }
  }
  const auto count = skipped->count;
  skipped->add_all(events);
  // Let go of the oldest events and values there is no room for.
  auto events_over = static_cast<std::int64_t>(kept.size()) - value_count - events_max;
  auto values_over = value_count - values_max;
  const auto lead_at = lead.value_or(kept.size());
  const auto keep = [&](Entry& entry) {
    const bool is_value = entry.is_message() && entry.is_state;
    auto& over = is_value ? values_over : events_over;
    if (--over >= 0) {
      skipped->add_any(entry);
      if (entry.is_message()) entry.route->pending = nullptr;
    } else if (const auto* const gap = std::get_if<Gap>(&entry.item)) {
      for (auto& left : skipped->cut(*gap)) rest.entries.push_back(entry_of(std::move(left)));
    } else {
      rest.entries.push_back(std::move(entry));
    }
  };
  std::size_t place = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i == lead_at) place = rest.entries.size();
    keep(kept[i]);
  }
  if (lead_at == kept.size()) place = rest.entries.size();
  rest.dropped_count = skipped->count - count;
  if (skipped->count > 0) {
    Entry marker{Overrun{}};
    marker.skipped = skipped;
    rest.entries.insert(rest.entries.begin() + static_cast<std::ptrdiff_t>(place),
                        std::move(marker));
    rest.skipped = std::move(skipped);
  }
  for (auto& entry : rest.entries) {
    if (entry.is_message() && entry.is_state) entry.route->pending = &entry;
  }
  return rest;
}

}  // namespace iqfeed_gateway
