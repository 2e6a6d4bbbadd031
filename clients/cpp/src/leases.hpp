// What is held at the gateway, and when it is to be renewed. No I/O.
//
// Every `subscribe` brings one lease. A lease is renewed at half its life, and every ten seconds at
// least; when so many have gathered that renewing them one by one would be a burden, everything is
// subscribed anew in few requests and the old leases are left to lapse.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace iqfeed_gateway {

/// One lease.
struct Lease {
  std::string lease_id;
  std::vector<std::string> symbols;
  /// Monotonic time of the next renewal.
  std::int64_t renew_at_ns;
  /// Renewals in a row that came early, because subscriptions were missing.
  int doubts = 0;
  /// Whether an answer is awaited.
  bool is_renewing = false;
};

/// Symbols and the kinds wanted of each.
using Group = std::pair<std::vector<std::string>, std::vector<std::string>>;

/// Everything wanted and every lease that keeps it.
class LeaseBook {
 public:
  /// A lease is renewed so often at least: it is how the gateway learns of loss and lag.
  static constexpr std::int64_t renew_ns_max = 10'000'000'000;
  /// When subscriptions were missing and were sent again, the next renewal is this soon,
  static constexpr std::int64_t doubt_ns = 2'000'000'000;
  /// so many times in a row.
  static constexpr int doubts_max = 3;
  /// More leases than this are replaced by as few as possible at the next renewal.
  static constexpr std::size_t leases_max = 32;

  explicit LeaseBook(std::int64_t lease_s);

  /// Remember what the gateway accepted.
  void want(const std::vector<std::string>& symbols, const std::vector<std::string>& kinds);
  /// Forget symbols, or only some of their kinds; returns the topics no longer wanted.
  std::vector<std::string> drop(const std::string& symbol,
                                const std::optional<std::vector<std::string>>& kinds);
  /// Forget the leases that keep nothing wanted; the caller tells the gateway.
  void prune();
  [[nodiscard]] std::vector<std::string> kinds_of(const std::string& symbol) const;
  [[nodiscard]] bool is_wanted(const std::string& symbol) const { return wanted_.contains(symbol); }
  /// Remember a lease just granted.
  void add(const std::string& lease_id, std::vector<std::string> symbols, std::int64_t now_ns);
  /// Take the leases to be renewed now; each is out until `renewed` or `retry`.
  std::vector<Lease> due(std::int64_t now_ns);
  [[nodiscard]] bool has_too_many() const { return leases_.size() > leases_max; }
  /// Note a successful renewal; in doubt, when the gateway missed subscriptions of it.
  void renewed(const std::string& lease_id, std::int64_t now_ns, bool is_in_doubt);
  /// Note a renewal that failed for the moment; several tries fit in what life is left.
  void retry(const std::string& lease_id, std::int64_t now_ns);
  /// Note that the gateway no longer knows a lease; the caller subscribes its symbols again.
  std::optional<Lease> expire(const std::string& lease_id);
  /// Forget every lease; returns groups that together are all wanted.
  std::vector<Group> start_over();
  /// Group symbols by the kinds wanted of them, in pieces that one request may carry.
  [[nodiscard]] std::vector<Group> groups(const std::vector<std::string>& symbols) const;
  /// Monotonic time of the next renewal.
  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;

  std::int64_t renewed_count = 0;
  std::int64_t expired_count = 0;

 private:
  void again(const std::string& lease_id, std::int64_t at_ns);

  std::int64_t half_life_ns_;
  std::int64_t renew_ns_;
  std::map<std::string, std::vector<std::string>> wanted_;
  std::map<std::string, Lease> leases_;
};

}  // namespace iqfeed_gateway
