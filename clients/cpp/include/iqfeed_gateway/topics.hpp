// Symbols, kinds and topics: their grammar, in one place.
//
// A topic is `kind,symbol,`. A kind may carry a variant (`quote@250`), and a private snapshot topic
// is `~<nonce>.kind,symbol,`: subscribing to it is the request for a snapshot.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iqfeed_gateway::topics {

/// A kind taken apart; `nonce` and `variant` are empty when there are none.
struct KindParts {
  std::string_view nonce;
  std::string_view base;
  std::string_view variant;
};

/// Take the text of a kind apart; empty when it is malformed.
[[nodiscard]] std::optional<KindParts> parse_kind(std::string_view text);

/// Whether a text may be the symbol part of a frame.
[[nodiscard]] bool is_wire_symbol(std::string_view text);

/// Refuse a symbol that must not reach the gateway.
///
/// Throws SecurityValidationError unless it is 1 to 48 characters of the vendor's alphabet. For a
/// lower-case spelling the hint offers the upper-case one; IQFeed's symbols are case-sensitive, so
/// it is for the caller to decide.
void check_symbol(std::string_view symbol);

/// Spell out `l1` and `l2`, and check every kind; each once, in the order asked.
///
/// Throws InvalidArgument when there is none, or one that cannot be subscribed to.
[[nodiscard]] std::vector<std::string> expand_kinds(const std::vector<std::string>& kinds);

/// Whether a kind may carry a variant: `250`, and for books `250x5` too.
[[nodiscard]] bool is_variant(std::string_view kind, std::string_view variant);

/// Refuse what is neither a complete topic (`bar,AAPL,`) nor a kind prefix (`news,`).
///
/// Throws InvalidArgument at anything else, private topics and the empty prefix included.
void check_topic(std::string_view topic);

/// Whether a text may be a client's name: 1 to 64 letters, digits and ._:@- only.
[[nodiscard]] bool is_client_name(std::string_view name);

/// Spell the topic of a kind and a symbol.
[[nodiscard]] std::string topic_of(std::string_view kind, std::string_view symbol);

/// Kind and symbol of a topic; both empty when it has not exactly two commas, one at its end.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_topic(std::string_view topic);

/// Strip the variant: `quote@250` becomes `quote`.
[[nodiscard]] std::string_view base_kind(std::string_view kind);

/// Strip the nonce of a private kind; others stay as they are.
[[nodiscard]] std::string_view split_private(std::string_view kind);

/// Draw a fresh nonce of 20 characters; two snapshot requests must never share one.
[[nodiscard]] std::string new_nonce();

/// Whether the newest value of a kind replaces the older ones.
[[nodiscard]] bool is_state_kind(std::string_view base);
/// Whether a kind's snapshot is an image of the whole book.
[[nodiscard]] bool is_book_event_kind(std::string_view base);
/// Whether a kind's snapshot only tells where the sequence stands.
[[nodiscard]] bool is_baseline_kind(std::string_view base);

/// Cut a list into pieces that one request may carry.
[[nodiscard]] std::vector<std::vector<std::string>> chunks(const std::vector<std::string>& items);

}  // namespace iqfeed_gateway::topics
