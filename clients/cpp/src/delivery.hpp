// The bounded queue between the reader thread and the application.
//
// A fast application gets every message in order. When it is slow and more than `conflate_above`
// entries wait, a state message replaces the one of the same topic that still waits (flag
// CONFLATED, `merged` added up). When the queue is full, or what waits is too old, all of it is
// skipped but the newest values: an Overrun says how much, Gaps say what exactly, and what is read
// next is current. The reader never waits for the application, so the socket is always drained.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "entries.hpp"
#include "iqfeed_gateway/errors.hpp"
#include "skips.hpp"

namespace iqfeed_gateway {

/// Many readers, one writer; every method may be called from any thread.
class DeliveryQueue {
 public:
  /// Gets the event, the topics of the messages skipped and the Gaps that follow, when the
  /// application has reached the place; called in its thread.
  using OnOverrun =
      std::function<void(const Overrun&, const std::set<std::string>&, const std::vector<Gap>&)>;
  /// Figures, read together.
  struct Counts {
    std::int64_t size = 0;
    std::int64_t delivered = 0;
    std::int64_t dropped = 0;
    std::int64_t conflated = 0;
    std::int64_t skips = 0;
  };

  DeliveryQueue(std::int64_t capacity, std::int64_t conflate_above,
                std::optional<std::int64_t> skip_after_ns, OnOverrun on_overrun);

  /// Add a batch in order and empty it; never waits.
  void extend(Entries& batch, std::int64_t now_ns);
  /// Skip what has waited too long, if that was asked for.
  void skip_if_old(std::int64_t now_ns);
  /// How long the oldest entry has waited, nanoseconds; 0 when none waits.
  [[nodiscard]] std::int64_t age_ns(std::int64_t now_ns);
  /// Whether the application keeps up, so that more than live messages may come.
  [[nodiscard]] bool has_room();
  [[nodiscard]] Counts counts();
  /// Take the oldest item, waiting for one; empty at the deadline, or when closed and empty. Throws
  /// what `fail` was told instead, once closed and empty.
  std::optional<StreamItem> pop(std::optional<std::chrono::steady_clock::time_point> deadline);
  /// Let waiting readers go once what is queued has been read.
  void close();
  /// Let the end be known as no clean one; `close` follows.
  void fail(const Failure& failure);

 private:
  void put(Entry entry, std::int64_t now_ns);
  void append(Entry entry);
  void skip_all(std::int64_t now_ns);
  void skip_old(std::int64_t now_ns);
  std::int64_t oldest_ns(std::int64_t now_ns);
  void mark(std::int64_t now_ns);

  const std::int64_t capacity_;
  const std::int64_t conflate_above_;
  const std::optional<std::int64_t> skip_after_ns_;
  const OnOverrun on_overrun_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t limit_;
  std::deque<Entry> entries_;
  std::shared_ptr<Skipped> skipped_;  // The one among the entries, if any.
  /// How many entries had ever come by the end of a moment, and when it began.
  std::deque<std::pair<std::int64_t, std::int64_t>> marks_;
  std::int64_t taken_count_ = 0;
  int waiting_count_ = 0;
  bool is_closed_ = false;
  std::optional<Failure> failure_;
  Counts counts_;
};

}  // namespace iqfeed_gateway
