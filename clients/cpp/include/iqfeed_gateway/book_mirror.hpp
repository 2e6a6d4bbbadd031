// A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
//
// Subscribe to the topic, ask for an image, hand everything that comes to `apply`. The image
// carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and so on
// are applied, and a hole makes the copy not current until another image comes. Updates that arrive
// while it is not current are kept: an image that was published before them, but is handed over
// after them, is brought up to date with them. So neither the order in which image and updates
// arrive nor a late image matters; what is current is equal to the gateway's own book at
// `sequence`.
//
// `GatewayClient` asks for images by itself, when it joins and after every kind of loss. With
// another source, ask for one whenever `is_current` is false.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "iqfeed_gateway/book_rows.hpp"
#include "iqfeed_gateway/events.hpp"
#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {

/// One symbol's `order` or `depth` topic, followed. Not for several threads at a time.
class BookMirror {
 public:
  /// Rows a mirror keeps unless told otherwise.
  static constexpr std::size_t rows_max_default = 1'000'000;
  /// Updates kept while an image is awaited; beyond that the oldest are dropped.
  static constexpr std::size_t waiting_max = 100'000;

  /// Follow `order` (orders, or market makers' best rows) or `depth` (price levels) of a symbol. A
  /// book of more than `rows_max` rows makes the mirror not current. Throws InvalidArgument at
  /// another kind, or no room for rows.
  BookMirror(std::string kind, std::string symbol, std::size_t rows_max = rows_max_default);

  // What the book holds.

  /// Whether the rows are the gateway's own at `sequence`, and nothing is known to be lost.
  [[nodiscard]] bool is_current() const { return !reason_; }
  /// Why it is not current; empty while it is.
  [[nodiscard]] const std::optional<std::string>& reason() const { return reason_; }
  /// Whether anything was heard of the book: if not, that it is empty means nothing.
  [[nodiscard]] bool is_known() const { return is_known_; }
  /// Whether the upstream is not live, so that the book may be old although it is current. The
  /// symbol's `state` says so, and so does the flag STALE of the last message.
  [[nodiscard]] bool is_stale() const { return is_told_stale_ || is_flagged_stale_; }
  /// Bid levels, best first; of orders, `order_count` is the number of rows at the price.
  [[nodiscard]] std::vector<PriceLevel> bids(std::size_t levels_max = rows_max_default) const;
  /// Ask levels, best first.
  [[nodiscard]] std::vector<PriceLevel> asks(std::size_t levels_max = rows_max_default) const;
  /// Highest bid level; empty when nobody buys.
  [[nodiscard]] std::optional<PriceLevel> best_bid() const { return rows_.best(side::bid); }
  /// Lowest ask level; empty when nobody sells.
  [[nodiscard]] std::optional<PriceLevel> best_ask() const { return rows_.best(side::ask); }
  /// Whether the best bid is above the best ask.
  [[nodiscard]] bool is_crossed() const;
  /// The orders of a side (`side::bid`, `side::ask`), best price first, then by their place in the
  /// queue. Throws InvalidArgument at no side, or a mirror of `depth`, which has no orders.
  [[nodiscard]] std::vector<OrderRow> orders(std::string_view side) const;
  /// All rows as an Image lists them: bids best first, then asks best first.
  [[nodiscard]] Rows rows() const;

  [[nodiscard]] const std::string& kind() const { return kind_; }
  [[nodiscard]] const std::string& symbol() const { return symbol_; }
  /// What is followed.
  [[nodiscard]] const std::string& topic() const { return topic_; }
  /// The gateway run the rows belong to, Unix milliseconds; empty before anything was heard.
  [[nodiscard]] std::optional<std::int64_t> epoch() const { return epoch_; }
  /// The last update the rows contain.
  [[nodiscard]] std::int64_t sequence() const { return sequence_; }
  /// State of the symbol's Level 2 data as last told by a `state`; empty before.
  [[nodiscard]] const std::optional<std::string>& state() const { return state_; }
  /// Flags of the last message that was applied; LAST marks the end of an atomic group.
  [[nodiscard]] std::int64_t last_flags() const { return last_flags_; }

  // Following.

  /// Take whatever the stream brings; what is not about this book is ignored. Whether the rows may
  /// have changed.
  ///
  /// Throws SequenceGap when updates are missing. The mirror is not current any more: ask for an
  /// image and hand it over. A client's own stream tells of a loss before, by a Gap, so this is not
  /// thrown there, and the image is on its way.
  template <class... Items>
  bool apply(const std::variant<Items...>& item) {
    return std::visit([this](const auto& typed) { return take(typed); }, item);
  }
  /// The same for one message or event.
  template <class Item>
  bool apply(const Item& item) {
    return take(item);
  }

 private:
  using Update = std::variant<Depth, Order>;

  bool take(const Depth& update);
  bool take(const Order& update);
  bool take(const Image& image);
  bool take(const State& state);
  bool take(const GatewayRestarted& event);
  bool take(const Gap& gap);
  bool take(const Overrun& overrun);
  bool take(const Disconnected& event);
  template <class Other>
  bool take(const Other&) {
    return false;
  }

  template <class Sent>
  bool take_update(const Sent& update);
  [[nodiscard]] bool is_ours(const Header& message) const;
  void lose(std::string reason);
  void restart(std::int64_t epoch);
  bool is_of_this_run(std::int64_t epoch, std::int64_t flags);
  [[noreturn]] void raise_gap(std::int64_t sequence);
  bool catch_up();
  void note(std::int64_t flags);
  bool change(const Update& update);
  bool put(BookRow row);
  bool spoil(std::string reason);

  const std::string kind_;
  const std::string symbol_;
  const std::string topic_;
  const std::size_t rows_max_;
  BookRows rows_;
  std::optional<std::int64_t> epoch_;
  std::int64_t sequence_ = 0;
  std::optional<std::string> reason_;
  bool is_known_ = false;
  std::optional<std::string> state_;
  std::int64_t last_flags_ = 0;
  bool is_told_stale_ = false;     // By the symbol's `state`.
  bool is_flagged_stale_ = false;  // By the last message since then.
  bool is_based_ = false;          // Whether the rows are those of `sequence` in `epoch`.
  std::map<std::int64_t, Update> waiting_;
};

}  // namespace iqfeed_gateway
