// A reader with everything around it, and no Python: what it asks of others is written down, and
// answered as simply as can be.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../../gateway/compiled/source/reader.hpp"
#include "exact.hpp"

namespace iqfeed_gateway::testing {

/// One symbol with its topics.
struct Listing {
  explicit Listing(const std::string& name)
      : quote("quote," + name + ",", 0), trade("trade," + name + ",", 0), symbol(name, quote, trade) {}

  Topic quote;
  Topic trade;
  Symbol symbol;
};

/// Writes down what a reader does. It does of itself what Python would do on these lines:
/// `T,...` moves the clock, `P,NAME,...` makes a symbol live, `U,n` selects a layout, `X` is the
/// connection's end, `V,NAME,` has or has not variants of quotes, `H,` fails.
class Recorder final : public Outside {
 public:
  explicit Recorder(std::vector<std::unique_ptr<Listing>>& listings) : listings_(&listings) {}

  /// Whom the lines that Python would read are about.
  Reader* reader = nullptr;
  Trace trace;
  bool may_reset = false;
  std::uint64_t frames = 0;
  std::uint64_t lines = 0;
  std::uint64_t waits = 0;
  std::uint64_t marks = 0;

  bool read_line(Text line, std::int64_t recv_us) override {
    ++lines;
    trace.note('L', line);
    if (line[0] == 'T') has_clock_ = line.size() % 2 == 1, reader->forget_seconds();
    if (line[0] == 'U') select(line.size() > 2 ? line[2] : '0');
    if (line == "X") {
      reader->use({});
      // What has come of the next line goes with the connection, so cuts make a difference then.
      if (may_reset) reader->reset();
    }
    if (line.substr(0, 2) == "H,") return false;
    const Text name = line.size() < 2 ? Text() : line.substr(2, line.substr(2).find(','));
    for (auto& listing : *listings_) {
      if (listing->symbol.name != name) continue;
      if (line[0] == 'P') begin(*listing, line, recv_us);
      if (line[0] == 'V') listing->quote.has_variants = !listing->quote.has_variants;
    }
    return true;
  }

  bool drop_line(Text start) override { return trace.note('D', start), true; }

  bool send(Topic& topic, bool is_event) override {
    ++frames;
    const Text frame = topic.last_frame();
    look_at(frame, topic);
    trace.note(is_event ? 'E' : 'S', frame);
    return true;
  }

  void wait_for_summary(Symbol& symbol) override {
    ++waits;
    trace.note('W', symbol.name);
  }

  void mark(Topic& topic) override {
    ++marks;
    trace.note('M', topic.prefix());
    topic.unmarked = 0;
  }

  [[nodiscard]] bool is_awaited() const override { return false; }

  MaybeMoment date_second(Text second) override {
    if (!has_clock_ || second.size() != 8) return {};
    const auto digit = [second](std::size_t at) { return std::int64_t{second[at]} - '0'; };
    const std::int64_t minutes = (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4);
    return {day_us + (minutes * 60 + digit(6) * 10 + digit(7)) * second_us, true};
  }

  MaybeMoment date_day(Text day) override {
    if (day.size() != 10 || day[2] != '/') return {};
    return {day_us + (day[4] - '6') * 86'400 * second_us, true};
  }

  void select(char which) {
    if (which == '0') reader->use({});
    if (which == '1') reader->use({33, true});
    if (which == '2') reader->use({11, false});
    if (which == '3') reader->use({20, false});
    // Lines of other columns prove nothing of the present ones.
    for (auto& listing : *listings_) listing->symbol.line.clear(), listing->symbol.rest_size = 0;
  }

  static constexpr std::int64_t day_us = 1'789'531'200'000'000;

 private:
  static void begin(Listing& listing, Text line, std::int64_t recv_us) {
    Symbol& symbol = listing.symbol;
    symbol.is_live = true;
    symbol.has_cause = line.size() % 7 == 0;
    symbol.line.assign(line);
    symbol.rest_size = 0;
    symbol.last_line_us = {recv_us, true};
    symbol.quote_us = 0;
    symbol.summary_due_us = recv_us + 100'000;
    symbol.has_summary_line = false;
  }

  std::vector<std::unique_ptr<Listing>>* listings_;
  bool has_clock_ = false;
};

/// A reader of some symbols.
struct World {
  explicit World(const Limits& limits) : recorder(listings) {
    for (const char* const name : {"AAPL", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT"}) {
      listings.push_back(std::make_unique<Listing>(name));
      table.add(listings.back()->symbol);
    }
    reader = std::make_unique<Reader>(table, limits, recorder);
    recorder.reader = reader.get();
    recorder.select('1');
  }

  /// Feed a piece from memory that is exactly as large.
  bool feed(Text piece, std::int64_t recv_us) {
    const Exact exact(piece);
    return reader->feed(exact.data(), exact.size(), recv_us);
  }

  std::vector<std::unique_ptr<Listing>> listings;
  SymbolTable table;
  Recorder recorder;
  std::unique_ptr<Reader> reader;
};

inline Limits usual_limits() {
  Limits limits;
  limits.epoch = 1'790'000'000'000;
  limits.line_bytes_max = 700;
  limits.summary_interval_us = 250'000;
  limits.price_max = 10'000'000;
  return limits;
}

}  // namespace iqfeed_gateway::testing
