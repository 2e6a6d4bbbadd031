//! What a slow application did not get to read, and how it is told. No I/O.
//!
//! When the queue is full, everything that waits is skipped but the newest value of each state
//! topic and the client's own events. What was skipped is kept here, as ranges of sequences, until
//! the application reads on: it then gets an Overrun and one Gap for each range.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::events::{Event, Gap, Overrun};
use crate::messages::message_type;
use crate::ranges::{joined, size, without, Range};
use crate::routes::{Entry, Pending, Slot};

/// Ranges told one by one; what is skipped beyond that is counted by the Overrun.
pub(crate) const RANGES_MAX: usize = 1_000;
/// Events of the client's own, and of the gateway's, that survive a skip.
pub(crate) const EVENTS_MAX: usize = 1_000;

/// Everything skipped since the application last looked.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// Of every message skipped; empty text stands for events that belong to none.
    pub(crate) topics: BTreeSet<Arc<str>>,
    has_value: BTreeSet<Arc<str>>,
    ranges: BTreeMap<(Arc<str>, u64), Vec<Range>>,
    range_count: usize,
    named_count: u64,
    /// Messages, and events of the client that found no room.
    count: u64,
}

struct Run {
    slot: Arc<Slot>,
    epoch: u64,
    range: Range,
}

impl Skipped {
    /// Note messages that are not delivered, oldest first.
    fn add_all(&mut self, entries: impl IntoIterator<Item = Pending>) {
        let mut runs: HashMap<Arc<str>, Run> = HashMap::new();
        for entry in entries {
            self.count += 1;
            let (slot, head) = (entry.slot, entry.head);
            if entry.is_snapshot || head.number == message_type::STATE {
                self.topics.insert(slot.topic.clone()); // An answer: it has no sequence of its own.
                continue;
            }
            if let Some(run) = runs.get_mut(&slot.topic) {
                if head.sequence == run.range.1 + 1 && head.epoch == run.epoch {
                    run.range.1 = head.sequence;
                    continue;
                }
            }
            let run = Run {
                slot: slot.clone(),
                epoch: head.epoch,
                range: (head.sequence, head.sequence),
            };
            if let Some(ended) = runs.insert(slot.topic.clone(), run) {
                self.add_run(&ended);
            }
        }
        for run in runs.values() {
            self.add_run(run);
        }
    }

    fn add_run(&mut self, run: &Run) {
        self.topics.insert(run.slot.topic.clone());
        if run.slot.has_value {
            self.has_value.insert(run.slot.topic.clone());
        }
        if self.add_range(&run.slot.topic, run.epoch, run.range) {
            self.named_count += size(run.range);
        }
    }

    /// Note what found no room, a message or an event of the client's own.
    fn add_any(&mut self, entry: Entry) {
        match entry {
            Entry::Message(entry) if !entry.is_state => self.add_all([entry]),
            Entry::Message(entry) => {
                self.topics.insert(entry.slot.topic.clone());
                self.count = self.count.saturating_add(1).saturating_add(entry.merged_add);
            }
            Entry::Event(Event::Gap(gap)) => {
                self.topics.insert(gap.topic.clone());
                self.count += 1;
                let range = (gap.first_missing, gap.last_missing);
                // A final one is the only word on these messages, so it must not vanish.
                if gap.is_final && self.add_range(&gap.topic, gap.epoch, range) {
                    self.named_count += 1;
                }
            }
            Entry::Event(_) => {
                self.topics.insert("".into());
                self.count += 1;
            }
            Entry::Skipped(_) => {}
        }
    }

    fn add_range(&mut self, topic: &Arc<str>, epoch: u64, range: Range) -> bool {
        let ranges = self.ranges.entry((topic.clone(), epoch)).or_default();
        match ranges.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(range.0) => last.1 = range.1,
            _ if self.range_count < RANGES_MAX => {
                self.range_count += 1;
                ranges.push(range);
            }
            _ => return false,
        }
        true
    }

    /// Cut what was skipped out of a Gap that still waits: the last word on it is another.
    pub(crate) fn cut(&self, gap: Gap) -> Vec<Gap> {
        let key = (gap.topic.clone(), gap.epoch);
        let Some(taken) = self.ranges.get(&key).filter(|taken| !taken.is_empty()) else {
            return vec![gap];
        };
        if gap.is_final || self.has_value.contains(&gap.topic) {
            return vec![gap];
        }
        let left = without((gap.first_missing, gap.last_missing), taken);
        left.into_iter()
            .map(|(first_missing, last_missing)| Gap { first_missing, last_missing, ..gap.clone() })
            .collect()
    }

    /// Spell it: the event that stands for all of it, and one for each range.
    pub(crate) fn told(&self) -> (Overrun, Vec<Gap>) {
        let mut gaps = Vec::new();
        for ((topic, epoch), ranges) in &self.ranges {
            for (first_missing, last_missing) in joined(ranges.clone()) {
                gaps.push(Gap {
                    topic: topic.clone(),
                    first_missing,
                    last_missing,
                    healed: false,
                    epoch: *epoch,
                    is_final: !self.has_value.contains(topic),
                });
            }
        }
        let mut topics = self.topics.iter();
        let only = match (topics.next(), topics.next()) {
            (Some(topic), None) if !topic.is_empty() => Some(topic.clone()),
            _ => None,
        };
        let overrun = Overrun {
            topic: only,
            dropped: self.count,
            unnamed: self.count.saturating_sub(self.named_count),
        };
        (overrun, gaps)
    }
}

/// What a skip leaves.
pub(crate) struct Rest {
    /// What still waits, oldest first; the one that says what was skipped is among them.
    pub(crate) entries: VecDeque<Entry>,
    /// Messages and events skipped.
    pub(crate) dropped_count: u64,
    /// State messages that a newer one of their topic stands for now.
    pub(crate) merged_count: u64,
}

/// Reduce what waits to what is current.
///
/// Keeps the client's own events and the gateway's, and the newest value of each state topic, of
/// which at most `values_max` (the oldest beyond that are skipped too). `base` is the place of the
/// first entry. What was skipped stands where the first message waited.
pub(crate) fn skip(entries: VecDeque<Entry>, base: u64, values_max: usize) -> Rest {
    let mut skipped = Box::<Skipped>::default();
    let mut kept: Vec<Entry> = Vec::new();
    let mut events: Vec<Pending> = Vec::new();
    let mut older: HashMap<Arc<str>, u64> = HashMap::new();
    let mut lead: Option<usize> = None;
    let (mut value_count, mut merged_count) = (0, 0);
    for (place, entry) in (base..).zip(entries) {
        match entry {
            Entry::Message(entry) => {
                lead = lead.or(Some(kept.len()));
                let newest = entry.slot.newest();
                if entry.slot.is_sys {
                    kept.push(Entry::Message(entry));
                } else if !entry.is_state {
                    events.push(entry);
                } else if newest == place || newest == 0 {
                    value_count += 1;
                    kept.push(Entry::Message(entry));
                } else {
                    merged_count += 1;
                    let merged = older.entry(entry.slot.topic.clone()).or_default();
                    *merged = merged.saturating_add(entry.merged());
                }
            }
            Entry::Skipped(earlier) => {
                lead = Some(kept.len());
                skipped = earlier;
            }
            event => kept.push(event),
        }
    }
    for entry in &mut kept {
        if let Entry::Message(entry) = entry {
            if entry.is_state {
                let merged = older.remove(&entry.slot.topic).unwrap_or(0);
                entry.merged_add = entry.merged_add.saturating_add(merged);
            }
        }
    }
    let count = skipped.count;
    skipped.add_all(events);
    let mut over = Over {
        events: (kept.len() - value_count).saturating_sub(EVENTS_MAX),
        values: value_count.saturating_sub(values_max),
    };
    let tail = kept.split_off(lead.unwrap_or(kept.len()));
    let mut rest: VecDeque<Entry> = within(kept, &mut skipped, &mut over).into();
    let tail = within(tail, &mut skipped, &mut over);
    let dropped_count = skipped.count - count;
    if skipped.count > 0 {
        rest.push_back(Entry::Skipped(skipped));
    }
    rest.extend(tail);
    Rest { entries: rest, dropped_count, merged_count }
}

/// How many entries are still to go, oldest first.
struct Over {
    events: usize,
    values: usize,
}

/// Let go of the oldest events and values there is no room for.
fn within(kept: Vec<Entry>, skipped: &mut Skipped, over: &mut Over) -> Vec<Entry> {
    let mut left = Vec::new();
    for entry in kept {
        let is_value = matches!(&entry, Entry::Message(entry) if entry.is_state);
        let room = if is_value { &mut over.values } else { &mut over.events };
        if *room > 0 {
            *room -= 1;
            if let Entry::Message(entry) = &entry {
                entry.slot.set_newest(0);
            }
            skipped.add_any(entry);
        } else if let Entry::Event(Event::Gap(gap)) = entry {
            left.extend(skipped.cut(gap).into_iter().map(|gap| Entry::Event(Event::Gap(gap))));
        } else {
            left.push(entry);
        }
    }
    left
}
