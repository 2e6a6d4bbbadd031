#include "delivery.hpp"

#include <algorithm>
#include <iterator>

namespace iqfeed_gateway {
namespace {

/// How exactly the age of what waits is known.
constexpr std::int64_t mark_ns = 10'000'000;

}  // namespace

DeliveryQueue::DeliveryQueue(std::int64_t capacity, std::int64_t conflate_above,
                             std::optional<std::int64_t> skip_after_ns, OnOverrun on_overrun)
    : capacity_(capacity),
      conflate_above_(conflate_above),
      skip_after_ns_(skip_after_ns),
      on_overrun_(std::move(on_overrun)),
      limit_(capacity) {}

void DeliveryQueue::extend(Entries& batch, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  skip_old(now_ns);
  for (auto& entry : batch) put(std::move(entry), now_ns);
  batch.clear();
  mark(now_ns);
  if (waiting_count_ > 0) changed_.notify_all();
}

void DeliveryQueue::put(Entry entry, std::int64_t now_ns) {
  const auto size = static_cast<std::int64_t>(entries_.size());
  if (entry.is_state && size >= conflate_above_ && entry.route->pending != nullptr) {
    entry.route->pending->replace(std::move(entry));
    ++counts_.conflated;
    return;
  }
  if (size >= limit_) skip_all(now_ns);
  if (skipped_ != nullptr) {
    if (const auto* const gap = std::get_if<Gap>(&entry.item)) {
      // What it says was recovered may have been skipped a moment ago.
      for (auto& left : skipped_->cut(*gap)) append(entry_of(std::move(left)));
      return;
    }
  }
  append(std::move(entry));
}

void DeliveryQueue::append(Entry entry) {
  auto& added = entries_.emplace_back(std::move(entry));
  if (added.is_message() && added.is_state) added.route->pending = &added;
}

void DeliveryQueue::skip_all(std::int64_t now_ns) {
  const auto half = (capacity_ + 1) / 2;
  auto rest = skip(std::move(entries_), capacity_ / 2);
  // Swapped, not moved element by element: `Route::pending` points into it.
  entries_.swap(rest.entries);
  skipped_ = rest.skipped;
  limit_ = std::max(capacity_, static_cast<std::int64_t>(entries_.size()) + half);
  marks_.clear();
  mark(now_ns);
  counts_.skips += rest.dropped_count > 0 ? 1 : 0;
  counts_.dropped += rest.dropped_count;
  counts_.conflated += rest.merged_count;
}

void DeliveryQueue::skip_old(std::int64_t now_ns) {
  if (skip_after_ns_ && oldest_ns(now_ns) > *skip_after_ns_) skip_all(now_ns);
}

void DeliveryQueue::skip_if_old(std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  skip_old(now_ns);
}

std::int64_t DeliveryQueue::age_ns(std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  return oldest_ns(now_ns);
}

std::int64_t DeliveryQueue::oldest_ns(std::int64_t now_ns) {
  while (!marks_.empty() && marks_.front().first <= taken_count_) marks_.pop_front();
  return marks_.empty() ? 0 : std::max<std::int64_t>(0, now_ns - marks_.front().second);
}

/// Note when the newest entries came, which costs nothing while the queue stays empty.
void DeliveryQueue::mark(std::int64_t now_ns) {
  const auto end = taken_count_ + static_cast<std::int64_t>(entries_.size());
  if (!marks_.empty() && now_ns - marks_.back().second < mark_ns) {
    marks_.back().first = end;
  } else if (marks_.empty() || marks_.back().first < end) {
    oldest_ns(now_ns);
    marks_.emplace_back(end, now_ns);
  }
}

bool DeliveryQueue::has_room() {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(entries_.size()) < conflate_above_;
}

DeliveryQueue::Counts DeliveryQueue::counts() {
  const std::lock_guard lock(mutex_);
  auto found = counts_;
  found.size = static_cast<std::int64_t>(entries_.size());
  return found;
}

std::optional<StreamItem> DeliveryQueue::pop(
    std::optional<std::chrono::steady_clock::time_point> deadline) {
  std::unique_lock lock(mutex_);
  const auto is_ready = [this] { return !entries_.empty() || is_closed_; };
  if (!is_ready()) {
    ++waiting_count_;
    if (deadline) {
      changed_.wait_until(lock, *deadline, is_ready);
    } else {
      changed_.wait(lock, is_ready);
    }
    --waiting_count_;
  }
  if (entries_.empty()) {
    if (is_closed_ && failure_) raise(*failure_);
    return std::nullopt;
  }
  auto& front = entries_.front();
  if (front.is_message() && front.route->pending == &front) front.route->pending = nullptr;
  auto entry = std::move(front);
  entries_.pop_front();
  ++taken_count_;
  ++counts_.delivered;
  if (entry.skipped == nullptr) {
    lock.unlock();
    return std::move(entry).finished();
  }
  skipped_ = nullptr;
  auto [overrun, gaps] = entry.skipped->told();
  // At the front, where pointers into the deque stay good.
  for (auto gap = gaps.rbegin(); gap != gaps.rend(); ++gap) entries_.push_front(entry_of(*gap));
  taken_count_ -= static_cast<std::int64_t>(gaps.size());
  lock.unlock();
  if (on_overrun_) on_overrun_(overrun, entry.skipped->topics, gaps);
  return StreamItem(std::move(overrun));
}

void DeliveryQueue::fail(const Failure& failure) {
  const std::lock_guard lock(mutex_);
  failure_ = failure;
}

void DeliveryQueue::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

}  // namespace iqfeed_gateway
