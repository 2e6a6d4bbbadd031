#include "intake.hpp"

#include <algorithm>

#include "iqfeed_gateway/errors.hpp"

namespace iqfeed_gateway {
namespace {

constexpr std::string_view tails_topic = sys_topics[1];

}  // namespace

Intake::Intake(Joins& joins, Replays& replays)
    : joins_(joins), replays_(replays), tails_(std::make_shared<Route>(std::string(tails_topic))) {
  for (const auto topic : sys_topics) add(std::string(topic));
}

// Topics.

RoutePtr Intake::route_of(std::string_view topic) const {
  const auto found = routes_.find(topic);
  return found == routes_.end() ? nullptr : found->second;
}

void Intake::add(const std::string& topic) {
  if (std::ranges::count(topic, ',') < 2) {
    prefixes_.insert(topic);
    return;
  }
  auto& route = routes_[topic];
  if (route == nullptr) route = topic == tails_topic ? tails_ : std::make_shared<Route>(topic);
  route->is_of_prefix = false;
}

void Intake::remove(const std::string& topic) {
  std::vector<std::string> gone{topic};
  if (prefixes_.erase(topic) > 0) {
    for (const auto& [name, route] : routes_) {
      if (route->is_of_prefix && name.starts_with(topic)) gone.push_back(name);
    }
  }
  for (const auto& name : gone) {
    if (routes_.erase(name) > 0) replays_.give_up(name, out);
    if (auto private_topic = joins_.forget(name)) answered.push_back(std::move(*private_topic));
  }
}

// Snapshots.

void Intake::ask(Route& route) {
  if (!route.has_snapshot) return;
  route.want_image();
  joins_.ask(route.topic);
}

void Intake::note_skipped(const std::vector<Gap>& gaps) {
  for (const auto& gap : gaps) {
    const auto route = route_of(gap.topic);
    if (route != nullptr && route->has_value && gap.epoch == route->tracker.epoch) {
      widen(*route, gap.first_missing, gap.last_missing);
    }
  }
}

void Intake::ask_again(std::string_view topic) {
  if (const auto route = route_of(topic)) ask(*route);
}

void Intake::ask_all_again(const std::function<bool(const std::string&)>& is_left_out) {
  for (const auto& [topic, route] : routes_) {
    if (!is_left_out || !is_left_out(route->symbol)) ask(*route);
  }
}

void Intake::ask_images_again() {
  for (const auto& [topic, route] : routes_) {
    if (route->has_image) ask(*route);
  }
}

// Frames.

void Intake::receive(std::string_view frame) {
  ++received_count;
  try {
    take(codec::split_frame(frame));
  } catch (const DecodeError&) {
    ++bad_frame_count;
  }
}

void Intake::take(const codec::FrameHead& head) {
  if (const auto found = routes_.find(head.topic); found != routes_.end()) {
    receive_on(found->second, head);
  } else {
    receive_other(head);
  }
}

void Intake::receive_on(const RoutePtr& route, const codec::FrameHead& head) {
  const auto [topic, body, number, message_epoch, sequence, flags] = head;
  if (number != route->type && !is_allowed(*route, number)) return;
  const bool is_known = is_known_type(number);
  Message message;
  // Before anything is noted: what cannot be decoded was not received.
  if (is_known) {
    codec::decode_body(message, route->kind, route->symbol, body);
  } else {
    codec::check_body(body);
    ++unknown_count;
  }
  if (message_epoch != epoch) note_epoch(message_epoch, flags);
  const auto [verdict, first, last] = route->tracker.update(message_epoch, sequence, flags);
  if (verdict == Verdict::gap) {
    note_gap(route, message_epoch, first, last);
  } else if (verdict == Verdict::restart) {
    route->begin_anew();
    fetch_start(route, message_epoch, sequence - 1);
  } else if (verdict == Verdict::repeat ||
             (verdict == Verdict::replayed &&
              // What is sent again to everybody was asked for already: it comes once.
              replays_.is_awaited(route->topic, message_epoch, sequence))) {
    ++repeat_count;
    return;
  }
  if (route->is_sys && is_known && receive_sys(message)) return;
  if (is_known) out.push_back(entry_of(route, std::move(message), head, false));
  if (route->needs_image || (route->has_image && number != route->type)) follow_book(route, head);
}

/// Judge a type number other than the kind's own; unknown ones are skipped, not lost.
bool Intake::is_allowed(const Route& route, std::int64_t number) {
  if (route.has_image && number == message_type::image) return true;
  if (route.is_sys && is_sys_carrier(number, route.symbol)) return true;
  if (!is_known_type(number)) return true;
  ++bad_frame_count;
  return false;
}

/// Have an image by the time updates come: they are of no use without.
///
/// The answer to the first request may have been a state, because there was no book yet, and
/// answers get lost. Only an image, or the first message of a run, ends the asking; the pauses
/// grow, so that a gateway without an image is not asked at every update.
void Intake::follow_book(const RoutePtr& route, const codec::FrameHead& head) {
  const auto sequence = head.sequence;
  if (route->tracker.epoch != head.epoch || route->tracker.sequence != sequence) {
    return;  // Sent again: the position has not moved.
  }
  if (head.type == message_type::image) {
    route->needs_image = false;
    note_healed(*route, head.epoch);
  } else if (head.type != route->type) {
    // A change that cannot be understood is a change lost.
    note_gap(route, head.epoch, sequence, sequence);
  } else if (sequence == 1) {
    route->needs_image = false;
  } else if (sequence >= route->ask_at && joins_.ask(route->topic)) {
    route->ask_at = sequence + route->ask_step;
    route->ask_step *= 2;
  }
}

/// Take a private answer, a topic under a prefix, or what was unsubscribed a moment ago.
void Intake::receive_other(const codec::FrameHead& head) {
  const std::string topic(head.topic);
  if (topic.starts_with('~')) {
    const auto base = joins_.base_of(topic);
    const auto route = base ? route_of(*base) : nullptr;
    if (route != nullptr) {
      receive_answer(route, head);
      return;
    }
    if (base) end_request(topic);
  } else if (prefixes_.contains(std::string_view(topic).substr(0, topic.find(',') + 1)) &&
             routes_.size() < routes_max) {
    add(topic);
    const auto route = route_of(topic);
    route->is_of_prefix = true;
    receive_on(route, head);
    return;
  }
  ++unrouted_count;
}

void Intake::end_request(const std::string& private_topic) {
  joins_.answered(private_topic);
  answered.push_back(private_topic);
}

/// Apply the answer to a snapshot request. One that nobody can read is none: it is overdue in its
/// time and asked for again then, because who was told of a gap waits for its end.
void Intake::receive_answer(const RoutePtr& route, const codec::FrameHead& head) {
  const auto [topic, body, number, answer_epoch, sequence, flags] = head;
  const bool is_state_answer = number == message_type::state && (flags & flag::snapshot) == 0;
  if (!is_state_answer && number != route->type &&
      !(route->has_image && number == message_type::image)) {
    ++bad_frame_count;
    return;
  }
  Message message;
  codec::decode_body(message, route->kind, route->symbol, body);
  end_request(std::string(topic));
  if (is_state_answer) {
    // Not a snapshot but why there is none; it says nothing of the sequence.
    route->needs_image = route->has_image;
    auto entry = entry_of(route, std::move(message), head, false);
    entry.is_state = false;
    entry.is_answer = true;
    out.push_back(std::move(entry));
    if (route->is_baseline && answer_epoch == epoch && epoch != route->tracker.epoch) {
      // Most likely nothing was published in this run; certain it is not.
      route->is_from_start = true;
      route->tracker.snapshot(answer_epoch, 0);
    }
    return;
  }
  if (answer_epoch != epoch) note_epoch(answer_epoch, 0);
  const auto [verdict, first, last] = route->tracker.snapshot(answer_epoch, sequence);
  if (verdict == Verdict::repeat) {
    ++repeat_count;
    if (route->gap_first != 0 || route->needs_image) joins_.ask(route->topic);
    return;
  }
  if (verdict == Verdict::gap) {
    add_gap(route, answer_epoch, first, last);
  } else if (verdict == Verdict::restart) {
    route->begin_anew();
    fetch_start(route, answer_epoch, sequence);
  }
  if (route->is_baseline) return;
  route->needs_image = false;
  out.push_back(entry_of(route, std::move(message), head, true));
  note_healed(*route, answer_epoch);
}

/// Handle heartbeats and tails; returns whether the message ends here.
bool Intake::receive_sys(const Message& message) {
  if (const auto* const tails = std::get_if<Tails>(&message)) {
    if (tails->details) receive_tails(tails->epoch, *tails->details);
    return true;
  }
  const auto* const heartbeat = std::get_if<Heartbeat>(&message);
  if (heartbeat == nullptr) return false;
  ++heartbeat_count;
  heartbeat_us = heartbeat->recv_us;
  const auto announced =
      heartbeat->details ? heartbeat->details->integer("tails_sequence") : std::nullopt;
  if (!announced || *announced < 0) return true;
  if (tails_->tracker.epoch != heartbeat->epoch) {
    tails_->tracker.snapshot(heartbeat->epoch, *announced);
  } else if (tails_->tracker.tail(heartbeat->epoch, *announced).verdict == Verdict::gap) {
    // Which topics fell quiet is unknown, so every position is asked for.
    ask_all_again();
  }
  return true;
}

void Intake::receive_tails(std::int64_t tails_epoch, const Map& details) {
  const auto* const tails = details.map("topics");
  if (tails == nullptr) {
    ++bad_frame_count;
    return;
  }
  for (const auto& [topic, value] : *tails) {
    const auto sequence = value.integer();
    if (!sequence || *sequence < 0) {
      ++bad_frame_count;
      continue;
    }
    const auto route = route_of(topic);
    if (route == nullptr) continue;
    if (route->tracker.epoch != tails_epoch) {
      // Whatever was published so far did not arrive; how much that is nobody can tell.
      if (route->tracker.snapshot(tails_epoch, *sequence).verdict == Verdict::restart) {
        fetch_start(route, tails_epoch, *sequence);
      }
      route->begin_anew();
      if (!route->is_baseline) ask(*route);
      continue;
    }
    const auto [verdict, first, last] = route->tracker.tail(tails_epoch, *sequence);
    if (verdict == Verdict::gap) note_gap(route, tails_epoch, first, last);
  }
}

// Loss.

/// Tell of lost messages and ask for what replaces them.
void Intake::note_gap(const RoutePtr& route, std::int64_t gap_epoch, std::int64_t first,
                      std::int64_t last) {
  if (route->topic == sys_topics[0]) return;  // The next heartbeat is as good.
  if (route->is_sys && (route->symbol == "tails" || route->symbol == "client")) {
    // What fell quiet is unknown, so every position is asked for.
    ask_all_again();
    if (route == tails_) return;
  }
  add_gap(route, gap_epoch, first, last);
  if (!route->is_baseline) ask(*route);
}

/// Fetch what a run published before we heard of it, as far as it did and still has it.
void Intake::fetch_start(const RoutePtr& route, std::int64_t start_epoch, std::int64_t last) {
  if (route->is_baseline && last > 0 && start_epoch == epoch) {
    replays_.ask(route, start_epoch, 1, last, false);
  }
}

/// Tell of lost messages, and have those fetched that nothing newer stands for.
void Intake::add_gap(const RoutePtr& route, std::int64_t gap_epoch, std::int64_t first,
                     std::int64_t last) {
  if (route->is_from_start) {
    route->is_from_start = false;
    if (first == 1) {
      fetch_start(route, gap_epoch, last);
      return;
    }
  }
  ++gap_count;
  missing_count += last - first + 1;
  if (route->has_value) {
    widen(*route, first, last);
  } else if (!route->is_baseline || gap_epoch != epoch ||
             !replays_.ask(route, gap_epoch, first, last)) {
    out.push_back(entry_of(replays_.lost(*route, gap_epoch, first, last)));
    return;
  }
  out.push_back(entry_of(Gap{route->topic, first, last, false, gap_epoch}));
}

/// Await a snapshot for a hole, and for those it is awaited for already.
void Intake::widen(Route& route, std::int64_t first, std::int64_t last) {
  route.gap_first = route.gap_first == 0 ? first : std::min(route.gap_first, first);
  route.gap_last = std::max(route.gap_last, last);
}

/// Tell that a snapshot stands for what was lost.
void Intake::note_healed(Route& route, std::int64_t healed_epoch) {
  if (route.gap_first == 0) return;
  out.push_back(entry_of(Gap{route.topic, route.gap_first, route.gap_last, true, healed_epoch}));
  route.gap_first = route.gap_last = 0;
}

/// Notice another run of the gateway; re-sent messages of an earlier one do not count.
void Intake::note_epoch(std::int64_t new_epoch, std::int64_t flags) {
  const auto old = epoch;
  if (old < 0) {
    epoch = new_epoch;
  } else if (new_epoch > old || (flags & resent_flags) == 0) {
    epoch = new_epoch;
    has_restarted = true;
    ++restart_count;
    replays_.restart(out);
    out.push_back(entry_of(GatewayRestarted{old, new_epoch}));
  }
}

}  // namespace iqfeed_gateway
