// Results of methods, read into what the client answers. Each throws DecodeError at another form.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/results.hpp"

namespace iqfeed_gateway::readings {

/// A result that must be a map.
[[nodiscard]] const Map& map_of(const Value& result);
/// The maps in a list: the result itself, or of the first name it has.
[[nodiscard]] std::vector<Map> rows_of(const Value& result,
                                       std::initializer_list<std::string_view> names);
/// The lease, if one was granted, and what became of each symbol.
[[nodiscard]] std::pair<std::optional<std::string>, SymbolResults> subscribed(
    const Value& result, const std::vector<std::string>& symbols);
/// The gateway's verdict, and what this client sees for itself.
[[nodiscard]] HealthStatus health(const Value& result, bool is_silent);
/// That the gateway could not be asked is an answer too.
[[nodiscard]] HealthStatus health_without(const Failure& failure);
/// Errors, oldest first.
[[nodiscard]] std::vector<Map> errors(const Value& result);
[[nodiscard]] SymbolLineage lineage(const Value& result);
[[nodiscard]] std::vector<Message> snapshots(const Value& result);
[[nodiscard]] Replayed replayed(const std::string& topic, const Value& result);

}  // namespace iqfeed_gateway::readings
