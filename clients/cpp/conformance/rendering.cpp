#include "rendering.hpp"

#include <cctype>
#include <optional>
#include <type_traits>
#include <utility>

namespace conformance {
namespace gw = iqfeed_gateway;
namespace {

Json render(std::int64_t value) { return std::to_string(value); }
Json render(std::uint64_t value) { return std::to_string(value); }
Json render(double value) { return value; }
Json render(bool value) { return value; }
Json render(const std::string& value) { return value; }
Json render(const gw::Map& value) { return json_of(gw::Value(value)); }

template <class Record>
Json render_row(const Record& row);
Json render(const gw::PriceLevel& level) { return render_row(level); }
Json render(const gw::DepthRow& row) { return render_row(row); }
Json render(const gw::OrderRow& row) { return render_row(row); }
template <class T>
Json render(const std::vector<T>& values) {
  auto out = Json::array();
  for (const auto& value : values) out.push_back(render(value));
  return out;
}
Json render(const gw::Rows& rows) {
  return std::visit([](const auto& typed) { return render(typed); }, rows);
}
template <class T>
Json render(const std::optional<T>& value) {
  return value ? render(*value) : Json(nullptr);
}

template <class Record>
Json render_row(const Record& row) {
  auto out = Json::array();
  const auto add = [&]<gw::ItemType Type, auto Member>(const gw::Item<Type, Member>&) {
    out.push_back(render(row.*Member));
  };
  std::apply([&add](const auto&... item) { (add(item), ...); }, gw::Layout<Record>::items);
  return out;
}

template <class Record>
requires std::is_base_of_v<gw::Header, Record>
void add_items(Json& out, const Record& message) {
  out["kind"] = message.kind;
  out["symbol"] = message.symbol;
  const auto add = [&]<gw::ItemType Type, auto Member>(const gw::Item<Type, Member>& item) {
    out[std::string(item.name)] = render(message.*Member);
  };
  std::apply([&add](const auto&... item) { (add(item), ...); }, gw::Layout<Record>::items);
}

template <class Record>
requires std::is_base_of_v<gw::Header, Record> Json item_of(const Record& message) {
  Json out{{"item", std::string(gw::Layout<Record>::name)}};
  add_items(out, message);
  out["topic"] = message.kind + "," + message.symbol + ",";
  return out;
}
Json item_of(const gw::Gap& gap) {
  return {{"item", "gap"},
          {"topic", gap.topic},
          {"first_missing", render(gap.first_missing)},
          {"last_missing", render(gap.last_missing)},
          {"healed", gap.healed},
          {"epoch", render(gap.epoch)},
          {"is_final", gap.is_final}};
}
Json item_of(const gw::GatewayRestarted& event) {
  return {{"item", "gateway_restarted"},
          {"old_epoch", render(event.old_epoch)},
          {"new_epoch", render(event.new_epoch)}};
}
Json item_of(const gw::Disconnected& event) {
  return {{"item", "disconnected"}, {"cause", event.cause}, {"silent_s", event.silent_s}};
}
Json item_of(const gw::Reconnected& event) {
  return {{"item", "reconnected"}, {"silent_s", event.silent_s}};
}
Json item_of(const gw::Overrun& event) {
  return {{"item", "overrun"},
          {"topic", render(event.topic)},
          {"dropped", render(event.dropped)},
          {"unnamed", render(event.unnamed)}};
}
Json item_of(const gw::SubscriptionRefused& event) {
  return {{"item", "subscription_refused"},
          {"symbol", event.symbol},
          {"code", event.code},
          {"hint", event.hint}};
}

}  // namespace

Json json_of(const gw::Value& value) {
  return std::visit(gw::overloaded{
                        [](std::monostate) { return Json(nullptr); },
                        [](const gw::Array& items) {
                          auto out = Json::array();
                          for (const auto& item : items) out.push_back(json_of(item));
                          return out;
                        },
                        [](const gw::Map& map) {
                          auto out = Json::object();
                          for (const auto& [key, item] : map) out[key] = json_of(item);
                          return out;
                        },
                        [](const auto& plain) { return render(plain); },
                    },
                    value.data());
}

Json json_of(const gw::Message& message) {
  auto out = Json::object();
  std::visit([&out](const auto& record) { add_items(out, record); }, message);
  return out;
}

Json json_of(const gw::StreamItem& item) {
  return std::visit([](const auto& record) { return item_of(record); }, item);
}

gw::Value value_of(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    gw::Array items;
    for (const auto& item : json) items.push_back(value_of(item));
    return items;
  }
  gw::Map map;
  for (const auto& [key, item] : json.items()) map.set(key, value_of(item));
  return map;
}

}  // namespace conformance
