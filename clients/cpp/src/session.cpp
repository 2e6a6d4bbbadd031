#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include "iqfeed_gateway/topics.hpp"
#include "readings.hpp"

namespace iqfeed_gateway {
namespace {

constexpr std::int64_t retry_ns_min = 1'000'000'000;
constexpr std::int64_t retry_ns_max = 10'000'000'000;
constexpr int greetings_max = 5;
constexpr const char* client_version = "0.1.0";

Array array_of(const std::vector<std::string>& texts) { return Array(texts.begin(), texts.end()); }

bool is_refused_with(const Outcome& outcome, std::string_view code) {
  const auto* const failure = std::get_if<Failure>(&outcome);
  return failure != nullptr && failure->kind == FailureKind::refused && failure->code == code;
}

}  // namespace

std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Session::Session(const Options& options, RpcClient& rpc, Subscriber& subscriber,
                 DeliveryQueue& queue)
    : intake(joins, replays),
      leases(options.lease.count()),
      options_(options),
      rpc_(rpc),
      subscriber_(subscriber),
      queue_(queue),
      token_(topics::new_nonce()) {
  for (const auto topic : sys_topics) listen(std::string(topic));
  listen("~" + token_ + ".sys,client,");
}

void Session::call(const std::string& method, const Map& params, std::int64_t now_ns,
                   Seconds timeout, OnDone on_done) {
  rpc_.request(method, params, static_cast<std::int64_t>(timeout.count() * 1e9), now_ns,
               std::move(on_done));
}

std::optional<std::int64_t> Session::lag_us(std::int64_t now_ns) {
  const auto waiting_us = queue_.age_ns(now_ns) / 1'000;
  if (!heartbeat_lag_us) return waiting_us > 0 ? std::optional(waiting_us) : std::nullopt;
  return std::max({*heartbeat_lag_us, waiting_us, std::int64_t{0}});
}

// Who we are.

void Session::greet(std::int64_t now_ns, Seconds timeout, OnDone on_done) {
  const Map params{{"client", options_.client_name},
                   {"language", "cpp"},
                   {"version", client_version},
                   {"data_token", token_}};
  call("hello", params, now_ns, timeout, std::move(on_done));
}

/// Say it of a fresh data connection; leases bind it as well, but not everybody has any.
void Session::greet_again(std::int64_t now_ns, int attempts) {
  greet(now_ns, options_.request_timeout, [this, attempts](const Outcome& outcome) {
    const auto* const failure = std::get_if<Failure>(&outcome);
    const bool is_away =
        failure != nullptr && (failure->kind == FailureKind::timed_out ||
                               failure->kind == FailureKind::not_connected || failure->retry_ms);
    if (!is_away || attempts >= greetings_max) return;
    later(monotonic_ns() + retry_ns_min,
          [this, attempts](std::int64_t at_ns) { greet_again(at_ns, attempts + 1); });
  });
}

// Subscriptions.

void Session::subscribe(const std::vector<std::string>& symbols,
                        const std::vector<std::string>& kinds, std::int64_t now_ns, Seconds timeout,
                        OnSubscribed on_done) {
  struct Progress {
    SymbolResults results{};
    std::size_t open_count = 0;
    bool has_failed = false;
  };
  const auto parts = topics::chunks(symbols);
  const auto progress = std::make_shared<Progress>();
  progress->open_count = parts.size();
  if (parts.empty()) on_done(SymbolResults());
  for (const auto& part : parts) {
    asked_.insert(part.begin(), part.end());
    lease(part, kinds, now_ns, timeout,
          [this, part, kinds, now_ns, progress, on_done](const Outcome& outcome) {
            --progress->open_count;
            for (const auto& symbol : part) asked_.erase(asked_.find(symbol));
            auto taken = take(part, kinds, true, outcome, now_ns);
            if (progress->has_failed) return;
            if (const auto* const results = std::get_if<SymbolResults>(&taken)) {
              progress->results.insert(results->begin(), results->end());
              if (progress->open_count == 0) on_done(progress->results);
            } else {
              // What other parts brought stays subscribed; the caller may simply ask again.
              progress->has_failed = true;
              on_done(taken);
            }
          });
  }
}

void Session::lease(const std::vector<std::string>& symbols, const std::vector<std::string>& kinds,
                    std::int64_t now_ns, Seconds timeout, OnDone on_done) {
  const Map params{{"client", options_.client_name},
                   {"symbols", array_of(symbols)},
                   {"kinds", array_of(kinds)},
                   {"lease_s", std::int64_t{options_.lease.count()}},
                   {"data_token", token_}};
  call("subscribe", params, now_ns, timeout, std::move(on_done));
}

/// Act on the answer to `subscribe`; `is_new` unless all of it was wanted before. What was given up
/// while the gateway was asked again stays given up.
std::variant<SymbolResults, Failure> Session::take(const std::vector<std::string>& symbols,
                                                   const std::vector<std::string>& kinds,
                                                   bool is_new, const Outcome& outcome,
                                                   std::int64_t now_ns) {
  if (const auto* const failure = std::get_if<Failure>(&outcome)) return *failure;
  try {
    auto [lease_id, results] = readings::subscribed(std::get<Value>(outcome), symbols);
    std::vector<std::string> accepted;
    for (const auto& symbol : symbols) {
      if (results.at(symbol).is_accepted()) accepted.push_back(symbol);
    }
    if (is_new) leases.want(accepted, kinds);
    for (const auto& symbol : accepted) {
      const auto held = leases.kinds_of(symbol);
      for (const auto& kind : kinds) {
        if (std::ranges::find(held, kind) != held.end()) listen(topics::topic_of(kind, symbol));
      }
    }
    keep(lease_id, std::move(accepted), now_ns);
    return std::move(results);
  } catch (const DecodeError& error) {
    return error.failure();
  }
}

/// Keep a lease for what is wanted of it; give it back when that is nothing.
void Session::keep(const std::optional<std::string>& lease_id, std::vector<std::string> symbols,
                   std::int64_t now_ns) {
  const auto held = symbols;
  std::erase_if(symbols, [this](const auto& symbol) { return !leases.is_wanted(symbol); });
  if (!symbols.empty()) {
    if (lease_id) leases.add(*lease_id, std::move(symbols), now_ns);
  } else if (!held.empty() && std::ranges::none_of(held, [this](const auto& symbol) {
               return asked_.contains(symbol);  // Another lease of it is on its way.
             })) {
    const Map params{{"client", options_.client_name}, {"symbols", array_of(held)}};
    call("unsubscribe", params, now_ns, options_.request_timeout, [](const Outcome&) {});
  }
}

/// Subscribe to a topic first, then want its snapshot: the order makes it free of races.
void Session::listen(const std::string& topic) {
  intake.add(topic);
  subscriber_.subscribe(topic);
  intake.ask_again(topic);
}

void Session::give_up(const std::vector<std::string>& symbols,
                      const std::optional<std::vector<std::string>>& kinds, std::int64_t now_ns,
                      Seconds timeout, OnDone on_done) {
  std::map<std::optional<std::vector<std::string>>, std::vector<std::string>> by_kinds;
  for (const auto& symbol : symbols) {
    const auto chosen = kinds ? std::optional(without_shared(symbol, *kinds)) : std::nullopt;
    forget_topics(leases.drop(symbol, chosen));
    by_kinds[chosen].push_back(symbol);
  }
  leases.prune();
  std::vector<Map> requests;
  for (const auto& [chosen, members] : by_kinds) {
    for (const auto& part : topics::chunks(members)) {
      Map params{{"client", options_.client_name}, {"symbols", array_of(part)}};
      if (chosen) params.set("kinds", array_of(*chosen));
      requests.push_back(std::move(params));
    }
  }
  if (requests.empty()) on_done(Value());
  const auto open_count = std::make_shared<std::size_t>(requests.size());
  const auto has_failed = std::make_shared<bool>(false);
  for (const auto& params : requests) {
    call("unsubscribe", params, now_ns, timeout,
         [open_count, has_failed, on_done](const Outcome& outcome) {
           --*open_count;
           if (*has_failed) return;
           *has_failed = std::holds_alternative<Failure>(outcome);
           if (*has_failed || *open_count == 0) on_done(outcome);
         });
  }
}

std::vector<std::string> Session::without_shared(const std::string& symbol,
                                                 const std::vector<std::string>& kinds) const {
  const auto contains = [](const auto& texts, std::string_view text) {
    return std::ranges::find(texts, text) != texts.end();
  };
  auto chosen = topics::expand_kinds(kinds);
  const auto held = leases.kinds_of(symbol);
  const bool has_rest =
      std::ranges::any_of(held, [&](const std::string& kind) { return !contains(chosen, kind); });
  if (has_rest && !contains(kinds, kind::state)) std::erase(chosen, kind::state);
  return chosen;
}

void Session::listen_to(const std::vector<std::string>& topics) {
  for (const auto& topic : topics) listen(topic);
}

void Session::forget_topics(const std::vector<std::string>& topics) {
  for (const auto& topic : topics) {
    if (std::ranges::find(sys_topics, topic) != sys_topics.end()) continue;  // We need them.
    subscriber_.unsubscribe(topic);
    intake.remove(topic);
  }
}

// Keeping what is held.

void Session::after_batch(std::int64_t now_ns) {
  for (const auto& private_topic : intake.answered) subscriber_.unsubscribe(private_topic);
  intake.answered.clear();
  if (intake.has_restarted) {
    intake.has_restarted = false;
    restore(now_ns);
  }
  start_joins(now_ns);
  start_replays(now_ns);
}

void Session::reconnected(std::int64_t now_ns) {
  replays.is_paused = false;
  greet_again(now_ns, 1);
  intake.ask_all_again();
}

void Session::tick(std::int64_t now_ns) {
  while (!timers_.empty() && timers_.begin()->first <= now_ns) {
    const auto timer = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    timer(now_ns);
  }
  for (const auto& private_topic : joins.overdue(now_ns)) subscriber_.unsubscribe(private_topic);
  start_joins(now_ns);
  start_replays(now_ns);
  const auto due = leases.due(now_ns);
  if (!due.empty() && leases.has_too_many()) {
    lease_again(leases.start_over(), now_ns, retry_ns_min);
    return;
  }
  for (const auto& lease : due) renew(lease, now_ns);
}

std::optional<std::int64_t> Session::deadline_ns() const {
  std::optional<std::int64_t> next;
  if (!timers_.empty()) next = timers_.begin()->first;
  for (const auto& at_ns : {joins.deadline_ns(), replays.deadline_ns(), leases.deadline_ns()}) {
    if (at_ns && (!next || *at_ns < *next)) next = at_ns;
  }
  return next;
}

void Session::start_joins(std::int64_t now_ns) {
  for (const auto& private_topic : joins.start(now_ns)) subscriber_.subscribe(private_topic);
}

/// Ask for lost events while the application keeps up: else what came would push out what is
/// current.
void Session::start_replays(std::int64_t now_ns) {
  if (!queue_.has_room()) return;
  for (const auto& request : replays.start(now_ns)) {
    call("replay", request.params(), now_ns, options_.request_timeout,
         [this, request](const Outcome& outcome) {
           replays.answered(request, outcome, monotonic_ns(), intake.out);
         });
  }
}

/// Subscribe again at a gateway that was restarted.
void Session::restore(std::int64_t now_ns) {
  greet_again(now_ns, 1);
  intake.ask_all_again([this](const std::string& symbol) { return leases.is_wanted(symbol); });
  lease_again(leases.start_over(), now_ns, retry_ns_min);
}

void Session::renew(const Lease& lease, std::int64_t now_ns) {
  Map params{{"client", options_.client_name},
             {"lease_id", lease.lease_id},
             {"received", intake.received_count - reported_received_},
             {"gaps", intake.missing_count - reported_missing_},
             {"data_token", token_}};
  if (const auto behind_us = lag_us(now_ns)) params.set("lag_us", *behind_us);
  reported_received_ = intake.received_count;
  reported_missing_ = intake.missing_count;
  call("renew", params, now_ns, options_.request_timeout,
       [this, lease](const Outcome& outcome) { renewed(lease, outcome); });
}

void Session::renewed(const Lease& lease, const Outcome& outcome) {
  const auto now_ns = monotonic_ns();
  if (is_refused_with(outcome, error_code::lease_expired)) {
    if (leases.expire(lease.lease_id)) {
      lease_again(leases.groups(lease.symbols), now_ns, retry_ns_min);
    }
    return;
  }
  const auto* const result = std::get_if<Value>(&outcome);
  if (result == nullptr) {
    leases.retry(lease.lease_id, now_ns);
    return;
  }
  std::vector<std::string> repaired;
  const auto* const fields = result->map();
  const auto* const missing = fields == nullptr ? nullptr : fields->array("missing_subscriptions");
  if (missing != nullptr) {
    for (const auto& item : *missing) {
      const auto* const topic = item.text();
      if (topic != nullptr && subscriber_.repair(*topic)) repaired.push_back(*topic);
    }
  }
  repaired_count += static_cast<std::int64_t>(repaired.size());
  leases.renewed(lease.lease_id, now_ns, !repaired.empty());
  for (const auto& topic : repaired) intake.ask_again(topic);
}

/// Subscribe in the background, again and again until the gateway has answered.
void Session::lease_again(const std::vector<Group>& groups, std::int64_t now_ns,
                          std::int64_t delay_ns) {
  for (const auto& [symbols, kinds] : groups) {
    lease(symbols, kinds, now_ns, options_.request_timeout,
          [this, symbols, kinds, delay_ns](const Outcome& outcome) {
            const auto at_ns = monotonic_ns();
            const auto taken = take(symbols, kinds, false, outcome, at_ns);
            if (const auto* const results = std::get_if<SymbolResults>(&taken)) {
              for (const auto& [symbol, result] : *results) {
                if (result.is_accepted()) continue;
                intake.out.push_back(
                    entry_of(SubscriptionRefused{symbol, *result.code, result.hint.value_or("")}));
              }
              return;
            }
            const auto& failure = std::get<Failure>(taken);
            const auto wait_ns = std::max(delay_ns, failure.retry_ms.value_or(0) * 1'000'000);
            later(at_ns + wait_ns, [this, symbols, delay_ns](std::int64_t later_ns) {
              lease_again(leases.groups(symbols), later_ns, std::min(delay_ns * 2, retry_ns_max));
            });
          });
  }
}

}  // namespace iqfeed_gateway
