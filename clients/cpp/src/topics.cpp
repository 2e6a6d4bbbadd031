#include "iqfeed_gateway/topics.hpp"

#include <algorithm>
#include <array>
#include <random>

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway::topics {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

/// A number without leading zero, of at most so many digits.
bool is_number(std::string_view text, std::size_t digits_max) {
  return !text.empty() && text.size() <= digits_max && text[0] != '0' &&
         std::ranges::all_of(text, is_digit);
}

/// `250`, or `250x5`.
bool is_variant_text(std::string_view text, bool may_have_levels) {
  const auto x = text.find('x');
  if (x == std::string_view::npos) return is_number(text, 5);
  return may_have_levels && is_number(text.substr(0, x), 5) && is_number(text.substr(x + 1), 3);
}

bool is_vendor_symbol(std::string_view text) {
  static constexpr std::string_view others = "@+#$=./!&^_%- ";
  return !text.empty() && text.size() <= 48 && text.front() != ' ' && text.back() != ' ' &&
         std::ranges::all_of(text, [](char c) {
           return is_upper(c) || is_digit(c) || others.find(c) != std::string_view::npos;
         });
}

bool is_wire_character(char c) { return c >= ' ' && c <= '~' && c != ','; }

}  // namespace

std::optional<KindParts> parse_kind(std::string_view text) {
  KindParts parts;
  if (text.starts_with('~')) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    parts.nonce = text.substr(1, dot - 1);
    const bool is_sized = parts.nonce.size() >= limits::nonce_characters_min &&
                          parts.nonce.size() <= limits::nonce_characters_max;
    if (!is_sized || !std::ranges::all_of(parts.nonce, [](char c) {
          return is_digit(c) || is_lower(c) || is_upper(c);
        })) {
      return std::nullopt;
    }
    text.remove_prefix(dot + 1);
  }
  const auto at = text.find('@');
  parts.base = text.substr(0, at);
  if (at != std::string_view::npos) {
    parts.variant = text.substr(at + 1);
    if (!is_variant_text(parts.variant, true)) return std::nullopt;
  }
  if (parts.base.empty() || parts.base.size() > 16 || !is_lower(parts.base[0]) ||
      !std::ranges::all_of(parts.base,
                           [](char c) { return is_lower(c) || is_digit(c) || c == '_'; })) {
    return std::nullopt;
  }
  return parts;
}

bool is_wire_symbol(std::string_view text) {
  return !text.empty() && text.size() <= limits::symbol_bytes_max && text.front() != ' ' &&
         text.back() != ' ' && std::ranges::all_of(text, is_wire_character);
}

void check_symbol(std::string_view symbol) {
  if (is_vendor_symbol(symbol)) return;
  std::string upper(symbol.substr(0, fact_characters_max));
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return is_lower(c) ? static_cast<char>(c - 32) : c; });
  const auto first = upper.find_first_not_of(" \t\r\n");
  const auto last = upper.find_last_not_of(" \t\r\n");
  if (first != std::string::npos) upper = upper.substr(first, last - first + 1);
  if (is_vendor_symbol(upper)) {
    throw SecurityValidationError(
        "symbol is not spelled as IQFeed spells it: '" + bounded(symbol) + "'",
        "Try '" + upper + "'.");
  }
  throw SecurityValidationError("symbol refused: '" + bounded(symbol) + "'");
}

std::vector<std::string> expand_kinds(const std::vector<std::string>& kinds) {
  std::vector<std::string> expanded;
  const auto add = [&expanded](std::string_view name) {
    const auto at = name.find('@');
    const auto base = name.substr(0, at);
    const bool is_known = contains(state_kinds, base) || contains(event_kinds, base);
    if (!is_known || (at != std::string_view::npos && !is_variant(base, name.substr(at + 1)))) {
      throw InvalidArgument("unknown kind: '" + bounded(name) + "'",
                            "Use l1, l2 or one of bar, book, correction, depth, fundamental, news, "
                            "order, quote, regional, state, summary, trade.");
    }
    if (std::ranges::find(expanded, name) == expanded.end()) expanded.emplace_back(name);
  };
  for (const auto& kind : kinds) {
    if (kind == "l1") {
      std::ranges::for_each(l1_kinds, add);
    } else if (kind == "l2") {
      std::ranges::for_each(l2_kinds, add);
    } else {
      add(kind);
    }
  }
  if (expanded.empty()) throw InvalidArgument("no kinds", "Pass at least one, for example l1.");
  return expanded;
}

bool is_variant(std::string_view kind, std::string_view variant) {
  return contains(variant_kinds, kind) && is_variant_text(variant, kind == kind::book);
}

void check_topic(std::string_view topic) {
  const auto refuse = [topic] {
    throw InvalidArgument("not a topic: '" + bounded(topic) + "'",
                          "Write `kind,symbol,` or the prefix `kind,`.");
  };
  const auto comma = topic.find(',');
  if (comma == std::string_view::npos) refuse();
  const auto kind = topic.substr(0, comma);
  const auto rest = topic.substr(comma + 1);
  const auto at = kind.find('@');
  const auto base = kind.substr(0, at);
  if (base.empty() || !std::ranges::all_of(base, is_lower)) refuse();
  if (at != std::string_view::npos && !is_variant(base, kind.substr(at + 1))) refuse();
  if (rest.empty()) return;
  const auto symbol = rest.substr(0, rest.size() - 1);
  if (rest.back() != ',' || symbol.empty() || symbol.size() > limits::symbol_bytes_max ||
      !std::ranges::all_of(symbol, is_wire_character)) {
    refuse();
  }
}

bool is_client_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return is_digit(c) || is_lower(c) || is_upper(c) ||
           std::string_view("._:@-").find(c) != std::string_view::npos;
  });
}

std::string topic_of(std::string_view kind, std::string_view symbol) {
  std::string topic(kind);
  topic += ',';
  topic += symbol;
  topic += ',';
  return topic;
}

std::pair<std::string_view, std::string_view> split_topic(std::string_view topic) {
  const auto first = topic.find(',');
  if (first == std::string_view::npos) return {};
  const auto second = topic.find(',', first + 1);
  if (second == std::string_view::npos || second + 1 != topic.size()) return {};
  return {topic.substr(0, first), topic.substr(first + 1, second - first - 1)};
}

std::string_view base_kind(std::string_view kind) { return kind.substr(0, kind.find('@')); }

std::string_view split_private(std::string_view kind) {
  if (!kind.starts_with('~')) return kind;
  const auto dot = kind.find('.');
  return dot == std::string_view::npos ? std::string_view() : kind.substr(dot + 1);
}

std::string new_nonce() {
  static constexpr std::string_view alphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  // The system's own source of randomness: nonces also keep other clients' topics apart from ours.
  std::random_device device;
  std::uniform_int_distribution<std::size_t> index(0, alphabet.size() - 1);
  std::string nonce(20, '0');
  for (auto& c : nonce) c = alphabet[index(device)];
  return nonce;
}

bool is_state_kind(std::string_view base) { return contains(state_kinds, base); }
bool is_book_event_kind(std::string_view base) {
  return base == kind::depth || base == kind::order;
}
bool is_baseline_kind(std::string_view base) {
  return base == kind::trade || base == kind::correction || base == kind::news;
}

std::vector<std::vector<std::string>> chunks(const std::vector<std::string>& items) {
  constexpr auto size = static_cast<std::ptrdiff_t>(limits::symbols_max);
  std::vector<std::vector<std::string>> pieces;
  for (auto first = items.begin(); first != items.end();) {
    const auto last = first + std::min(size, items.end() - first);
    pieces.emplace_back(first, last);
    first = last;
  }
  return pieces;
}

}  // namespace iqfeed_gateway::topics
