// A reader of rows with everything around it, and no Python.
#pragma once

#include <memory>
#include <vector>

#include "../../gateway/compiled/source/depth_reader.hpp"
#include "exact.hpp"

namespace iqfeed_gateway::testing {

/// One symbol with its books and topics.
struct DepthListing {
  DepthListing(const std::string& name, std::size_t rows_max)
      : orders(rows_max), levels(rows_max), order_topic("order," + name + ",", 0),
        depth_topic("depth," + name + ",", 0), depth(name, orders, levels, order_topic, depth_topic) {}

  OrderBook orders;
  LevelBook levels;
  Topic order_topic;
  Topic depth_topic;
  Depth depth;
};

/// Writes down what a reader does. It does of itself what Python would do on these lines: `P,NAME,`
/// has orders taken or not, `L,NAME,` levels, `C,NAME,` empties its bids and `D,NAME,` its asks, `O,NAME,`
/// lets old rows expire, `X` is the connection's end, `H,` fails.
class DepthRecorder final : public DepthOutside {
 public:
  explicit DepthRecorder(std::vector<std::unique_ptr<DepthListing>>& listings)
      : listings_(&listings) {}

  DepthReader* reader = nullptr;
  Trace trace;
  bool may_reset = false;
  std::uint64_t frames = 0;
  std::uint64_t lines = 0;

  bool read_line(Text line, std::int64_t) override {
    ++lines;
    trace.note('L', line);
    if (line == "X" && may_reset) reader->reset();
    if (line.substr(0, 2) == "H,") return false;
    const Text name = line.size() < 2 ? Text() : line.substr(2, line.substr(2).find(','));
    for (auto& listing : *listings_) {
      if (listing->depth.name == name) act(line[0], *listing);
    }
    return true;
  }

  bool drop_line(Text start) override { return trace.note('D', start), true; }

  bool send(Text frame) override {
    ++frames;
    for (const auto& listing : *listings_) {
      for (const Topic* const topic : {&listing->order_topic, &listing->depth_topic}) {
        if (frame.starts_with(topic->prefix())) look_at(frame, *topic);
      }
    }
    trace.note('S', frame);
    return true;
  }

  void change(Depth& depth) override {
    trace.note('M', depth.name);
  }

  MaybeMoment date_day(Text day) override {
    if (day.size() != 10 || day[4] != '-') return {};
    return {day_us + (day[9] - '0') * 86'400 * second_us, true};
  }

  static constexpr std::int64_t day_us = 1'789'531'200'000'000;

 private:
  static void act(char what, DepthListing& listing) {
    if (what == 'P') listing.depth.takes_orders = !listing.depth.takes_orders;
    if (what == 'L') listing.depth.takes_levels = !listing.depth.takes_levels;
    if (what == 'C' || what == 'D') {
      listing.orders.clear(what == 'C');
      listing.levels.clear(what == 'C');
    }
    if (what != 'O') return;
    for (OrderRow* const row : listing.orders.find_old(heard_before_us)) listing.orders.remove(*row);
  }

  static constexpr std::int64_t heard_before_us = 1'000;

  std::vector<std::unique_ptr<DepthListing>>* listings_;
};

/// A reader of some symbols, whose rows are taken.
struct DepthWorld {
  explicit DepthWorld(std::size_t rows_max) : recorder(listings) {
    for (const char* const name : {"@ESZ26", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT"}) {
      listings.push_back(std::make_unique<DepthListing>(name, rows_max));
      listings.back()->depth.takes_orders = listings.back()->depth.takes_levels = true;
      table.add(listings.back()->depth);
    }
    reader = std::make_unique<DepthReader>(table, 1'790'000'000'000, 700, recorder);
    recorder.reader = reader.get();
  }

  /// Feed a piece from memory that is exactly as large.
  bool feed(Text piece, std::int64_t now_us) {
    const Exact exact(piece);
    return reader->feed(exact.data(), exact.size(), DepthRecorder::day_us, now_us);
  }

  std::vector<std::unique_ptr<DepthListing>> listings;
  DepthTable table;
  DepthRecorder recorder;
  std::unique_ptr<DepthReader> reader;
};

}  // namespace iqfeed_gateway::testing
