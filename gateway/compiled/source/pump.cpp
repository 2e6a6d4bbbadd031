#if defined(__linux__)

#include "pump.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace iqfeed_gateway {
namespace {

constexpr short readable = 1;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t millisecond_ns = 1'000'000;

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * second_ns + now.tv_nsec;
}

}  // namespace

void Pump::run(PumpOrder& order, Pumped& pumped) {
  for (;;) {
    const std::int64_t wait_ns =
        std::max<std::int64_t>(order.deadline_ns - now_ns(CLOCK_MONOTONIC), 0);
    const auto wait_ms = static_cast<long>((wait_ns + millisecond_ns - 1) / millisecond_ns);
    const int found = order.poll(order.items.data(), static_cast<int>(order.items.size()), wait_ms);
    if (found < 0) {
      pumped.error = errno == EINTR ? 0 : errno;
      // What was found last time is not found now.
      for (auto& item : order.items) item.found = 0;
      return;
    }
    if (found != 1 || order.items[order.own].found != readable) return;
    if (!take(order, pumped)) return;
    order.items[order.own].found = 0;
  }
}

/// Read once; false when Python must look: for the bytes that still wait, or at what was read.
bool Pump::take(PumpOrder& order, Pumped& pumped) {
  const std::int64_t read_ns = now_ns(CLOCK_MONOTONIC);
  const std::int64_t recv_us = now_ns(CLOCK_REALTIME) / 1000;
  // What waits after a pause is old, wherever this process was when it began: also in Python.
  if (read_ns - order.seen_ns > order.pause_ns_max || recv_us > order.clock_until_us) return false;
  order.seen_ns = read_ns;
  PollItem& own = order.items[order.own];
  const ssize_t got = recv(own.descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got <= 0) return false;
  const auto size = static_cast<std::size_t>(got);
  const Counts before = reader_->counts();
  const bool goes_on = reader_->feed(buffer_.data(), size, recv_us);
  const std::int64_t done_ns = now_ns(CLOCK_MONOTONIC);
  const Counts& after = reader_->counts();
  pumped.last_us = static_cast<std::uint64_t>((done_ns - read_ns) / 1000);
  auto& latency = pumped.latency_of(pumped.last_us);
  latency.reads += 1;
  latency.lines += after.lines - before.lines;
  latency.quotes += after.quotes - before.quotes;
  latency.trades += after.trades - before.trades;
  pumped.bytes += size;
  // Bytes without a line's end are no sign of life, and rare: whoever counts them sees them at once.
  const bool has_end = std::memchr(buffer_.data(), '\n', size) != nullptr;
  if (has_end) pumped.heard_ns = read_ns;
  pumped.is_drained = size < buffer_.size();
  pumped.full_reads = pumped.is_drained ? 0 : pumped.full_reads + 1;
  // What waits behind a full read is for Python to find: only there is judged what is too much.
  own.found = pumped.is_drained ? 0 : readable;
  return goes_on && has_end && !outside_->is_awaited() && done_ns < order.deadline_ns &&
         pumped.full_reads < Pumped::full_reads_max && pumped.slow_count < Pumped::slow_max;
}

}  // namespace iqfeed_gateway

#endif
