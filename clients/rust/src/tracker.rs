//! What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.
//!
//! A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch
//! has the next sequence; anything else says that something was lost, repeated or restarted. A
//! snapshot carries the sequence of the last message published on its topic, so the same pair of
//! numbers says how the snapshot and the updates around it fit together.

use crate::messages::flag::{BACKFILL, REPLAY};

/// Flags of a message that was sent before.
pub(crate) const RESENT: u64 = REPLAY | BACKFILL;

/// What to do with the message just observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next one, or the first ever seen: deliver it.
    Good,
    /// Deliver it, and tell that messages were lost: the first and the last of them.
    Gap(u64, u64),
    /// Deliver it; the gateway began a new epoch and its sequences start over.
    Restart,
    /// Already seen, or overtaken by what was: ignore it.
    Repeat,
    /// Sent again on purpose with its original sequence: deliver it; the position does not move.
    Replayed,
}

/// The position on one topic.
#[derive(Debug, Default)]
pub(crate) struct TopicTracker {
    /// Epoch of the last message, Unix milliseconds; `None` while nothing is known.
    pub(crate) epoch: Option<u64>,
    /// Sequence of the last message.
    pub(crate) sequence: u64,
}

impl TopicTracker {
    /// Observe a message on the topic itself.
    ///
    /// Of `flags` only REPLAY and BACKFILL matter. SNAPSHOT does not: on the base topic it marks an
    /// old value in a new message with a sequence of its own.
    #[inline]
    pub(crate) fn update(&mut self, epoch: u64, sequence: u64, flags: u64) -> Verdict {
        if self.epoch == Some(epoch) {
            let missing = self.sequence.saturating_add(1);
            if sequence >= missing {
                self.sequence = sequence;
                return if sequence == missing {
                    Verdict::Good
                } else {
                    Verdict::Gap(missing, sequence - 1)
                };
            }
            return if flags & RESENT != 0 { Verdict::Replayed } else { Verdict::Repeat };
        }
        if flags & RESENT != 0 && self.epoch.map_or(true, |known| epoch < known) {
            return Verdict::Replayed;
        }
        self.start(epoch, sequence)
    }

    /// Observe the answer on the topic's private snapshot topic.
    ///
    /// It travels down the same pipe as the updates, so a snapshot ahead of the position proves
    /// that the updates between were lost, and one behind it is out of date.
    pub(crate) fn snapshot(&mut self, epoch: u64, sequence: u64) -> Verdict {
        if self.epoch != Some(epoch) {
            return self.start(epoch, sequence);
        }
        if sequence < self.sequence {
            return Verdict::Repeat;
        }
        self.tail(epoch, sequence)
    }

    /// Observe an announcement of the last sequence published on the topic.
    pub(crate) fn tail(&mut self, epoch: u64, sequence: u64) -> Verdict {
        if self.epoch != Some(epoch) || sequence <= self.sequence {
            return Verdict::Good;
        }
        let missing = self.sequence + 1;
        self.sequence = sequence;
        Verdict::Gap(missing, sequence)
    }

    fn start(&mut self, epoch: u64, sequence: u64) -> Verdict {
        let is_first = self.epoch.is_none();
        self.epoch = Some(epoch);
        self.sequence = sequence;
        if is_first {
            Verdict::Good
        } else {
            Verdict::Restart
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TopicTracker, Verdict, REPLAY};

    #[test]
    fn every_hole_is_seen() {
        let mut tracker = TopicTracker::default();
        assert_eq!(tracker.update(5, 7, 0), Verdict::Good);
        assert_eq!(tracker.update(5, 8, 0), Verdict::Good);
        assert_eq!(tracker.update(5, 11, 0), Verdict::Gap(9, 10));
        assert_eq!(tracker.tail(5, 13), Verdict::Gap(12, 13));
        assert_eq!(tracker.snapshot(5, 15), Verdict::Gap(14, 15));
        assert_eq!(tracker.update(5, 15, 0), Verdict::Repeat);
        assert_eq!(tracker.snapshot(5, 3), Verdict::Repeat);
        assert_eq!(tracker.update(5, 10, REPLAY), Verdict::Replayed);
        assert_eq!(tracker.update(6, 1, 0), Verdict::Restart);
        assert_eq!(tracker.update(5, 99, REPLAY), Verdict::Replayed);
        assert_eq!(tracker.update(6, 2, 0), Verdict::Good);
    }
}
