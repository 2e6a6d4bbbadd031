//! What one topic's message brings about: delivery, loss, healing. No I/O, no clock.

use crate::codec::Head;
use crate::events::{Event, GatewayRestarted};
use crate::joins::Joins;
use crate::messages::{flag, message_type, Message};
use crate::ranges::{size, Range};
use crate::replays::{gap_of, Replays};
use crate::routes::{Entry, Pending, Route};
use crate::tracker::{Verdict, RESENT};

/// A message that is for the client itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sys {
    Heartbeat,
    Tails,
}

/// Everything a topic's message may touch besides its own route.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) joins: Joins,
    pub(crate) replays: Replays,
    /// What the application is to get, in order; the engine takes it after every batch.
    pub(crate) out: Vec<Entry>,
    /// Private topics to unsubscribe from; the session takes them after every batch.
    pub(crate) answered: Vec<String>,
    /// Set when what was lost is unknown, so that every position is to be asked for.
    pub(crate) must_ask_all: bool,
    pub(crate) epoch: Option<u64>,
    /// Set when a new epoch was noticed; the session clears it.
    pub(crate) has_restarted: bool,
    pub(crate) heartbeat_count: u64,
    /// When the gateway published the last heartbeat, microseconds UTC.
    pub(crate) heartbeat_us: u64,
    pub(crate) received_count: u64,
    pub(crate) gap_count: u64,
    pub(crate) missing_count: u64,
    pub(crate) repeat_count: u64,
    pub(crate) bad_frame_count: u64,
    pub(crate) unknown_count: u64,
    pub(crate) unrouted_count: u64,
    pub(crate) restart_count: u64,
}

impl Flow {
    /// Want a fresh snapshot of a topic, if it has any.
    pub(crate) fn ask(&mut self, route: &mut Route) {
        if route.has_snapshot() {
            route.want_image();
            self.joins.ask(&route.slot.topic);
        }
    }

    /// Take a message on the topic itself; returns what is for the client, not the application.
    #[inline]
    pub(crate) fn take(&mut self, route: &mut Route, head: Head, body: &[u8]) -> Option<Sys> {
        let is_own = head.number == route.number;
        if !is_own && !self.is_allowed(route, head.number) {
            return None;
        }
        if self.epoch != Some(head.epoch) {
            self.note_epoch(head.epoch, head.flags);
        }
        match route.tracker.update(head.epoch, head.sequence, head.flags) {
            Verdict::Good => {}
            Verdict::Gap(first, last) => self.note_gap(route, head.epoch, (first, last)),
            Verdict::Restart => {
                route.begin_anew();
                self.fetch_start(route, head.epoch, head.sequence.saturating_sub(1));
            }
            Verdict::Repeat => {
                self.repeat_count += 1;
                return None;
            }
            Verdict::Replayed => {
                // What is sent again to everybody was asked for already: it comes once.
                let topic = &route.slot.topic;
                if self.replays.is_awaited(topic, head.epoch, head.sequence) {
                    self.repeat_count += 1;
                    return None;
                }
            }
        }
        if route.slot.is_sys {
            match head.number {
                message_type::HEARTBEAT => return Some(Sys::Heartbeat),
                message_type::TAILS => return Some(Sys::Tails),
                _ => {}
            }
        }
        if is_own || Message::is_known(head.number) {
            self.out.push(Entry::Message(Pending {
                is_state: route.is_state && is_own,
                ..Pending::new(&route.slot, head, body)
            }));
        }
        if route.needs_image || (route.has_image && !is_own) {
            self.follow_book(route, head);
        }
        None
    }

    /// Have an image by the time updates come: they are of no use without.
    ///
    /// The answer to the first request may have been a state, because there was no book yet, and
    /// answers get lost. Only an image, or the first message of a run, ends the asking; the pauses
    /// grow, so that a gateway without an image is not asked at every update.
    fn follow_book(&mut self, route: &mut Route, head: Head) {
        if (route.tracker.epoch, route.tracker.sequence) != (Some(head.epoch), head.sequence) {
            return; // Sent again: the position has not moved.
        }
        if head.number == message_type::IMAGE {
            route.needs_image = false;
            self.note_healed(route, head.epoch);
        } else if head.number != route.number {
            // A change that cannot be understood is a change lost.
            self.note_gap(route, head.epoch, (head.sequence, head.sequence));
        } else if head.sequence == 1 {
            route.needs_image = false;
        } else if head.sequence >= route.ask_at && self.joins.ask(&route.slot.topic) {
            route.ask_at = head.sequence.saturating_add(route.ask_step);
            route.ask_step = route.ask_step.saturating_mul(2);
        }
    }

    /// Judge a number other than the kind's own; unknown ones are skipped, not lost.
    fn is_allowed(&mut self, route: &Route, number: u64) -> bool {
        if route.numbers.contains(&number) {
            return true;
        }
        if Message::is_known(number) {
            self.bad_frame_count += 1;
            return false;
        }
        self.unknown_count += 1;
        true
    }

    /// Apply the answer to a snapshot request.
    pub(crate) fn take_answer(&mut self, route: &mut Route, head: Head, body: &[u8]) {
        let Head { number, epoch, sequence, .. } = head;
        if number == message_type::STATE && head.flags & flag::SNAPSHOT == 0 {
            // Not a snapshot but why there is none; it says nothing of the sequence.
            route.needs_image = route.has_image;
            self.out.push(Entry::Message(Pending::new(&route.slot, head, body)));
            let is_of_run = self.epoch == Some(epoch);
            if route.is_baseline && is_of_run && route.tracker.epoch != Some(epoch) {
                // Most likely nothing was published in this run; certain it is not.
                route.is_from_start = true;
                route.tracker.snapshot(epoch, 0);
            }
            return;
        }
        if !route.numbers.contains(&number) {
            self.bad_frame_count += 1;
            return;
        }
        if self.epoch != Some(epoch) {
            self.note_epoch(epoch, 0);
        }
        match route.tracker.snapshot(epoch, sequence) {
            Verdict::Repeat => {
                self.repeat_count += 1;
                if route.hole.is_some() || route.needs_image {
                    self.joins.ask(&route.slot.topic);
                }
                return;
            }
            Verdict::Gap(first, last) => self.add_gap(route, epoch, (first, last)),
            Verdict::Restart => {
                route.begin_anew();
                self.fetch_start(route, epoch, sequence);
            }
            Verdict::Good | Verdict::Replayed => {}
        }
        if route.is_baseline {
            return;
        }
        route.needs_image = false;
        self.out.push(Entry::Message(Pending {
            is_state: route.is_state,
            is_snapshot: true,
            ..Pending::new(&route.slot, head, body)
        }));
        self.note_healed(route, epoch);
    }

    /// Tell that a snapshot stands for what was lost.
    fn note_healed(&mut self, route: &mut Route, epoch: u64) {
        if let Some(hole) = route.hole.take() {
            self.out.push(gap_of(&route.slot, epoch, hole, true, false));
        }
    }

    /// Take the gateway's word on the last sequence of a topic that fell quiet.
    pub(crate) fn take_tail(&mut self, route: &mut Route, epoch: u64, sequence: u64) {
        if route.tracker.epoch == Some(epoch) {
            if let Verdict::Gap(first, last) = route.tracker.tail(epoch, sequence) {
                self.note_gap(route, epoch, (first, last));
            }
            return;
        }
        // Whatever was published so far did not arrive; how much that is nobody can tell.
        if route.tracker.snapshot(epoch, sequence) == Verdict::Restart {
            self.fetch_start(route, epoch, sequence);
        }
        route.begin_anew();
        if !route.is_baseline {
            self.ask(route);
        }
    }

    /// Tell of lost messages and ask for what replaces them.
    fn note_gap(&mut self, route: &mut Route, epoch: u64, hole: Range) {
        if route.number == message_type::HEARTBEAT {
            return; // The next one is as good.
        }
        if route.slot.is_sys && matches!(route.slot.symbol.as_ref(), "tails" | "client") {
            // What fell quiet is unknown, so every position is asked for.
            self.must_ask_all = true;
            if route.number == message_type::TAILS {
                return;
            }
        }
        self.add_gap(route, epoch, hole);
        if !route.is_baseline {
            self.ask(route);
        }
    }

    /// Fetch what a run published before we heard of it, as far as it did and still has it.
    fn fetch_start(&mut self, route: &Route, epoch: u64, last: u64) {
        if route.is_baseline && last > 0 && self.epoch == Some(epoch) {
            self.replays.ask(&route.slot, route.number, epoch, (1, last), false);
        }
    }

    /// Tell of lost messages, and have those fetched that nothing newer stands for.
    fn add_gap(&mut self, route: &mut Route, epoch: u64, hole: Range) {
        if std::mem::take(&mut route.is_from_start) && hole.0 == 1 {
            self.fetch_start(route, epoch, hole.1);
            return;
        }
        self.gap_count += 1;
        self.missing_count = self.missing_count.saturating_add(size(hole));
        if route.slot.has_value {
            route.widen(hole.0, hole.1);
        } else if !(route.is_baseline
            && self.epoch == Some(epoch)
            && self.replays.ask(&route.slot, route.number, epoch, hole, true))
        {
            let lost = self.replays.lost(&route.slot, epoch, hole);
            self.out.push(lost);
            return;
        }
        self.out.push(gap_of(&route.slot, epoch, hole, false, false));
    }

    /// Notice another run of the gateway; re-sent messages of an earlier one do not count.
    fn note_epoch(&mut self, epoch: u64, flags: u64) {
        let Some(old) = self.epoch else {
            self.epoch = Some(epoch);
            return;
        };
        if epoch > old || flags & RESENT == 0 {
            self.epoch = Some(epoch);
            self.has_restarted = true;
            self.restart_count += 1;
            let told = self.replays.restart();
            self.out.extend(told);
            self.out.push(Entry::Event(Event::GatewayRestarted(GatewayRestarted {
                old_epoch: old,
                new_epoch: epoch,
            })));
        }
    }
}
