#include "readings.hpp"

#include <algorithm>

#include "iqfeed_gateway/codec.hpp"
#include "iqfeed_gateway/topics.hpp"

namespace iqfeed_gateway {

Map as_map(const Statistics& s) {
  return {
      {"received", s.received},
      {"delivered", s.delivered},
      {"gaps", s.gaps},
      {"missing", s.missing},
      {"repeats", s.repeats},
      {"dropped", s.dropped},
      {"conflated", s.conflated},
      {"bad_frames", s.bad_frames},
      {"unknown_messages", s.unknown_messages},
      {"unrouted", s.unrouted},
      {"restarts", s.restarts},
      {"reconnects", s.reconnects},
      {"snapshots_requested", s.snapshots_requested},
      {"snapshots_unanswered", s.snapshots_unanswered},
      {"requests", s.requests},
      {"request_timeouts", s.request_timeouts},
      {"late_replies", s.late_replies},
      {"bad_replies", s.bad_replies},
      {"control_reconnects", s.control_reconnects},
      {"renewals", s.renewals},
      {"leases_expired", s.leases_expired},
      {"subscriptions_repaired", s.subscriptions_repaired},
      {"replays_requested", s.replays_requested},
      {"replays_retried", s.replays_retried},
      {"replays_refused", s.replays_refused},
      {"replays_late", s.replays_late},
      {"replayed", s.replayed},
      {"replayed_bad", s.replayed_bad},
      {"lost", s.lost},
      {"holes", s.holes},
      {"skips", s.skips},
      {"lag_us", s.lag_us ? Value(*s.lag_us) : Value()},
      {"queue_size", s.queue_size},
      {"queue_capacity", s.queue_capacity},
      {"requests_size", s.requests_size},
      {"requests_capacity", s.requests_capacity},
  };
}

namespace readings {

const Map& map_of(const Value& result) {
  const auto* const map = result.map();
  if (map == nullptr) throw DecodeError("result is not a map");
  return *map;
}

std::vector<Map> rows_of(const Value& result, std::initializer_list<std::string_view> names) {
  const Value* found = &result;
  if (const auto* const map = result.map()) {
    found = nullptr;
    for (const auto name : names) {
      found = map->find(name);
      if (found != nullptr) break;
    }
    if (found == nullptr) return {};
  }
  const auto* const array = found->array();
  if (array == nullptr) throw DecodeError("result is not a list");
  std::vector<Map> rows;
  for (const auto& item : *array) {
    if (const auto* const row = item.map()) rows.push_back(*row);
  }
  return rows;
}

std::pair<std::optional<std::string>, SymbolResults> subscribed(
    const Value& result, const std::vector<std::string>& symbols) {
  const auto& fields = map_of(result);
  std::map<std::string, std::vector<TopicState>> topics;
  for (const auto& row : rows_of(result, {"topics"})) {
    const auto topic = row.text("topic").value_or("");
    const auto symbol = topics::split_topic(topic).second;
    if (symbol.empty()) continue;
    topics[std::string(symbol)].push_back(
        {topic, row.text("state").value_or(std::string(symbol_state::pending)),
         row.integer("sequence")});
  }
  SymbolResults results;
  for (const auto& symbol : symbols) results[symbol] = {symbol, topics[symbol]};
  for (const auto& row : rows_of(result, {"rejected"})) {
    const auto found = results.find(row.text("symbol").value_or(""));
    if (found == results.end() || !found->second.topics.empty()) continue;
    found->second.code = row.text("code").value_or(std::string(error_code::internal));
    found->second.hint = row.text("hint").value_or("");
  }
  return {fields.text("lease_id"), std::move(results)};
}

HealthStatus health(const Value& result, bool is_silent) {
  const auto& fields = map_of(result);
  HealthStatus status{fields.text("level").value_or("critical")};
  status.error_message = fields.text("error_message");
  if (is_silent) {
    const std::string message = "no heartbeat on the data connection";
    status.health_level = "critical";
    status.error_message = message;
    status.issues.push_back(
        {{"code", "data_silent"},
         {"level", "critical"},
         {"message", message},
         {"since_us", Value()},
         {"hint", "The client reconnects by itself; check the gateway and the network between."}});
  }
  for (auto& row : rows_of(result, {"issues"})) status.issues.push_back(std::move(row));
  status.is_healthy = status.health_level == "healthy";
  status.live = fields.is_true("live");
  status.ready = fields.is_true("ready");
  if (const auto* const upstream = fields.map("upstream")) status.upstream = *upstream;
  return status;
}

HealthStatus health_without(const Failure& failure) {
  HealthStatus status{"critical"};
  status.issues.push_back({{"code", failure.code},
                           {"level", "critical"},
                           {"message", failure.text},
                           {"since_us", Value()},
                           {"hint", failure.hint}});
  status.error_message = failure.text;
  return status;
}

std::vector<Map> errors(const Value& result) {
  auto rows = rows_of(result, {"errors"});
  std::ranges::stable_sort(rows, {},
                           [](const Map& row) { return row.integer("at_us").value_or(0); });
  return rows;
}

SymbolLineage lineage(const Value& result) {
  const auto& fields = map_of(result);
  SymbolLineage found{fields.text("symbol").value_or(""),
                      fields.text("state").value_or(""),
                      fields.text("cause"),
                      {}};
  if (const auto* const lines = fields.array("lines")) {
    for (const auto& line : *lines) {
      if (line.text() != nullptr) found.lines.push_back(*line.text());
    }
  }
  return found;
}

std::vector<Message> snapshots(const Value& result) {
  std::vector<Message> found;
  for (const auto& row : rows_of(result, {"snapshots"})) {
    const auto* const body = row.find("body");
    found.push_back(
        codec::decode_value(row.text("topic").value_or(""), body == nullptr ? Value() : *body));
  }
  return found;
}

Replayed replayed(const std::string& topic, const Value& result) {
  const auto& fields = map_of(result);
  const auto* const bodies = fields.array("bodies");
  if (bodies == nullptr) throw DecodeError("replay without bodies: " + bounded(topic));
  Replayed found{{}, fields.is_true("complete")};
  for (const auto& body : *bodies) found.messages.push_back(codec::decode_value(topic, body));
  return found;
}

}  // namespace readings

}  // namespace iqfeed_gateway
