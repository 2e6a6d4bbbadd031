//! Lost events: which are wanted again, asked for, recovered, given up. No I/O.
//!
//! Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
//! fetched with the method `replay`. Every hole ends in one of two ways, and says which: its
//! messages are delivered and a Gap with `healed` follows, or a Gap with `is_final` says that they
//! never come. A hole may end partly this way and partly that way.
//!
//! Each topic has one request under way at a time, so what is recovered comes in order, and only so
//! many topics have one. Holes close to each other share a request: of its answer only what is
//! missing is taken. When the gateway is busy or does not answer, everything pauses; a topic whose
//! requests fail too often is given up.

mod answers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::errors::{Error, Result};
use crate::events::{Event, Gap};
use crate::ranges::{size, Range};
use crate::routes::{Entry, Slot};
use crate::value::Value;

/// Requests under way at a time.
pub(crate) const OUTSTANDING_MAX: usize = 8;
/// Messages asked for at a time: while they are taken in, nothing else is read.
pub(crate) const MESSAGES_MAX: u64 = 1_000;
/// Holes waiting at a time; what is lost beyond that is lost for good.
pub(crate) const HOLES_MAX: usize = 20_000;
/// After so many requests in a row that failed, a topic's first hole is given up.
pub(crate) const ATTEMPTS_MAX: u32 = 5;
/// Messages between two holes that are fetched again, and ignored, to save a request.
const APART_MAX: u64 = 50;
/// One request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct ReplayRequest {
    id: u64,
    pub(crate) slot: Arc<Slot>,
    number: u64,
    pub(crate) epoch: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Last sequence of the hole that `last` is in: it may be longer than one request.
    hole_last: u64,
}

impl ReplayRequest {
    /// Spell the parameters of `replay`.
    pub(crate) fn params(&self) -> Value {
        Value::map([
            ("topic", self.slot.topic.clone().into()),
            ("from_sequence", self.first.into()),
            ("to_sequence", self.last.into()),
            ("epoch", self.epoch.into()),
        ])
    }
}

/// The holes of one topic, in one run of the gateway.
#[derive(Debug)]
struct Line {
    slot: Arc<Slot>,
    number: u64,
    epoch: u64,
    /// Ascending, apart from each other.
    holes: VecDeque<Range>,
    /// Up to here it is not known whether the sequences were ever published.
    unsure_last: u64,
    /// Requests that failed since the last one that did not.
    attempts: u32,
    /// The request under way.
    request_id: Option<u64>,
}

/// The holes of all topics of one client.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    lines: BTreeMap<Arc<str>, Line>,
    /// Topics without a request under way.
    ready: VecDeque<Arc<str>>,
    outstanding_count: usize,
    resume_at_ns: Option<u64>,
    unanswered_count: u32,
    is_unsupported: bool,
    next_id: u64,
    /// Set while the gateway is not heard: asking would only use up attempts.
    pub(crate) is_paused: bool,
    pub(crate) hole_count: usize,
    pub(crate) requested_count: u64,
    pub(crate) retried_count: u64,
    /// Messages delivered by replay.
    pub(crate) recovered_count: u64,
    /// Messages lost for good.
    pub(crate) lost_count: u64,
    /// Holes that found no room.
    pub(crate) refused_count: u64,
    /// Bodies that were not what was asked for.
    pub(crate) bad_count: u64,
    /// Answers nobody waited for any more.
    pub(crate) late_count: u64,
}

impl Replays {
    /// Want messages again that were lost; they come after all that is wanted already.
    ///
    /// `is_sure`: whether they were published; if not, those that do not come are not told. Returns
    /// whether it will be tried: not when the gateway has no replay, or too much waits.
    pub(crate) fn ask(
        &mut self,
        slot: &Arc<Slot>,
        number: u64,
        epoch: u64,
        hole: Range,
        is_sure: bool,
    ) -> bool {
        if self.is_unsupported {
            return false;
        }
        if let Some(last) = self.lines.get_mut(&slot.topic).and_then(|line| line.holes.back_mut()) {
            if is_sure && last.1.checked_add(1) == Some(hole.0) {
                last.1 = hole.1;
                return true;
            }
        }
        if self.hole_count >= HOLES_MAX {
            self.refused_count += 1;
            return false;
        }
        let line = self.lines.entry(slot.topic.clone()).or_insert_with(|| {
            self.ready.push_back(slot.topic.clone());
            Line {
                slot: slot.clone(),
                number,
                epoch,
                holes: VecDeque::new(),
                unsure_last: 0,
                attempts: 0,
                request_id: None,
            }
        });
        line.holes.push_back(hole);
        if !is_sure {
            line.unsure_last = hole.1;
        }
        self.hole_count += 1;
        true
    }

    /// Whether a message is still to come by replay.
    pub(crate) fn is_awaited(&self, topic: &str, epoch: u64, sequence: u64) -> bool {
        self.lines.get(topic).is_some_and(|line| {
            line.epoch == epoch
                && line.holes.iter().any(|(first, last)| (*first..=*last).contains(&sequence))
        })
    }

    /// Count messages that never come, and spell the event that says so.
    pub(crate) fn lost(&mut self, slot: &Slot, epoch: u64, hole: Range) -> Entry {
        self.lost_count = self.lost_count.saturating_add(size(hole));
        gap_of(slot, epoch, hole, false, true)
    }

    /// Take the requests that are to be sent now.
    pub(crate) fn start(&mut self, now_ns: u64) -> Vec<ReplayRequest> {
        let mut started = Vec::new();
        if self.is_paused || self.resume_at_ns.is_some_and(|at_ns| now_ns < at_ns) {
            return started;
        }
        self.resume_at_ns = None;
        while self.outstanding_count < OUTSTANDING_MAX {
            let Some(topic) = self.ready.pop_front() else {
                break;
            };
            self.next_id += 1;
            let Some(line) = self.lines.get_mut(&topic) else {
                continue;
            };
            let Some(request) = next_request(line, self.next_id) else {
                continue;
            };
            line.request_id = Some(request.id);
            self.outstanding_count += 1;
            self.requested_count += 1;
            started.push(request);
        }
        started
    }

    /// Monotonic time at which a pause is over; `None` when nothing waits for that.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.resume_at_ns
    }

    /// Note how a request ended; returns what the application is to get, in order.
    pub(crate) fn answered(
        &mut self,
        request: &ReplayRequest,
        outcome: Result<Value>,
        now_ns: u64,
    ) -> Vec<Entry> {
        let topic = &request.slot.topic;
        let is_awaited = |line: &Line| line.request_id == Some(request.id);
        if !self.lines.get(topic).is_some_and(is_awaited) {
            self.late_count += 1;
            return Vec::new();
        }
        // Taken out while it is worked on; it goes back unless nothing is left to fetch.
        let Some(mut line) = self.lines.remove(topic) else {
            return Vec::new();
        };
        line.request_id = None;
        self.outstanding_count -= 1;
        if matches!(outcome, Err(Error::RequestTimedOut(_) | Error::NotConnected(_))) {
            self.unanswered_count += 1;
        } else {
            self.unanswered_count = 0;
        }
        let out = match outcome {
            Ok(result) => {
                line.attempts = 0;
                self.take(&mut line, request, &result)
            }
            Err(error) if self.is_to_be_tried_again(&mut line, &error, now_ns) => {
                self.ready.push_front(topic.clone());
                self.lines.insert(topic.clone(), line);
                return Vec::new();
            }
            Err(error) => {
                let is_without = error.code() == "unknown_method";
                if self.unanswered_count >= ATTEMPTS_MAX || is_without {
                    // Others would fare no better: a gateway without replay, or a silent one.
                    self.is_unsupported |= is_without;
                    let mut out = self.tell_lost(line);
                    out.extend(self.give_up_all());
                    return out;
                }
                line.attempts = 0;
                self.end(&mut line, request.hole_last, Vec::new())
            }
        };
        if !line.holes.is_empty() {
            self.ready.push_back(topic.clone());
            self.lines.insert(topic.clone(), line);
        }
        out
    }

    /// Stop wanting what a topic lost; returns what is to be told of it.
    pub(crate) fn give_up(&mut self, topic: &str) -> Vec<Entry> {
        let Some(line) = self.lines.remove(topic) else {
            return Vec::new();
        };
        self.ready.retain(|known| known.as_ref() != topic);
        if line.request_id.is_some() {
            self.outstanding_count -= 1;
        }
        self.tell_lost(line)
    }

    fn tell_lost(&mut self, line: Line) -> Vec<Entry> {
        self.hole_count -= line.holes.len();
        let holes: Vec<Range> = line.holes.iter().copied().collect();
        holes.into_iter().filter_map(|hole| self.lose(&line, hole)).collect()
    }

    /// Stop wanting anything; returns what is to be told.
    pub(crate) fn give_up_all(&mut self) -> Vec<Entry> {
        let topics: Vec<Arc<str>> = self.lines.keys().cloned().collect();
        topics.iter().flat_map(|topic| self.give_up(topic)).collect()
    }

    /// Follow another run of the gateway: what the earlier one kept went with it.
    pub(crate) fn restart(&mut self) -> Vec<Entry> {
        let out = self.give_up_all();
        self.is_unsupported = false;
        self.unanswered_count = 0;
        self.resume_at_ns = None;
        out
    }

    fn lose(&mut self, line: &Line, piece: Range) -> Option<Entry> {
        let first = piece.0.max(line.unsure_last.saturating_add(1));
        (first <= piece.1).then(|| self.lost(&line.slot, line.epoch, (first, piece.1)))
    }
}

/// Spell a Gap as an entry of the stream.
pub(crate) fn gap_of(slot: &Slot, epoch: u64, hole: Range, healed: bool, is_final: bool) -> Entry {
    Entry::Event(Event::Gap(Gap {
        topic: slot.topic.clone(),
        first_missing: hole.0,
        last_missing: hole.1,
        healed,
        epoch,
        is_final,
    }))
}

/// Ask for the first hole, or as much of it as one request may, and for what is close to it.
fn next_request(line: &Line, id: u64) -> Option<ReplayRequest> {
    let mut holes = line.holes.iter();
    let (first, mut hole_last) = *holes.next()?;
    let limit = first.saturating_add(MESSAGES_MAX - 1);
    let mut last = hole_last.min(limit);
    for (later_first, later_last) in holes {
        if *later_last > limit || later_first.saturating_sub(last + 1) > APART_MAX {
            break;
        }
        last = *later_last;
        hole_last = *later_last;
    }
    Some(ReplayRequest {
        id,
        slot: line.slot.clone(),
        number: line.number,
        epoch: line.epoch,
        first,
        last,
        hole_last,
    })
}
