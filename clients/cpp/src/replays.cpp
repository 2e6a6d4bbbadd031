#include "replays.hpp"

#include <algorithm>
#include <array>

#include "cursor.hpp"

namespace iqfeed_gateway {
namespace {

/// Read one body of an answer; throws DecodeError when it is not one of those asked for, not behind
/// `position`, or unreadable.
Entry checked(const ReplayRequest& request, const Value& body, std::int64_t position) {
  const auto& route = *request.route;
  std::string frame = route.topic;
  pack(frame, body);
  const auto head = codec::split_frame(frame);
  if (head.type != route.type || head.epoch != request.epoch || (head.flags & flag::replay) == 0) {
    throw DecodeError("another type or run, or not marked as sent again");
  }
  if (head.sequence <= position || head.sequence > request.last) {
    throw DecodeError("not the sequence asked for");
  }
  Message message;
  codec::decode_body(message, route.kind, route.symbol, head.body);
  auto entry = entry_of(request.route, std::move(message), head, false);
  entry.is_state = false;
  return entry;
}

bool is_unanswered(const Failure& failure) {
  return failure.kind == FailureKind::timed_out || failure.kind == FailureKind::not_connected;
}

bool is_unknown_method(const Failure& failure) {
  return failure.kind == FailureKind::refused && failure.code == error_code::unknown_method;
}

bool is_busy(const Failure& failure) {
  static constexpr std::array codes{error_code::rate_limited, error_code::busy, error_code::timeout,
                                    error_code::upstream_down};
  if (is_unanswered(failure)) return true;
  // Who says when to ask again means that it will help.
  return failure.kind == FailureKind::refused &&
         (failure.retry_ms || std::ranges::find(codes, failure.code) != codes.end());
}

}  // namespace

Map ReplayRequest::params() const {
  return {
      {"topic", route->topic}, {"from_sequence", first}, {"to_sequence", last}, {"epoch", epoch}};
}

bool Replays::ask(const RoutePtr& route, std::int64_t epoch, std::int64_t first, std::int64_t last,
                  bool is_sure) {
  if (!is_supported_) return false;
  auto found = lines_.find(route->topic);
  if (found != lines_.end() && found->second.holes.back().second == first - 1 && is_sure) {
    found->second.holes.back().second = last;
    return true;
  }
  if (hole_count >= holes_max) {
    ++refused_count;
    return false;
  }
  if (found == lines_.end()) {
    found = lines_.emplace(route->topic, Line{route, epoch}).first;
    ready_.add(route->topic, true);
  }
  auto& line = found->second;
  line.holes.emplace_back(first, last);
  if (!is_sure) line.unsure_last = last;
  ++hole_count;
  return true;
}

bool Replays::is_awaited(const std::string& topic, std::int64_t epoch,
                         std::int64_t sequence) const {
  const auto found = lines_.find(topic);
  if (found == lines_.end() || found->second.epoch != epoch) return false;
  return std::ranges::any_of(found->second.holes, [sequence](const Range& hole) {
    return hole.first <= sequence && sequence <= hole.second;
  });
}

Gap Replays::lost(const Route& route, std::int64_t epoch, std::int64_t first, std::int64_t last) {
  lost_count += last - first + 1;
  return {route.topic, first, last, false, epoch, true};
}

std::vector<ReplayRequest> Replays::start(std::int64_t now_ns) {
  std::vector<ReplayRequest> started;
  if (is_paused || now_ns < resume_at_ns_) return started;
  resume_at_ns_ = 0;
  while (!ready_.empty() && outstanding_count_ < outstanding_max) {
    auto& line = lines_.at(ready_.pop_front().first);
    started.push_back(next_request(line));
    line.request_id = started.back().id;
    ++outstanding_count_;
    ++requested_count;
  }
  return started;
}

std::optional<std::int64_t> Replays::deadline_ns() const {
  return resume_at_ns_ == 0 ? std::nullopt : std::optional(resume_at_ns_);
}

/// Ask for the first hole, or as much of it as one request may, and for what is close to it.
ReplayRequest Replays::next_request(Line& line) {
  const auto [first, first_last] = line.holes.front();
  const auto limit = first + messages_max - 1;
  auto last = std::min(first_last, limit);
  auto hole_last = first_last;
  for (auto hole = line.holes.begin() + 1; hole != line.holes.end(); ++hole) {
    if (hole->second > limit || hole->first - last - 1 > apart_max) break;
    last = hole_last = hole->second;
  }
  return {++last_id_, line.route, line.epoch, first, last, hole_last};
}

void Replays::answered(const ReplayRequest& request, const Outcome& outcome, std::int64_t now_ns,
                       Entries& out) {
  const auto& topic = request.route->topic;
  const auto found = lines_.find(topic);
  if (found == lines_.end() || found->second.request_id != request.id) {
    ++late_count;
    return;
  }
  auto& line = found->second;
  line.request_id = 0;
  --outstanding_count_;
  const auto* const failure = std::get_if<Failure>(&outcome);
  unanswered_count_ = failure != nullptr && is_unanswered(*failure) ? unanswered_count_ + 1 : 0;
  if (failure == nullptr) {
    line.attempts = 0;
    take(line, request, std::get<Value>(outcome), out);
  } else if (is_to_be_tried_again(line, *failure, now_ns)) {
    ready_.add(topic, true, true);
    return;
  } else if (unanswered_count_ >= attempts_max || is_unknown_method(*failure)) {
    // Others would fare no better: a gateway without replay, or one that does not answer.
    is_supported_ = is_supported_ && !is_unknown_method(*failure);
    give_up_all(out);
    return;
  } else {
    line.attempts = 0;
    end(line, request.hole_last, {}, out);
  }
  if (line.holes.empty()) {
    lines_.erase(found);
  } else {
    ready_.add(topic, true);
  }
}

void Replays::give_up(const std::string& topic, Entries& out) {
  const auto found = lines_.find(topic);
  if (found == lines_.end()) return;
  const auto line = std::move(found->second);
  lines_.erase(found);
  ready_.erase(topic);
  if (line.request_id != 0) --outstanding_count_;
  hole_count -= static_cast<std::int64_t>(line.holes.size());
  for (const auto& hole : line.holes) tell_lost(line, hole, out);
}

void Replays::give_up_all(Entries& out) {
  while (!lines_.empty()) give_up(std::string(lines_.begin()->first), out);
}

void Replays::restart(Entries& out) {
  give_up_all(out);
  is_supported_ = true;
  unanswered_count_ = 0;
  resume_at_ns_ = 0;
}

void Replays::tell_lost(const Line& line, Range piece, Entries& out) {
  const auto first = std::max(piece.first, line.unsure_last + 1);
  if (first <= piece.second) {
    out.push_back(entry_of(lost(*line.route, line.epoch, first, piece.second)));
  }
}

/// Judge a failure; when another try makes sense, everything pauses before it.
bool Replays::is_to_be_tried_again(Line& line, const Failure& failure, std::int64_t now_ns) {
  ++line.attempts;
  if (!is_busy(failure) || line.attempts >= attempts_max) return false;
  auto wait_ns = pause_ns << (line.attempts - 1);
  if (failure.kind == FailureKind::refused && failure.retry_ms) {
    wait_ns = *failure.retry_ms * 1'000'000;
  }
  if (wait_ns > pause_ns_max) return false;
  ++retried_count;
  resume_at_ns_ = std::max(resume_at_ns_, now_ns + wait_ns);
  return true;
}

/// Sort an answer into what came and what never will.
void Replays::take(Line& line, const ReplayRequest& request, const Value& result, Entries& out) {
  static const Map nothing;
  static const Array none;
  const auto* const map = result.map();
  const auto& fields = map == nullptr ? nothing : *map;
  const auto* const bodies = fields.array("bodies");
  if (bodies == nullptr) ++bad_count;
  auto found = read(line, request, bodies == nullptr ? none : *bodies);
  auto last = request.last;
  if (!fields.is_true("complete")) {
    const auto oldest = fields.integer("oldest");
    if (!oldest) {
      last = request.hole_last;
    } else if (*oldest > request.last) {
      last = std::min(*oldest - 1, line.holes.back().second);
    } else if (!found.empty() && found.back().sequence < request.last) {
      // As much as one reply holds; the rest is still there.
      last = std::max(found.back().sequence, *oldest - 1);
    }
  }
  end(line, last, std::move(found), out);
}

/// Take the bodies that were lost; what is not as asked for is counted.
std::vector<Replays::Found> Replays::read(Line& line, const ReplayRequest& request,
                                          const Array& bodies) {
  auto hole = line.holes.begin();
  auto position = request.first - 1;
  std::vector<Found> found;
  for (const auto& body : bodies) {
    try {
      auto entry = checked(request, body, position);
      position = entry.sequence;
      while (hole->second < position && hole + 1 != line.holes.end()) ++hole;
      if (hole->first <= position && position <= hole->second) {
        found.push_back({position, std::move(entry)});
      }
    } catch (const DecodeError&) {
      ++bad_count;
    }
  }
  return found;
}

/// Take everything up to a sequence out of the holes and tell what became of it.
void Replays::end(Line& line, std::int64_t end, std::vector<Found> found, Entries& out) {
  std::vector<Range> came;
  for (const auto& row : found) came.emplace_back(row.sequence, row.sequence);
  came = joined(std::move(came));
  auto row = found.begin();
  while (!line.holes.empty() && line.holes.front().first <= end) {
    const auto [first, last] = line.holes.front();
    line.holes.pop_front();
    const Range ended{first, std::min(last, end)};
    const auto missing = without(ended, came);
    auto pieces = without(ended, missing);
    pieces.insert(pieces.end(), missing.begin(), missing.end());
    std::ranges::sort(pieces);
    for (const auto& piece : pieces) {
      if (std::ranges::find(missing, piece) != missing.end()) {
        tell_lost(line, piece, out);
        continue;
      }
      recovered_count += piece.second - piece.first + 1;
      for (; row != found.end() && row->sequence <= piece.second; ++row) {
        out.push_back(std::move(row->entry));
      }
      out.push_back(entry_of(Gap{line.route->topic, piece.first, piece.second, true, line.epoch}));
    }
    if (ended.second < last) {
      line.holes.emplace_front(ended.second + 1, last);
      break;
    }
    --hole_count;
  }
}

}  // namespace iqfeed_gateway
