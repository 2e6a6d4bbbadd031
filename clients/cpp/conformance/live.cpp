// Commands from standard input, one after another, carried out by one client.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "iqfeed_gateway/gateway_client.hpp"
#include "items.hpp"
#include "ledger.hpp"
#include "rendering.hpp"

namespace conformance {
namespace gw = iqfeed_gateway;
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> texts_of(const Json& command, const char* name) {
  return command.value(name, std::vector<std::string>());
}

class Live {
 public:
  /// Carry a command out.
  Json answer(const Json& command) {
    const auto name = command.at("do").get<std::string>();
    const auto found = commands_.find(name);
    if (found == commands_.end())
      throw gw::InvalidArgument("no such command: " + gw::bounded(name));
    return found->second(command);
  }

 private:
  Json connect(const Json& command) {
    gw::Options options;
    options.data_endpoint = command.at("data").get<std::string>();
    options.control_endpoint = command.at("control").get<std::string>();
    options.client_name = command.value("client_name", "");
    if (const auto keys = command.find("keys"); keys != command.end() && keys->is_string()) {
      options.curve = gw::load_keys(keys->get<std::string>());
    }
    const auto told = command.value("options", Json::object());
    options.queue_capacity = told.value("queue_capacity", options.queue_capacity);
    options.conflate_above =
        std::min(told.value("conflate_above", options.conflate_above), options.queue_capacity);
    options.receive_messages_max = told.value("rcvhwm", options.receive_messages_max);
    options.lease = std::chrono::seconds(told.value("lease_s", options.lease.count()));
    options.heartbeat_silence =
        gw::Seconds(told.value("heartbeat_silence_s", options.heartbeat_silence.count()));
    options.request_timeout =
        gw::Seconds(told.value("request_timeout_s", options.request_timeout.count()));
    client_ = std::make_unique<gw::GatewayClient>(options);
    const bool is_connected = client_->connect();
    if (!is_connected) std::cerr << client_->last_error()->text << "\n";
    return {{"connected", is_connected}};
  }

  gw::GatewayClient& client() {
    if (client_ == nullptr) gw::raise({gw::FailureKind::not_connected, "not connected"});
    return *client_;
  }

  Json subscribe(const Json& command) {
    std::vector<std::string> accepted;
    auto rejected = Json::array();
    for (const auto& [symbol, result] :
         client().subscribe_symbols(texts_of(command, "symbols"), texts_of(command, "kinds"))) {
      for (const auto& topic : result.topics) accepted.push_back(topic.topic);
      if (!result.is_accepted()) rejected.push_back({{"symbol", symbol}, {"code", *result.code}});
    }
    std::ranges::sort(accepted);
    return {{"accepted", accepted}, {"rejected", rejected}};
  }

  Json unsubscribe(const Json& command) {
    std::optional<std::vector<std::string>> kinds;
    if (command.contains("kinds") && !command.at("kinds").is_null()) {
      kinds = texts_of(command, "kinds");
    }
    client().unsubscribe_symbols(texts_of(command, "symbols"), kinds);
    return Json::object();
  }

  /// Read one item and note it everywhere.
  std::optional<gw::StreamItem> read(gw::Seconds timeout) {
    auto item = client().next_message(timeout);
    if (!item) return item;
    ledger_.note(*item);
    for (auto& [topic, mirror] : mirrors_) {
      try {
        mirror.apply(*item);
      } catch (const gw::SequenceGap& gap) {
        std::cerr << gap.what() << "\n";
      }
    }
    return item;
  }

  Json next(const Json& command) {
    const auto where = command.value("where", Json::object());
    const auto end = Clock::now() + gw::Seconds(command.value("timeout_s", 5.0));
    while (true) {
      const gw::Seconds left = end - Clock::now();
      const auto item = read(std::max(left, gw::Seconds(0)));
      if (!item) return {{"item", nullptr}};
      const auto json = json_of(*item);
      if (is_match(json, where)) {
        return {{"item", fields_of(json, command.value("fields", Json::array()))}};
      }
      if (left.count() <= 0) return {{"item", nullptr}};
    }
  }

  Json drain(const Json& command) {
    const auto end = Clock::now() + gw::Seconds(command.value("timeout_s", 5.0));
    while (Clock::now() < end && read(gw::Seconds(0.3))) {
    }
    return Json::object();
  }

  Json snapshot(const Json& command) {
    const auto topics = texts_of(command, "topics");
    std::map<std::string, Json> by_topic;
    for (const auto& message : client().snapshot(topics)) {
      const auto item =
          std::visit([](const auto& m) { return json_of(gw::StreamItem(m)); }, message);
      by_topic[item.at("topic").get<std::string>()] = item;
    }
    auto items = Json::array();
    for (const auto& topic : topics) {
      items.push_back(fields_of(by_topic[topic], command.value("fields", Json::array())));
    }
    return {{"items", items}};
  }

  Json request(const Json& command) {
    const auto params = value_of(command.value("params", Json::object()));
    const auto result = client().call(command.at("method").get<std::string>(), *params.map());
    return {{"result", fields_of(json_of(result), command.value("fields", Json::array()))}};
  }

  Json book(const Json& command) {
    gw::BookMirror mirror(command.at("kind").get<std::string>(),
                          command.at("symbol").get<std::string>());
    const auto topic = mirror.topic();
    mirrors_.erase(topic);
    mirrors_.emplace(topic, std::move(mirror));
    return Json::object();
  }

  Json mirror(const Json& command) {
    const auto topic =
        command.at("kind").get<std::string>() + "," + command.at("symbol").get<std::string>() + ",";
    const auto found = mirrors_.find(topic);
    if (found == mirrors_.end()) throw gw::InvalidArgument("no such book: " + gw::bounded(topic));
    const auto& mirror = found->second;
    const auto side = [&command](const std::vector<gw::PriceLevel>& levels) {
      auto out = Json::array();
      for (const auto& level : levels) {
        if (out.size() >= command.value("levels", std::size_t{10})) break;
        out.push_back({level.price, std::to_string(level.size),
                       level.order_count ? Json(std::to_string(*level.order_count)) : Json()});
      }
      return out;
    };
    return {{"is_current", mirror.is_current()},
            {"is_known", mirror.is_known()},
            {"is_stale", mirror.is_stale()},
            {"bids", side(mirror.bids())},
            {"asks", side(mirror.asks())}};
  }

  Json statistics(const Json& command) {
    return fields_of(json_of(gw::Value(gw::as_map(client().statistics()))),
                     command.value("fields", Json::array()));
  }

  std::unique_ptr<gw::GatewayClient> client_;
  Ledger ledger_;
  std::map<std::string, gw::BookMirror> mirrors_;
  const std::map<std::string, std::function<Json(const Json&)>> commands_{
      {"connect", [this](const Json& command) { return connect(command); }},
      {"subscribe", [this](const Json& command) { return subscribe(command); }},
      {"unsubscribe", [this](const Json& command) { return unsubscribe(command); }},
      {"topics",
       [this](const Json& command) {
         client().subscribe_topics(texts_of(command, "topics"));
         return Json::object();
       }},
      {"next", [this](const Json& command) { return next(command); }},
      {"ledger",
       [this](const Json& command) {
         return ledger_.told(command.at("topic").get<std::string>());
       }},
      {"snapshot", [this](const Json& command) { return snapshot(command); }},
      {"request", [this](const Json& command) { return request(command); }},
      {"health",
       [this](const Json&) {
         return Json{{"level", client().get_health_status().health_level}};
       }},
      {"book", [this](const Json& command) { return book(command); }},
      {"mirror", [this](const Json& command) { return mirror(command); }},
      {"pause",
       [](const Json& command) {
         std::this_thread::sleep_for(gw::Seconds(command.at("seconds").get<double>()));
         return Json::object();
       }},
      {"drain", [this](const Json& command) { return drain(command); }},
      {"statistics", [this](const Json& command) { return statistics(command); }},
      {"close",
       [this](const Json&) {
         if (client_ != nullptr) client_->disconnect();
         return Json::object();
       }},
  };
};

}  // namespace

int run_live() {
  Live live;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    Json out = Json::object();
    bool is_last = false;
    try {
      const auto command = Json::parse(line);
      out["id"] = command.value("id", Json());
      is_last = command.value("do", "") == "close";
      out.update(live.answer(command));
    } catch (const gw::GatewayClientError& error) {
      std::cerr << error.code() << ": " << error.what() << " (" << error.hint() << ")\n";
      out["error"] = error.code();
    } catch (const Json::exception& error) {
      std::cerr << error.what() << "\n";
      out["error"] = "invalid_argument";
    }
    std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    if (is_last) break;
  }
  return 0;
}

}  // namespace conformance
