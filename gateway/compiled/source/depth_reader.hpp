// Bytes of a Level 2 connection to lines, and the usual rows to books and frames.
//
// Usual is a row of an order or of a price level, of a symbol that is live and of which no summary is
// awaited, spelled as always: nearly all there are. Every other line is handed out, in its place, and
// read by the Python code. What is done here must be what that code does.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "body.hpp"
#include "book.hpp"
#include "days.hpp"
#include "lines.hpp"

namespace iqfeed_gateway {

/// One symbol's Level 2 data, as far as usual rows read and change it.
struct Depth {
  Depth(Text symbol_name, OrderBook& its_orders, LevelBook& its_levels, Topic& its_order_topic,
        Topic& its_depth_topic)
      : name(symbol_name), orders(&its_orders), levels(&its_levels), order_topic(&its_order_topic),
        depth_topic(&its_depth_topic) {}

  /// What Python knows it by.
  void* owner = nullptr;
  std::string name;
  OrderBook* orders;
  LevelBook* levels;
  Topic* order_topic;
  Topic* depth_topic;
  /// Of every row.
  std::uint64_t flags = 0;
  /// Whether a row of an order, or of a level, needs nothing beside the book.
  bool takes_orders = false;
  bool takes_levels = false;
  /// Whether it has been noted that its books have changed.
  bool is_dirty = false;
  /// Rows since the books were last marked.
  std::uint64_t merged = 0;
  /// When the last row was read, UTC.
  std::int64_t recv_us = 0;
  /// The vendor's time of the last row that had one, UTC.
  MaybeMoment event_us;
  /// When the last line came, monotonic.
  std::int64_t heard_us = 0;
};

using DepthTable = NameTable<Depth>;

/// What a reader of rows needs of others. What stops it is for its owner to know.
class DepthOutside {
 public:
  virtual ~DepthOutside() = default;
  /// Read a line that is not usual; false when reading must stop.
  virtual bool read_line(Text line, std::int64_t recv_us) = 0;
  /// A line was longer than allowed, and left out; these are its first bytes.
  virtual bool drop_line(Text start) = 0;
  /// Send a frame; false when reading must stop.
  virtual bool send(Text frame) = 0;
  /// A symbol's books have changed that had not before.
  virtual void change(Depth& depth) = 0;
  /// When a day began, UTC: `YYYY-MM-DD`. None when that is no day, or its hours are not equal.
  virtual MaybeMoment date_day(Text day) = 0;
};

/// What was done. Counts only grow.
struct DepthCounts {
  std::uint64_t lines = 0;
  std::uint64_t orders = 0;
  std::uint64_t levels = 0;
  /// Deletions of rows that are not there.
  std::uint64_t unknown = 0;
};

class DepthReader {
 public:
  DepthReader(const DepthTable& depths, std::uint64_t epoch, std::size_t line_bytes_max,
              DepthOutside& outside)
      : depths_(&depths), epoch_(epoch), outside_(&outside), cutter_(line_bytes_max) {}

  /// Read what the next bytes complete, `now_us` by the monotonic clock; false when it had to stop.
  bool feed(const char* data, std::size_t size, std::int64_t recv_us, std::int64_t now_us);
  /// Forget half a line: the connection is gone.
  void reset() { cutter_.reset(); }
  /// What was done since the last call.
  DepthCounts take_counts() { return std::exchange(counts_, {}); }

 private:
  static constexpr std::size_t columns_max = 11;
  using Columns = std::array<Text, columns_max>;
  struct Row;

  bool take_line(Text line, std::int64_t recv_us);
  bool read_usual(Text line, Row& row, bool& is_done);
  bool read_order(const Columns& columns, Row& row, bool& is_done);
  bool read_order_delete(const Columns& columns, Row& row, bool& is_done);
  bool read_level(const Columns& columns, Row& row, bool& is_done);
  bool read_level_delete(const Columns& columns, Row& row, bool& is_done);
  bool ignore(const Row& row, bool& is_done);
  bool read_when(Text day, Text time, Row& row);
  static void flag(Row& row, std::uint64_t size);
  [[nodiscard]] Packer begin(Topic& topic, const Message& message, const Row& row, Text action,
                             bool is_bid) const;
  bool publish(Topic& topic, const Packer& body, std::uint64_t& count, const Row& row);

  const DepthTable* depths_;
  const std::uint64_t epoch_;
  DepthOutside* outside_;
  DepthCounts counts_;
  LineCutter cutter_;
  std::int64_t now_us_ = 0;
  Days days_;
};

}  // namespace iqfeed_gateway
