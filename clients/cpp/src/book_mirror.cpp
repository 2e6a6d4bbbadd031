#include "iqfeed_gateway/book_mirror.hpp"

#include <algorithm>
#include <utility>

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/topics.hpp"
#include "iqfeed_gateway/tracker.hpp"

namespace iqfeed_gateway {

BookMirror::BookMirror(std::string kind, std::string symbol, std::size_t rows_max)
    : kind_(std::move(kind)),
      symbol_(std::move(symbol)),
      topic_(topics::topic_of(kind_, symbol_)),
      rows_max_(rows_max),
      rows_(rows_max),
      reason_("no image has come yet") {
  if (!topics::is_book_event_kind(kind_)) {
    throw InvalidArgument("no kind of rows: '" + bounded(kind_) + "'", "Use order or depth.");
  }
  if (rows_max < 1) throw InvalidArgument("a mirror needs room for rows");
}

std::vector<PriceLevel> BookMirror::bids(std::size_t levels_max) const {
  return rows_.levels(side::bid, levels_max);
}

std::vector<PriceLevel> BookMirror::asks(std::size_t levels_max) const {
  return rows_.levels(side::ask, levels_max);
}

bool BookMirror::is_crossed() const {
  const auto bid = best_bid();
  const auto ask = best_ask();
  return bid && ask && bid->price > ask->price;
}

std::vector<OrderRow> BookMirror::orders(std::string_view side) const {
  if (side != side::bid && side != side::ask) {
    throw InvalidArgument("not a side: '" + bounded(side) + "'", "Use B or A.");
  }
  if (kind_ != kind::order) {
    throw InvalidArgument("a mirror of depth has no orders", "Follow kind order.");
  }
  std::vector<OrderRow> found;
  for (auto& row : rows_.in_order(side)) found.push_back(std::get<OrderRow>(std::move(row)));
  return found;
}

Rows BookMirror::rows() const {
  std::vector<DepthRow> levels;
  std::vector<OrderRow> orders;
  for (const auto side : {side::bid, side::ask}) {
    for (auto& row : rows_.in_order(side)) {
      if (auto* const order = std::get_if<OrderRow>(&row)) {
        orders.push_back(std::move(*order));
      } else {
        levels.push_back(std::get<DepthRow>(std::move(row)));
      }
    }
  }
  if (kind_ == kind::order) return orders;
  return levels;
}

// Following.

bool BookMirror::is_ours(const Header& message) const {
  return message.symbol == symbol_ && topics::split_private(message.kind) == kind_;
}

/// Stop being current until an image comes.
void BookMirror::lose(std::string reason) {
  if (is_based_) reason_ = std::move(reason);
}

/// Begin anew with another run of the gateway: what was known is of no use there.
void BookMirror::restart(std::int64_t epoch) {
  if (epoch_) reason_ = "the gateway was restarted";
  epoch_ = epoch;
  sequence_ = 0;
  is_known_ = is_based_ = false;
  state_.reset();
  is_told_stale_ = is_flagged_stale_ = false;
  rows_.clear();
  waiting_.clear();
}

/// Follow the newest run; what comes from an earlier one, or is sent again, changes none.
bool BookMirror::is_of_this_run(std::int64_t epoch, std::int64_t flags) {
  if (epoch_ == epoch) return true;
  if ((flags & resent_flags) != 0 || (epoch_ && epoch < *epoch_)) return false;
  restart(epoch);
  return true;
}

bool BookMirror::take(const Depth& update) { return is_ours(update) && take_update(update); }
bool BookMirror::take(const Order& update) { return is_ours(update) && take_update(update); }

template <class Sent>
bool BookMirror::take_update(const Sent& update) {
  const auto sequence = update.sequence;
  if (!is_of_this_run(update.epoch, update.flags)) return false;
  if (!reason_ && sequence == sequence_ + 1) return change(update);
  if (sequence <= sequence_) return false;
  if (!is_based_ && sequence == 1) {
    // The first message of a run finds the book empty.
    rows_.clear();
    is_based_ = true;
    reason_.reset();
    const bool is_changed = change(update);
    return catch_up() || is_changed;
  }
  if (!reason_ && (update.flags & resent_flags) != 0) return false;
  if (waiting_.size() >= waiting_max && !waiting_.contains(sequence)) {
    waiting_.erase(waiting_.begin());
  }
  waiting_.insert_or_assign(sequence, update);
  if (!reason_) raise_gap(sequence);
  return false;
}

/// Refuse to skip what is missing before a sequence.
void BookMirror::raise_gap(std::int64_t sequence) {
  reason_ = missing_reason(sequence_ + 1, sequence - 1);
  throw SequenceGap(topic_, sequence_ + 1, sequence - 1);
}

bool BookMirror::take(const Image& image) {
  if (!is_ours(image) || !is_of_this_run(image.epoch, image.flags)) return false;
  if (is_based_ && image.sequence < sequence_) {
    return false;  // The rows are newer already, and never go back.
  }
  rows_.clear();
  sequence_ = image.sequence;
  is_known_ = image.rows.has_value();
  is_based_ = true;
  reason_.reset();
  note(image.flags & ~flag::snapshot);
  if (image.rows) {
    std::visit(
        [this](const auto& rows) {
          for (const auto& row : rows) {
            if (!put(row)) break;
          }
        },
        *image.rows);
  }
  if (!reason_) catch_up();
  return true;
}

/// Apply the updates that were kept, as far as they follow the rows without a hole.
bool BookMirror::catch_up() {
  bool is_changed = false;
  while (!waiting_.empty() && !reason_) {
    const auto sequence = waiting_.begin()->first;
    if (sequence > sequence_ + 1) raise_gap(sequence);
    const auto update = waiting_.extract(waiting_.begin());
    if (sequence > sequence_) is_changed = change(update.mapped()) || is_changed;
  }
  return is_changed;
}

bool BookMirror::take(const Gap& gap) {
  const bool is_of_run = gap.epoch == 0 || epoch_ == gap.epoch;
  if (gap.topic == topic_ && !gap.healed && is_of_run && gap.last_missing > sequence_) {
    lose(missing_reason(gap.first_missing, gap.last_missing));
  }
  return false;
}

bool BookMirror::take(const GatewayRestarted& event) {
  // One that comes late, after messages of a newer run, tells nothing new.
  if (epoch_ && event.new_epoch <= *epoch_ && event.old_epoch != *epoch_) return false;
  restart(event.new_epoch);
  return true;
}

bool BookMirror::take(const Overrun& overrun) {
  // When several topics lost messages, the Gaps that follow say which, as far as they go.
  if (overrun.topic == topic_ || (!overrun.topic && overrun.unnamed > 0)) {
    lose(std::to_string(overrun.dropped) + " messages were dropped unread");
  }
  return false;
}

bool BookMirror::take(const Disconnected&) {
  is_flagged_stale_ = true;
  lose("the gateway is not heard");
  return false;
}

bool BookMirror::take(const State& state) {
  if (state.symbol != symbol_ || !is_of_this_run(state.epoch, state.flags)) return false;
  const bool is_public = topics::split_private(state.kind) == kind::state;
  // A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
  state_ = state.details ? state.details->text("level2") : std::nullopt;
  if (!state_) state_ = is_public ? std::optional<std::string>(symbol_state::closed) : state.state;
  const bool is_stale = state_ != symbol_state::live && state_ != symbol_state::pending;
  if (is_public) {
    is_told_stale_ = is_stale;
    is_flagged_stale_ = is_flagged_stale_ && is_stale;
  } else {
    // The answer on a private topic of the book: nothing will take it back but a message.
    is_flagged_stale_ = is_stale;
  }
  return false;
}

// The rows.

void BookMirror::note(std::int64_t flags) {
  last_flags_ = flags;
  is_flagged_stale_ = (flags & flag::stale) != 0;
}

/// Apply the update that is next.
bool BookMirror::change(const Update& update) {
  return std::visit(
      [this](const auto& typed) {
        sequence_ = typed.sequence;
        is_known_ = true;
        note(typed.flags);
        const auto side = typed.side.value_or("");
        const auto action = typed.action.value_or("");
        if (side != side::bid && side != side::ask) return spoil("a row has an unknown side");
        if (action == action::clear) return rows_.clear_side(side);
        if (action != action::add && action != action::update && action != action::delete_) {
          return spoil("a row has an unknown action");
        }
        BookRow row;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(typed)>, Order>) {
          row = OrderRow{std::string(action::add), side,           typed.order_id,
                         typed.market_maker,       typed.price,    typed.size,
                         typed.priority,           typed.precision};
        } else {
          row = DepthRow{std::string(action::add), side,           typed.price, typed.size,
                         typed.order_count,        typed.precision};
        }
        if (action == action::delete_) return rows_.remove(key_of(row));
        put(std::move(row));
        return true;
      },
      update);
}

bool BookMirror::put(BookRow row) {
  const auto [is_sound, has_price] = std::visit(
      [](const auto& typed) {
        return std::pair(typed.side == side::bid || typed.side == side::ask,
                         typed.price.has_value());
      },
      row);
  if (!is_sound || !has_price) return spoil("a row has no side or no price");
  if (!rows_.put(std::move(row))) {
    return spoil("the book has more than " + std::to_string(rows_max_) + " rows");
  }
  return true;
}

/// Give the rows up: what they say is not what the gateway's book says.
bool BookMirror::spoil(std::string reason) {
  rows_.clear();
  reason_ = std::move(reason);
  return false;
}

}  // namespace iqfeed_gateway
