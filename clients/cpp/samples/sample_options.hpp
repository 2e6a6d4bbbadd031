// Where the samples find the gateway: the default endpoints, or what the environment names.
#pragma once

#include <cstdlib>
#include <iqfeed_gateway/gateway_client.hpp>

/// IQFEED_GATEWAY_DATA, IQFEED_GATEWAY_CONTROL and IQFEED_GATEWAY_KEYS, where they are set.
inline iqfeed_gateway::Options sample_options() {
  iqfeed_gateway::Options options;
  if (const char* data = std::getenv("IQFEED_GATEWAY_DATA")) options.data_endpoint = data;
  if (const char* control = std::getenv("IQFEED_GATEWAY_CONTROL")) options.control_endpoint = control;
  if (const char* keys = std::getenv("IQFEED_GATEWAY_KEYS")) options.curve = iqfeed_gateway::load_keys(keys);
  return options;
}
