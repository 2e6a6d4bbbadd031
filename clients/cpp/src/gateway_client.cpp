#include "iqfeed_gateway/gateway_client.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>

#include "engine.hpp"
#include "iqfeed_gateway/topics.hpp"
#include "readings.hpp"
#include "settlement.hpp"

namespace iqfeed_gateway {
namespace {

constexpr const char* not_connected = "not connected";

/// Have something done in the reader thread and wait for what it brings.
template <class T, class Do>
T done(Engine& engine, Seconds timeout, Do call) {
  const auto settlement = std::make_shared<Settlement<T>>();
  engine.post(
      [&engine, settlement, call](std::int64_t now_ns) { call(engine, now_ns, settlement); },
      [settlement](const Failure& failure) { settlement->settle(failure); });
  return settlement->wait(timeout);
}

/// What was asked for first, each once.
std::vector<std::string> distinct(const std::vector<std::string>& texts) {
  std::set<std::string_view> seen;
  std::vector<std::string> found;
  for (const auto& text : texts) {
    if (seen.insert(text).second) found.push_back(text);
  }
  return found;
}

}  // namespace

GatewayClient::GatewayClient(Options options) : options_(checked(std::move(options))) {}

GatewayClient::~GatewayClient() { disconnect(); }

bool GatewayClient::connect() {
  std::shared_ptr<Engine> chosen;
  {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr || engine_->link() == Link::closed) {
      auto fresh = std::make_shared<Engine>(options_);
      fresh->launch();
      engine_ = std::move(fresh);
    }
    chosen = engine_;
  }
  const bool is_connected = chosen->wait_connected();
  if (!is_connected) chosen->stop();
  const std::lock_guard lock(mutex_);
  last_error_.reset();
  if (!is_connected) {
    last_error_ = chosen->failure();
    if (!last_error_) {
      last_error_ = completed({FailureKind::not_connected, "disconnected while connecting"});
    }
  }
  return is_connected;
}

void GatewayClient::disconnect() noexcept {
  if (const auto current = engine()) current->stop();
}

std::shared_ptr<Engine> GatewayClient::engine() const {
  const std::lock_guard lock(mutex_);
  return engine_;
}

std::shared_ptr<Engine> GatewayClient::require() const {
  auto current = engine();
  if (current == nullptr) raise({FailureKind::not_connected, not_connected});
  return current;
}

bool GatewayClient::is_connected() const {
  const auto current = engine();
  return current != nullptr && current->link() == Link::connected;
}

std::optional<Failure> GatewayClient::last_error() const {
  const std::lock_guard lock(mutex_);
  if (auto failure = engine_ == nullptr ? std::nullopt : engine_->failure()) return failure;
  return last_error_;
}

Map GatewayClient::gateway() const {
  const auto current = engine();
  return current == nullptr ? Map() : current->gateway();
}

std::optional<std::int64_t> GatewayClient::epoch() const {
  const auto current = engine();
  if (current == nullptr || current->epoch() < 0) return std::nullopt;
  return current->epoch();
}

Statistics GatewayClient::statistics() const { return require()->statistics(); }

Seconds GatewayClient::checked_timeout(Timeout timeout) const {
  const auto chosen = timeout.value_or(options_.request_timeout);
  if (!(chosen.count() > 0 && chosen.count() < 86'400)) {
    throw InvalidArgument("timeout is not a duration: " + std::to_string(chosen.count()));
  }
  return chosen;
}

// Subscriptions.

SymbolResult GatewayClient::subscribe_symbol(const std::string& symbol, const Texts& kinds,
                                             Timeout timeout) {
  topics::check_symbol(symbol);
  return subscribe_symbols({symbol}, kinds, timeout).at(symbol);
}

SymbolResults GatewayClient::subscribe_symbols(const Texts& symbols, const Texts& kinds,
                                               Timeout timeout) {
  const auto expanded = topics::expand_kinds(kinds);
  const auto wait = checked_timeout(timeout);
  Texts good;
  SymbolResults refused;
  for (const auto& symbol : distinct(symbols)) {
    try {
      topics::check_symbol(symbol);
      good.push_back(symbol);
    } catch (const SecurityValidationError& error) {
      refused[symbol] = {symbol, {}, error.code(), error.hint()};
    }
  }
  auto results = done<SymbolResults>(
      *require(), wait,
      [good, expanded, wait](Engine& engine, std::int64_t now_ns, const auto& settlement) {
        engine.session().subscribe(good, expanded, now_ns, wait, [settlement](const auto& outcome) {
          settlement->settle(outcome);
        });
      });
  results.merge(refused);
  return results;
}

void GatewayClient::unsubscribe_symbol(const std::string& symbol, const std::optional<Texts>& kinds,
                                       Timeout timeout) {
  unsubscribe_symbols({symbol}, kinds, timeout);
}

void GatewayClient::unsubscribe_symbols(const Texts& symbols, const std::optional<Texts>& kinds,
                                        Timeout timeout) {
  for (const auto& symbol : symbols) topics::check_symbol(symbol);
  if (kinds) static_cast<void>(topics::expand_kinds(*kinds));
  const auto wait = checked_timeout(timeout);
  done<Value>(*require(), wait,
              [symbols, kinds, wait](Engine& engine, std::int64_t now_ns, const auto& settlement) {
                engine.session().give_up(
                    symbols, kinds, now_ns, wait,
                    [settlement](const Outcome& outcome) { settlement->settle(outcome); });
              });
}

void GatewayClient::subscribe_topics(const Texts& topics) { listen(topics, true); }

void GatewayClient::unsubscribe_topics(const Texts& topics) { listen(topics, false); }

void GatewayClient::listen(const Texts& topics, bool is_wanted) {
  for (const auto& topic : topics) topics::check_topic(topic);
  done<Value>(*require(), options_.request_timeout,
              [topics, is_wanted](Engine& engine, std::int64_t, const auto& settlement) {
                if (is_wanted) {
                  engine.session().listen_to(topics);
                } else {
                  engine.session().forget_topics(topics);
                }
                settlement->settle(Value());
              });
}

// The stream.

std::optional<StreamItem> GatewayClient::next_message(Timeout timeout) {
  const auto current = require();
  if (!timeout) return current->queue().pop(std::nullopt);
  const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::clamp(*timeout, Seconds(0), Seconds(86'400)));
  return current->queue().pop(std::chrono::steady_clock::now() + wait);
}

// Requests.

Value GatewayClient::call(const std::string& method, const Map& params, Timeout timeout) {
  const auto wait = checked_timeout(timeout);
  return done<Value>(
      *require(), wait,
      [method, params, wait](Engine& engine, std::int64_t now_ns, const auto& settlement) {
        engine.session().call(method, params, now_ns, wait, [settlement](const Outcome& outcome) {
          settlement->settle(outcome);
        });
      });
}

std::vector<Message> GatewayClient::snapshot(const Texts& topics, Timeout timeout) {
  for (const auto& topic : topics) topics::check_topic(topic);
  std::vector<Message> found;
  for (const auto& part : topics::chunks(topics)) {
    const auto result = call("snapshot", {{"topics", Array(part.begin(), part.end())}}, timeout);
    std::ranges::move(readings::snapshots(result), std::back_inserter(found));
  }
  return found;
}

Replayed GatewayClient::replay(const std::string& topic, std::int64_t first, std::int64_t last,
                               std::int64_t epoch, Timeout timeout) {
  const Map params{
      {"topic", topic}, {"from_sequence", first}, {"to_sequence", last}, {"epoch", epoch}};
  return readings::replayed(topic, call("replay", params, timeout));
}

HealthStatus GatewayClient::get_health_status(Timeout timeout) {
  try {
    const auto result = call("health", {}, timeout);
    return readings::health(result, require()->link() == Link::silent);
  } catch (const RequestError& error) {
    return readings::health_without(error.failure());
  } catch (const NotConnected& error) {
    return readings::health_without(error.failure());
  }
}

Map GatewayClient::get_metrics(Timeout timeout) {
  return readings::map_of(call("metrics", {}, timeout));
}

Map GatewayClient::get_diagnostic_info(Timeout timeout) {
  auto diagnostics = readings::map_of(call("diagnostics", {}, timeout));
  const auto figures = statistics();
  const auto* const told = diagnostics.map("queue_status");
  auto queues = told == nullptr ? Map() : *told;
  queues.set("consumer_queue_size", figures.queue_size);
  queues.set("consumer_queue_capacity", figures.queue_capacity);
  queues.set("consumer_requests_size", figures.requests_size);
  queues.set("consumer_requests_capacity", figures.requests_capacity);
  diagnostics.set("queue_status", std::move(queues));
  diagnostics.set("consumer", as_map(figures));
  return diagnostics;
}

std::vector<Map> GatewayClient::get_active_alerts(Timeout timeout) {
  return readings::rows_of(call("alerts", {}, timeout), {"active", "alerts"});
}

Map GatewayClient::get_performance_trends(std::int64_t window_minutes, Timeout timeout) {
  const auto result = call("trends", {{"window_minutes", window_minutes}}, timeout);
  const auto& fields = readings::map_of(result);
  const auto* const metrics = fields.map("metrics");
  return metrics == nullptr ? fields : *metrics;
}

std::vector<Map> GatewayClient::get_error_history(std::int64_t limit, Timeout timeout) {
  return readings::errors(call("errors", {{"limit", limit}}, timeout));
}

Map GatewayClient::get_subscriptions(const std::optional<std::string>& client, Timeout timeout) {
  Map params;
  if (client) params.set("client", *client);
  return readings::map_of(call("subscriptions", params, timeout));
}

std::int64_t GatewayClient::evict(const std::string& peer, const std::string& reason,
                                  Timeout timeout) {
  const auto result = call("admin.evict", {{"peer", peer}, {"reason", reason}}, timeout);
  const auto count = readings::map_of(result).integer("evicted");
  if (!count) throw DecodeError("result lacks the number of connections cut");
  return *count;
}

SymbolLineage GatewayClient::why(const std::string& symbol, Timeout timeout) {
  topics::check_symbol(symbol);
  return readings::lineage(call("why", {{"symbol", symbol}}, timeout));
}

bool GatewayClient::resync(const std::string& topic, Timeout timeout) {
  topics::check_topic(topic);
  const auto result = call("resync", {{"topic", topic}}, timeout);
  return readings::map_of(result).is_true("requested");
}

}  // namespace iqfeed_gateway
