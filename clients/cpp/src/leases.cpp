#include "leases.hpp"

#include <algorithm>

#include "iqfeed_gateway/topics.hpp"

namespace iqfeed_gateway {

LeaseBook::LeaseBook(std::int64_t lease_s)
    : half_life_ns_(lease_s * 500'000'000), renew_ns_(std::min(half_life_ns_, renew_ns_max)) {}

void LeaseBook::want(const std::vector<std::string>& symbols,
                     const std::vector<std::string>& kinds) {
  for (const auto& symbol : symbols) {
    auto& held = wanted_[symbol];
    for (const auto& kind : kinds) {
      if (std::ranges::find(held, kind) == held.end()) held.push_back(kind);
    }
  }
}

std::vector<std::string> LeaseBook::drop(const std::string& symbol,
                                         const std::optional<std::vector<std::string>>& kinds) {
  std::vector<std::string> dropped;
  const auto found = wanted_.find(symbol);
  if (found == wanted_.end()) return dropped;
  auto& held = found->second;
  for (const auto& kind : kinds ? *kinds : std::vector(held)) {
    if (std::erase(held, kind) > 0) dropped.push_back(topics::topic_of(kind, symbol));
  }
  if (held.empty()) wanted_.erase(found);
  return dropped;
}

void LeaseBook::prune() {
  std::erase_if(leases_, [this](const auto& entry) {
    return std::ranges::none_of(entry.second.symbols,
                                [this](const auto& symbol) { return is_wanted(symbol); });
  });
}

std::vector<std::string> LeaseBook::kinds_of(const std::string& symbol) const {
  const auto found = wanted_.find(symbol);
  return found == wanted_.end() ? std::vector<std::string>() : found->second;
}

void LeaseBook::add(const std::string& lease_id, std::vector<std::string> symbols,
                    std::int64_t now_ns) {
  leases_.insert_or_assign(lease_id, Lease{lease_id, std::move(symbols), now_ns + renew_ns_});
}

std::vector<Lease> LeaseBook::due(std::int64_t now_ns) {
  std::vector<Lease> found;
  for (auto& [lease_id, lease] : leases_) {
    if (lease.is_renewing || lease.renew_at_ns > now_ns) continue;
    lease.is_renewing = true;
    found.push_back(lease);
  }
  return found;
}

void LeaseBook::renewed(const std::string& lease_id, std::int64_t now_ns, bool is_in_doubt) {
  ++renewed_count;
  auto wait_ns = renew_ns_;
  const auto found = leases_.find(lease_id);
  if (found != leases_.end()) {
    auto& doubts = found->second.doubts;
    if (is_in_doubt && doubts < doubts_max) wait_ns = std::min(wait_ns, doubt_ns);
    doubts = is_in_doubt ? doubts + 1 : 0;
  }
  again(lease_id, now_ns + wait_ns);
}

void LeaseBook::retry(const std::string& lease_id, std::int64_t now_ns) {
  again(lease_id, now_ns + std::max<std::int64_t>(half_life_ns_ / 8, 1'000'000'000));
}

void LeaseBook::again(const std::string& lease_id, std::int64_t at_ns) {
  const auto found = leases_.find(lease_id);
  if (found == leases_.end()) return;
  found->second.renew_at_ns = at_ns;
  found->second.is_renewing = false;
}

std::optional<Lease> LeaseBook::expire(const std::string& lease_id) {
  ++expired_count;
  const auto found = leases_.find(lease_id);
  if (found == leases_.end()) return std::nullopt;
  auto lease = std::move(found->second);
  leases_.erase(found);
  return lease;
}

std::vector<Group> LeaseBook::start_over() {
  leases_.clear();
  std::vector<std::string> symbols;
  for (const auto& [symbol, kinds] : wanted_) symbols.push_back(symbol);
  return groups(symbols);
}

std::vector<Group> LeaseBook::groups(const std::vector<std::string>& symbols) const {
  std::map<std::vector<std::string>, std::vector<std::string>> by_kinds;
  for (const auto& symbol : symbols) {
    if (const auto found = wanted_.find(symbol); found != wanted_.end()) {
      by_kinds[found->second].push_back(symbol);
    }
  }
  std::vector<Group> found;
  for (const auto& [kinds, members] : by_kinds) {
    for (auto& part : topics::chunks(members)) found.emplace_back(std::move(part), kinds);
  }
  return found;
}

std::optional<std::int64_t> LeaseBook::deadline_ns() const {
  std::optional<std::int64_t> next;
  for (const auto& [lease_id, lease] : leases_) {
    if (!lease.is_renewing && (!next || lease.renew_at_ns < *next)) next = lease.renew_at_ns;
  }
  return next;
}

}  // namespace iqfeed_gateway
