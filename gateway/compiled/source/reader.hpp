// Bytes of a Level 1 connection to lines, and the usual lines to frames.
//
// Usual is a Q line of the gateway's own field set, of a live symbol, that changes a quote or is a
// trade, in order, plausible and spelled as always: nearly all there are. Every other line is handed
// out, in its place, and read by the Python code. What is done here must be what that code does.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "body.hpp"
#include "days.hpp"
#include "lines.hpp"
#include "table.hpp"

namespace iqfeed_gateway {

/// What a reader needs of others. What stops a reader is for its owner to know.
class Outside {
 public:
  virtual ~Outside() = default;
  /// Read a line that is not usual; false when reading must stop.
  virtual bool read_line(Text line, std::int64_t recv_us) = 0;
  /// A line was longer than allowed, and left out; these are its first bytes.
  virtual bool drop_line(Text start) = 0;
  /// Send a frame; false when reading must stop. It is the topic's last value, and stays.
  virtual bool send(Topic& topic, bool is_event) = 0;
  /// A summary waits that did not wait before.
  virtual void wait_for_summary(Symbol& symbol) = 0;
  /// A topic with variants has a message that they have not been told of.
  virtual void mark(Topic& topic) = 0;
  /// Whether Python has read a line, or must soon be told what came.
  [[nodiscard]] virtual bool is_awaited() const = 0;
  /// When a second of the day was, UTC, stamped now: `HH:MM:SS`. None when it cannot be told.
  virtual MaybeMoment date_second(Text second) = 0;
  /// When a day began, UTC: `MM/DD/YYYY`. None when that is no day, or its hours are not equal.
  virtual MaybeMoment date_day(Text day) = 0;
};

/// How lines are to be read.
struct Layout {
  /// Commas of a whole line; 0 while no line is usual.
  std::size_t commas = 0;
  /// Whether all columns are the gateway's own, in its order, so that trades can be read.
  bool has_trades = false;
};

/// What does not change.
struct Limits {
  std::uint64_t epoch = 0;
  std::size_t line_bytes_max = 65'536;
  std::int64_t summary_interval_us = 0;
  /// Beyond it a price is out of range; 0 for no limit.
  double price_max = 0;
  /// A trade may be so far from the last one, as a share of that; 0 for any distance.
  double jump_max = 0;
};

/// What was done. Counts only grow: whoever compares two of them need not know who else asks.
struct Counts {
  std::uint64_t lines = 0;
  std::uint64_t quotes = 0;
  std::uint64_t trades = 0;
};

class Reader {
 public:
  Reader(const SymbolTable& symbols, const Limits& limits, Outside& outside)
      : symbols_(&symbols), limits_(limits), outside_(&outside), cutter_(limits.line_bytes_max) {}

  /// Read what the next bytes complete; false when it had to stop.
  bool feed(const char* data, std::size_t size, std::int64_t recv_us);
  /// Read lines that were cut already, without their ends; false when it had to stop.
  bool read(const std::vector<Text>& lines, std::int64_t recv_us);
  /// Read by another layout from now on, the present bytes included.
  void use(const Layout& layout) { layout_ = layout; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Forget half a line: the connection is gone.
  void reset() { cutter_.reset(); }
  /// Forget when seconds were: the vendor's clock has moved.
  void forget_seconds() { ++generation_; }
  /// What was done so far.
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// What was done since the last call.
  Counts take_counts() {
    const Counts taken = std::exchange(taken_, counts_);
    return {counts_.lines - taken.lines, counts_.quotes - taken.quotes,
            counts_.trades - taken.trades};
  }

 private:
  struct Columns;
  struct Quote;
  struct Second {
    std::int64_t moment_us = 0;
    std::uint64_t generation = 0;
    std::uint32_t second = 0;
  };
  static bool has_known_rest(const Symbol& symbol, const Columns& columns);
  static void note_line(Symbol& symbol, const Columns& columns, std::int64_t recv_us);
  bool take_line(Text line, std::int64_t recv_us);
  bool read_usual(Text line, std::int64_t recv_us, bool& is_done);
  bool read_quote(Symbol& symbol, const Columns& columns, std::int64_t recv_us, bool& is_done);
  bool read_trade(Symbol& symbol, const Columns& columns, std::int64_t recv_us, bool& is_done);
  bool judge_quote(const Symbol& symbol, const Columns& columns, Quote& quote);
  bool judge_side(Text time, Text known, MaybeMoment known_us, bool has_changed,
                  MaybeMoment& moment_us);
  [[nodiscard]] Packer begin(Topic& topic, const Message& message, const Symbol& symbol,
                             std::int64_t recv_us, MaybeMoment event_us) const;
  bool publish_quote(Symbol& symbol, const Columns& columns, const Quote& quote,
                     std::int64_t recv_us);
  void summarize(Symbol& symbol, const Columns& columns, std::int64_t recv_us);
  MaybeMoment moment_of(Text time);
  MaybeMoment moment_of(Text day, Text time);
  [[nodiscard]] bool is_plausible(const MaybePrice& price) const {
    return !price.is_there || limits_.price_max == 0 || price.value <= limits_.price_max;
  }

  const SymbolTable* symbols_;
  const Limits limits_;
  Outside* outside_;
  Layout layout_;
  Counts counts_;
  Counts taken_;
  LineCutter cutter_;
  std::uint64_t generation_ = 1;
  std::array<Second, 1024> seconds_{};
  Days days_;
};

}  // namespace iqfeed_gateway
