// What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.
//
// A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch has
// the next sequence; anything else says that something was lost, repeated or restarted. A snapshot
// carries the sequence of the last message published on its topic, so the same pair of numbers says
// how the snapshot and the updates around it fit together.
#pragma once

#include <cstdint>

#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {

/// Flags of what was sent before.
inline constexpr std::int64_t resent_flags = flag::replay | flag::backfill;

/// What to do with the message just observed.
enum class Verdict {
  /// The next one, or the first ever seen: deliver it.
  good,
  /// Deliver it, and tell that `first_missing` to `last_missing` were lost.
  gap,
  /// Deliver it; the gateway began a new epoch and its sequences start over.
  restart,
  /// Already seen, or overtaken by what was: ignore it.
  repeat,
  /// Re-sent on purpose with its original sequence: deliver it; the position does not move.
  replayed,
};

/// A verdict with the hole it found; the sequences are 0 unless it is `gap`.
struct Observation {
  Verdict verdict;
  std::int64_t first_missing = 0;
  std::int64_t last_missing = 0;
};

/// The position on one topic.
class TopicTracker {
 public:
  /// Epoch of the last message, Unix milliseconds; -1 while nothing is known.
  std::int64_t epoch = -1;
  /// Sequence of the last message.
  std::int64_t sequence = 0;

  /// Observe a message on the topic itself. Of the flags only REPLAY and BACKFILL matter: SNAPSHOT
  /// on the base topic marks an old value in a new message with a sequence of its own.
  Observation update(std::int64_t message_epoch, std::int64_t message_sequence,
                     std::int64_t flags) noexcept {
    if (message_epoch == epoch) {
      const auto missing = sequence + 1;
      if (message_sequence == missing) {
        sequence = message_sequence;
        return {Verdict::good};
      }
      if (message_sequence > missing) {
        sequence = message_sequence;
        return {Verdict::gap, missing, message_sequence - 1};
      }
      return {(flags & resent_flags) != 0 ? Verdict::replayed : Verdict::repeat};
    }
    if ((flags & resent_flags) != 0 && (epoch < 0 || message_epoch < epoch)) {
      return {Verdict::replayed};
    }
    return start(message_epoch, message_sequence);
  }

  /// Observe the answer on the topic's private snapshot topic.
  ///
  /// It travels down the same pipe as the updates, so a snapshot ahead of the position proves that
  /// the updates between were lost (`gap`; the snapshot holds their result), and one behind it is
  /// out of date (`repeat`).
  Observation snapshot(std::int64_t answer_epoch, std::int64_t answer_sequence) noexcept {
    if (answer_epoch != epoch) return start(answer_epoch, answer_sequence);
    if (answer_sequence < sequence) return {Verdict::repeat};
    return tail(answer_epoch, answer_sequence);
  }

  /// Observe an announcement of the last sequence published: `gap` when messages before it were
  /// lost, else `good`.
  Observation tail(std::int64_t last_epoch, std::int64_t last_sequence) noexcept {
    if (last_epoch != epoch || last_sequence <= sequence) return {Verdict::good};
    const auto missing = sequence + 1;
    sequence = last_sequence;
    return {Verdict::gap, missing, last_sequence};
  }

 private:
  Observation start(std::int64_t new_epoch, std::int64_t new_sequence) noexcept {
    const bool is_first = epoch < 0;
    epoch = new_epoch;
    sequence = new_sequence;
    return {is_first ? Verdict::good : Verdict::restart};
  }
};

}  // namespace iqfeed_gateway
