#include "reader.hpp"

#include <cmath>

namespace iqfeed_gateway {
namespace {

/// Columns in front of the rest of a line: letter, symbol, contents and the quote's eight.
constexpr std::size_t quote_columns = 11;
/// Columns of a trade, the first of the rest.
constexpr std::size_t trade_columns = 9;

/// What a line is about.
struct Contents {
  /// C, E or O when it is a new trade; else 0.
  char basis = 0;
  bool has_bid = false;
  bool has_ask = false;
};

/// Read the letters of Message Contents; false when a summary is due, or a letter is unknown.
bool read_contents(Text letters, Contents& contents) {
  bool has_volume = false;
  for (const char letter : letters) {
    switch (letter) {
      case 'b': contents.has_bid = true; break;
      case 'a': contents.has_ask = true; break;
      case 'v': has_volume = true; break;
      case 'C':
      case 'E':
      case 'O':
        if (contents.basis != 0) return false;
        contents.basis = letter;
        break;
      default: return false;
    }
  }
  // A volume without a trade makes a summary due; without anything nothing is said.
  return contents.basis != 0 || (!has_volume && (contents.has_bid || contents.has_ask));
}

}  // namespace

/// One line's columns as far as they are read.
struct Reader::Columns {
  enum Place { letter, symbol, what, bid, bid_size, bid_time, bid_center, ask, ask_size, ask_time,
               ask_center };
  enum TradePlace { price, size, time, day, center, conditions, aggressor, id, volume };

  Text line;
  /// Bytes behind the quote's columns.
  std::size_t rest_size = 0;
  /// Whether these are what they were on the symbol's last line.
  bool has_known_rest = false;
  Contents contents;
  std::array<Text, quote_columns> of_quote;
  /// Behind the quote's columns.
  const char* rest = nullptr;
};

/// A quote's values.
struct Reader::Quote {
  MaybePrice bid;
  MaybePrice ask;
  MaybeCount bid_size;
  MaybeCount ask_size;
  MaybeCount bid_center;
  MaybeCount ask_center;
  MaybeMoment bid_us;
  MaybeMoment ask_us;
  MaybeMoment event_us;
};

/// Whether what stands behind the quote is what stood there on the symbol's last line: the cheapest
/// proof that a line is whole, and most lines have it.
bool Reader::has_known_rest(const Symbol& symbol, const Columns& columns) {
  return symbol.rest_size == columns.rest_size && columns.rest_size != 0 &&
         std::memcmp(columns.line.data() + columns.line.size() - columns.rest_size,
                     symbol.line.data() + symbol.line.size() - columns.rest_size,
                     columns.rest_size) == 0;
}

void Reader::note_line(Symbol& symbol, const Columns& columns, std::int64_t recv_us) {
  symbol.last_line_us = {recv_us, true};
  if (columns.has_known_rest && symbol.line.size() == columns.line.size()) {
    // Half of the bytes are there already.
    columns.line.copy(symbol.line.data(), columns.line.size() - columns.rest_size);
    return;
  }
  symbol.line.assign(columns.line);
  symbol.rest_size = columns.rest_size;
}

bool Reader::feed(const char* data, std::size_t size, std::int64_t recv_us) {
  return cutter_.feed(
      data, size, [this, recv_us](Text line) { return take_line(line, recv_us); },
      [this](Text start) { return outside_->drop_line(start); });
}

bool Reader::read(const std::vector<Text>& lines, std::int64_t recv_us) {
  for (const Text line : lines) {
    if (!take_line(line, recv_us)) return false;
  }
  return true;
}

bool Reader::take_line(Text line, std::int64_t recv_us) {
  ++counts_.lines;
  bool is_done = false;
  if (layout_.commas != 0 && !read_usual(line, recv_us, is_done)) return false;
  return is_done || outside_->read_line(line, recv_us);
}

bool Reader::read_usual(Text line, std::int64_t recv_us, bool& is_done) {
  if (!line.starts_with("Q,")) return true;
  const char* place = line.data();
  const char* const end = place + line.size();
  Columns columns;
  columns.line = line;
  if (!take_columns(place, end, columns.of_quote.data(), quote_columns)) return true;
  if (!read_contents(columns.of_quote[Columns::what], columns.contents)) return true;
  // Columns are read eight bytes at a time, also backwards: these two must not be empty.
  if (columns.of_quote[Columns::symbol].empty()) return true;
  Symbol* const found = symbols_->find(columns.of_quote[Columns::symbol]);
  if (found == nullptr) return true;
  Symbol& symbol = *found;
  if (!symbol.is_live || line == symbol.line) return true;
  columns.rest = place;
  columns.rest_size = static_cast<std::size_t>(end - place);
  columns.has_known_rest = has_known_rest(symbol, columns);
  if (!columns.has_known_rest && quote_columns + count_letter(place, end, ',') != layout_.commas) {
    return true;
  }
  if (columns.contents.basis == 0) return read_quote(symbol, columns, recv_us, is_done);
  return layout_.has_trades ? read_trade(symbol, columns, recv_us, is_done) : true;
}

bool Reader::read_quote(Symbol& symbol, const Columns& columns, std::int64_t recv_us,
                        bool& is_done) {
  Quote quote;
  if (!judge_quote(symbol, columns, quote)) return true;
  is_done = true;
  note_line(symbol, columns, recv_us);
  return publish_quote(symbol, columns, quote, recv_us);
}

/// Read a quote's values; false when anything about it is not usual. Nothing is changed.
bool Reader::judge_quote(const Symbol& symbol, const Columns& columns, Quote& quote) {
  const auto& texts = columns.of_quote;
  const Contents& contents = columns.contents;
  if (!read_price(texts[Columns::bid], quote.bid) || !read_price(texts[Columns::ask], quote.ask) ||
      !read_count(texts[Columns::bid_size], quote.bid_size) ||
      !read_count(texts[Columns::ask_size], quote.ask_size) ||
      !read_count(texts[Columns::bid_center], quote.bid_center) ||
      !read_count(texts[Columns::ask_center], quote.ask_center)) {
    return false;
  }
  if (quote.bid.is_there && quote.ask.is_there && quote.bid.value >= quote.ask.value) return false;
  if (!is_plausible(quote.bid) || !is_plausible(quote.ask)) return false;
  if (!judge_side(texts[Columns::bid_time], symbol.bid_time, symbol.bid_us, contents.has_bid,
                  quote.bid_us)) {
    return false;
  }
  if (contents.has_bid && contents.has_ask &&
      texts[Columns::ask_time] == texts[Columns::bid_time]) {
    quote.ask_us = quote.bid_us;
  } else if (!judge_side(texts[Columns::ask_time], symbol.ask_time, symbol.ask_us,
                         contents.has_ask, quote.ask_us)) {
    return false;
  }
  const bool is_ask_later = !quote.bid_us.is_there ||
                            (quote.ask_us.is_there && quote.ask_us.value > quote.bid_us.value);
  quote.event_us = is_ask_later ? quote.ask_us : quote.bid_us;
  return quote.event_us.is_there && quote.event_us.value >= symbol.quote_us;
}

/// Date a side that changed; one that did not keeps the moment it had, its text being the same.
bool Reader::judge_side(Text time, Text known, MaybeMoment known_us, bool has_changed,
                        MaybeMoment& moment_us) {
  if (!has_changed) {
    moment_us = known_us;
    return time == known;
  }
  moment_us = moment_of(time);
  return moment_us.is_there;
}

Packer Reader::begin(Topic& topic, const Message& message, const Symbol& symbol,
                     std::int64_t recv_us, MaybeMoment event_us) const {
  return begin_body(topic, {message, limits_.epoch, symbol.flags, recv_us, event_us});
}

bool Reader::publish_quote(Symbol& symbol, const Columns& columns, const Quote& quote,
                           std::int64_t recv_us) {
  symbol.bid_us = quote.bid_us;
  symbol.ask_us = quote.ask_us;
  if (columns.contents.has_bid) symbol.bid_time.assign(columns.of_quote[Columns::bid_time]);
  if (columns.contents.has_ask) symbol.ask_time.assign(columns.of_quote[Columns::ask_time]);
  symbol.quote_us = quote.event_us.value;
  Topic& topic = *symbol.quote;
  Packer body = begin(topic, quote_message, symbol, recv_us, quote.event_us);
  body.maybe(quote.bid);
  body.maybe(quote.bid_size);
  body.maybe(quote.ask);
  body.maybe(quote.ask_size);
  body.maybe(quote.bid_us);
  body.maybe(quote.ask_us);
  body.maybe(quote.bid_center);
  body.maybe(quote.ask_center);
  body.integer(1);
  topic.end_body(body.place());
  ++counts_.quotes;
  if (!outside_->send(topic, false)) return false;
  if (topic.has_variants && topic.unmarked++ == 0) outside_->mark(topic);
  return true;
}

bool Reader::read_trade(Symbol& symbol, const Columns& columns, std::int64_t recv_us,
                        bool& is_done) {
  std::array<Text, trade_columns> texts;
  const char* place = columns.rest;
  if (!take_columns(place, place + columns.rest_size, texts.data(), trade_columns)) return true;
  Prints& prints = symbol.prints;
  Topic& topic = *symbol.trade;
  MaybePrice price;
  MaybePrice bid;
  MaybePrice ask;
  MaybeCount size;
  MaybeCount center;
  MaybeCount aggressor;
  MaybeCount id;
  MaybeCount volume;
  if (symbol.has_cause || !read_price(texts[Columns::price], price) || !price.is_there ||
      !is_plausible(price) || !read_count(texts[Columns::size], size) || size.value == 0 ||
      !read_count(texts[Columns::id], id) || !id.is_there ||
      !read_count(texts[Columns::volume], volume) || !volume.is_there ||
      !read_count(texts[Columns::center], center) ||
      !read_count(texts[Columns::aggressor], aggressor) ||
      !are_usual_conditions(texts[Columns::conditions]) ||
      !read_price(columns.of_quote[Columns::bid], bid) ||
      !read_price(columns.of_quote[Columns::ask], ask)) {
    return true;
  }
  // A summary that is due now is made elsewhere; a wall clock set back does not hold it.
  const std::int64_t wait_us = symbol.summary_due_us - recv_us;
  if (wait_us <= 0 || wait_us > limits_.summary_interval_us) return true;
  const MaybeMoment event_us = moment_of(texts[Columns::day], texts[Columns::time]);
  if (!event_us.is_there || event_us.value < prints.newest_us) return true;
  if (event_us.value == prints.newest_us && texts[Columns::day] == prints.date) {
    const std::uint64_t* const known = prints.find(texts[Columns::center]);
    if (known != nullptr && id.value < *known) return true;
  }
  if (topic.has_last()) {
    // The same volume may be the same trade once more.
    if (topic.last_volume == volume) return true;
    const double last = topic.last_price.value;
    if (limits_.jump_max != 0 && topic.last_price.is_there && last != 0 &&
        std::fabs(price.value - last) > limits_.jump_max * std::fabs(last)) {
      return true;
    }
  }
  Quote quote;
  const bool has_quote = columns.contents.has_bid || columns.contents.has_ask;
  if (has_quote && !judge_quote(symbol, columns, quote)) return true;

  is_done = true;
  note_line(symbol, columns, recv_us);
  prints.has_sizes = true;
  prints.is_late(event_us, id, texts[Columns::center], texts[Columns::day]);
  const Text conditions = texts[Columns::conditions];
  if (columns.contents.basis == 'C') {
    symbol.last_conditions.assign(conditions);
    symbol.has_last_conditions = !conditions.empty();
  }
  Packer body = begin(topic, trade_message, symbol, recv_us, event_us);
  body.maybe(price);
  body.maybe(size);
  body.maybe(id);
  body.maybe(center);
  conditions.empty() ? body.nil() : body.text(conditions);
  body.text(Text(&columns.contents.basis, 1));
  body.maybe(aggressor);
  body.maybe(volume);
  body.maybe(bid);
  body.maybe(ask);
  topic.end_body(body.place());
  topic.last_price = price;
  topic.last_volume = volume;
  ++counts_.trades;
  if (!outside_->send(topic, true)) return false;
  if (has_quote && !publish_quote(symbol, columns, quote, recv_us)) return false;
  summarize(symbol, columns, recv_us);
  return true;
}

/// Let a summary wait until its interval has passed.
void Reader::summarize(Symbol& symbol, const Columns& columns, std::int64_t recv_us) {
  ++symbol.summary_merged;
  symbol.summary_line.assign(columns.line);
  symbol.summary_recv_us = recv_us;
  if (!symbol.has_summary_line) {
    symbol.has_summary_line = true;
    outside_->wait_for_summary(symbol);
  }
}

MaybeMoment Reader::moment_of(Text time) {
  TimeOfDay read;
  if (!read_time(time, read)) return {};
  Second& known = seconds_[read.second % seconds_.size()];
  if (known.generation != generation_ || known.second != read.second) {
    const MaybeMoment begin_us = outside_->date_second(time.substr(0, 8));
    if (!begin_us.is_there) return {};
    known = {begin_us.value, generation_, read.second};
  }
  return {known.moment_us + read.micros, true};
}

MaybeMoment Reader::moment_of(Text day, Text time) {
  return days_.moment_of(day, time, [this](Text text) { return outside_->date_day(text); });
}

}  // namespace iqfeed_gateway
