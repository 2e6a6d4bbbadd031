// Where the samples find the gateway, and how they print what may be absent.
#pragma once

#include <cstdlib>
#include <iqfeed_gateway/gateway_client.hpp>
#include <optional>
#include <string>

/// The default endpoints, or IQFEED_GATEWAY_DATA, IQFEED_GATEWAY_CONTROL and IQFEED_GATEWAY_KEYS.
inline iqfeed_gateway::Options sample_options() {
  iqfeed_gateway::Options options;
  if (const char* data = std::getenv("IQFEED_GATEWAY_DATA")) options.data_endpoint = data;
  if (const char* control = std::getenv("IQFEED_GATEWAY_CONTROL")) {
    options.control_endpoint = control;
  }
  if (const char* keys = std::getenv("IQFEED_GATEWAY_KEYS")) {
    options.curve = iqfeed_gateway::load_keys(keys);
  }
  return options;
}

/// The exact decimal text of a price, or a dash: what is absent is not 0.
inline std::string shown(const std::optional<double>& price) {
  return price ? iqfeed_gateway::to_decimal(*price) : "-";
}
