// Waiting for one connection's bytes, and reading them, without the interpreter: as long as nothing
// else happens that Python has to see. Linux only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "reader.hpp"

namespace iqfeed_gateway {

/// `zmq_pollitem_t` of POSIX systems.
struct PollItem {
  void* socket = nullptr;
  int descriptor = -1;
  short events = 0;
  short found = 0;
};
using PollFunction = int (*)(PollItem* items, int count, long timeout_ms);

/// What was waited for, and what came meanwhile.
struct Pumped {
  /// Reads whose processing took so long, and what was published of them.
  struct Latency {
    std::uint64_t reads = 0;
    std::uint64_t lines = 0;
    std::uint64_t quotes = 0;
    std::uint64_t trades = 0;
  };
  static constexpr std::size_t latencies_max = 1024;
  /// A read that took longer than any of these.
  struct Slow {
    std::uint64_t took_us = 0;
    Latency latency;
  };
  static constexpr std::size_t slow_max = 16;
  /// Reads in a row that took less than there was; then Python judges whether that is too much.
  static constexpr unsigned full_reads_max = 8;

  std::uint64_t bytes = 0;
  unsigned full_reads = 0;
  /// When a line's end was read last, monotonic; 0 when none was.
  std::int64_t heard_ns = 0;
  /// Whether the last read took all there was.
  bool is_drained = true;
  /// By microseconds.
  std::array<Latency, latencies_max> latencies{};
  /// Those beyond, one by one.
  std::array<Slow, slow_max> slow{};
  std::size_t slow_count = 0;
  /// How long the last read took.
  std::uint64_t last_us = 0;
  /// Why nothing could be waited for; 0 when it could.
  int error = 0;

  /// Where a read is noted that took so long; at most `slow_max` slow ones.
  Latency& latency_of(std::uint64_t took_us) {
    if (took_us < latencies_max) return latencies[took_us];
    Slow& one = slow[slow_count++];
    one.took_us = took_us;
    return one.latency;
  }
};

/// What a pump is given for one wait.
struct PumpOrder {
  PollFunction poll = nullptr;
  /// What is waited for; `found` is set where something came.
  std::vector<PollItem> items;
  /// Which of them is the connection.
  std::size_t own = 0;
  /// When to come back at the latest, monotonic.
  std::int64_t deadline_ns = 0;
  /// When the vendor's clock is too old to date anything, UTC.
  std::int64_t clock_until_us = 0;
  /// When the clock was looked at last, monotonic.
  std::int64_t seen_ns = 0;
  /// A longer pause between two looks at the clock means that this process did not run.
  std::int64_t pause_ns_max = 0;
};

class Pump {
 public:
  Pump(Reader& reader, Outside& outside, std::size_t read_bytes_max)
      : reader_(&reader), outside_(&outside), buffer_(read_bytes_max) {}

  /// Wait, and read as long as Python need not look. What has come for it is in the items.
  void run(PumpOrder& order, Pumped& pumped);

 private:
  bool take(PumpOrder& order, Pumped& pumped);

  Reader* reader_;
  Outside* outside_;
  std::vector<char> buffer_;
};

}  // namespace iqfeed_gateway
