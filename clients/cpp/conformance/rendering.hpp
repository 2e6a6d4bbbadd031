// Messages, events and values as the JSON that test vectors are written in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "iqfeed_gateway/codec.hpp"
#include "iqfeed_gateway/events.hpp"

namespace conformance {

using Json = nlohmann::ordered_json;

/// Integers as decimal text, nil as null, everything else alike.
Json json_of(const iqfeed_gateway::Value& value);
/// Every item under its contract name.
Json json_of(const iqfeed_gateway::Message& message);
/// A message or an event with `item`, its name, and `topic`.
Json json_of(const iqfeed_gateway::StreamItem& item);
/// Numbers of JSON and decimal texts alike as what requests are made of.
iqfeed_gateway::Value value_of(const Json& json);

/// `conformance vectors`: frames from standard input, messages to standard output.
int run_vectors();
/// `conformance live`: commands from standard input, answers to standard output.
int run_live();
/// `conformance bench MODE ENDPOINT COUNT`.
int run_bench(const std::string& mode, const std::string& endpoint, long long count);

}  // namespace conformance
