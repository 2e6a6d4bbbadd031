//! The bounded queue between the reader thread and the application.
//!
//! A fast application gets every message in order. When it is slow and more than `conflate_above`
//! entries wait, a state message replaces the one of the same topic that still waits (flag
//! CONFLATED, `merged` added up). When the queue is full, or what waits is too old, all of it is
//! skipped but the newest values: an Overrun says how much, Gaps say what exactly, and what is read
//! next is current. The reader never waits for the application, so the socket is always drained.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::events::{Event, Gap, Overrun};
use crate::routes::{Entry, Pending};
use crate::skips::{skip, Skipped};

/// How exactly the age of what waits is known.
const MARK_NS: u64 = 10_000_000;
/// Place of the first entry ever: places stay above 0 whatever is put in front.
const FIRST_PLACE: u64 = 1 << 32;

/// What was taken from the queue.
pub(crate) enum Taken {
    Message(Pending),
    Event(Event),
    /// The application has come to what was skipped; the Gaps follow in the queue.
    Overrun(Overrun, BTreeSet<Arc<str>>, Vec<Gap>),
}

/// What the queue has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueCounters {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) conflated: u64,
    pub(crate) skips: u64,
}

/// Many readers, one writer.
#[derive(Debug)]
pub(crate) struct DeliveryQueue {
    pub(crate) capacity: usize,
    conflate_above: usize,
    skip_after_ns: Option<u64>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner {
    entries: VecDeque<Entry>,
    /// Place of the oldest entry: it grows with each one taken.
    base: u64,
    /// Place of the one that says what was skipped, if any.
    skipped_at: Option<u64>,
    /// The place behind the entries of a moment, and when it began.
    marks: VecDeque<(u64, u64)>,
    limit: usize,
    waiting_count: usize,
    is_closed: bool,
    counters: QueueCounters,
}

impl Inner {
    fn end(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn skipped(&mut self) -> Option<&mut Skipped> {
        let index = usize::try_from(self.skipped_at? - self.base).ok()?;
        match self.entries.get_mut(index) {
            Some(Entry::Skipped(skipped)) => Some(skipped),
            _ => None,
        }
    }

    fn waiting_at(&mut self, place: u64) -> Option<&mut Pending> {
        let index = usize::try_from(place.checked_sub(self.base)?).ok()?;
        match self.entries.get_mut(index) {
            Some(Entry::Message(entry)) => Some(entry),
            _ => None,
        }
    }

    fn push(&mut self, entry: Entry) {
        if let Entry::Message(entry) = &entry {
            if entry.is_state {
                entry.slot.set_newest(self.end());
            }
        }
        self.entries.push_back(entry);
    }

    fn age_ns(&mut self, now_ns: u64) -> u64 {
        while self.marks.front().is_some_and(|(end, _)| *end <= self.base) {
            self.marks.pop_front();
        }
        self.marks.front().map_or(0, |(_, at_ns)| now_ns.saturating_sub(*at_ns))
    }

    /// Note when the newest entries came, which costs nothing while the queue stays empty.
    fn mark(&mut self, now_ns: u64) {
        let end = self.end();
        match self.marks.back_mut() {
            Some((last, at_ns)) if now_ns.saturating_sub(*at_ns) < MARK_NS => *last = end,
            Some((last, _)) if *last >= end => {}
            _ => {
                self.age_ns(now_ns);
                self.marks.push_back((end, now_ns));
            }
        }
    }
}

impl DeliveryQueue {
    pub(crate) fn new(capacity: usize, conflate_above: usize, skip_after_ns: Option<u64>) -> Self {
        let inner = Inner {
            entries: VecDeque::new(),
            base: FIRST_PLACE,
            skipped_at: None,
            marks: VecDeque::new(),
            limit: capacity,
            waiting_count: 0,
            is_closed: false,
            counters: QueueCounters::default(),
        };
        Self {
            capacity,
            conflate_above,
            skip_after_ns,
            inner: Mutex::new(inner),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half way; if it did, reading on beats a second panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add a batch in order; never waits.
    pub(crate) fn extend(&self, batch: impl IntoIterator<Item = Entry>, now_ns: u64) {
        let mut inner = self.lock();
        self.skip_old(&mut inner, now_ns);
        for entry in batch {
            self.put(&mut inner, entry, now_ns);
        }
        inner.mark(now_ns);
        let is_awaited = inner.waiting_count > 0;
        drop(inner);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    fn put(&self, inner: &mut Inner, entry: Entry, now_ns: u64) {
        let entry = match entry {
            Entry::Message(entry)
                if entry.is_state && inner.entries.len() >= self.conflate_above =>
            {
                match inner.waiting_at(entry.slot.newest()) {
                    Some(older) => {
                        // The newer value, with how many updates it stands for.
                        let merged_add = entry.merged_add.saturating_add(older.merged());
                        *older = Pending { merged_add, ..entry };
                        inner.counters.conflated += 1;
                        return;
                    }
                    None => Entry::Message(entry),
                }
            }
            entry => entry,
        };
        if inner.entries.len() >= inner.limit {
            self.skip(inner, now_ns);
        }
        match entry {
            Entry::Event(Event::Gap(gap)) => {
                // What it says was recovered may have been skipped a moment ago.
                let gaps = match inner.skipped() {
                    Some(skipped) => skipped.cut(gap),
                    None => vec![gap],
                };
                for gap in gaps {
                    inner.push(Entry::Event(Event::Gap(gap)));
                }
            }
            entry => inner.push(entry),
        }
    }

    /// Whether the application keeps up, so that more than live messages may come.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().entries.len() < self.conflate_above
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    pub(crate) fn counters(&self) -> QueueCounters {
        self.lock().counters
    }

    /// How long the oldest entry has waited; 0 when none waits.
    pub(crate) fn age_ns(&self, now_ns: u64) -> u64 {
        self.lock().age_ns(now_ns)
    }

    /// Skip what has waited too long, if that was asked for.
    pub(crate) fn skip_if_old(&self, now_ns: u64) {
        self.skip_old(&mut self.lock(), now_ns);
    }

    fn skip_old(&self, inner: &mut Inner, now_ns: u64) {
        if self.skip_after_ns.is_some_and(|after_ns| inner.age_ns(now_ns) > after_ns) {
            self.skip(inner, now_ns);
        }
    }

    fn skip(&self, inner: &mut Inner, now_ns: u64) {
        let entries = std::mem::take(&mut inner.entries);
        let rest = skip(entries, inner.base, self.capacity / 2);
        inner.skipped_at = None;
        // Everything has a new place now.
        for entry in rest.entries {
            if matches!(entry, Entry::Skipped(_)) {
                inner.skipped_at = Some(inner.end());
            }
            inner.push(entry);
        }
        let half = self.capacity.div_ceil(2);
        inner.limit = self.capacity.max(inner.entries.len() + half);
        inner.marks.clear();
        inner.mark(now_ns);
        inner.counters.skips += u64::from(rest.dropped_count > 0);
        inner.counters.dropped += rest.dropped_count;
        inner.counters.conflated += rest.merged_count;
    }

    /// Take the oldest entry, waiting for one until a time, or for ever.
    ///
    /// Returns `None` when none came in time, or when the queue is closed and empty.
    pub(crate) fn pop(&self, deadline: Option<Instant>) -> Option<Taken> {
        let mut inner = self.lock();
        loop {
            if let Some(taken) = take(&mut inner) {
                return Some(taken);
            }
            if inner.is_closed {
                return None;
            }
            let left = match deadline {
                Some(at) => at.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3_600),
            };
            if left.is_zero() {
                return None;
            }
            inner.waiting_count += 1;
            inner = match self.changed.wait_timeout(inner, left) {
                Ok((inner, _)) => inner,
                Err(poisoned) => poisoned.into_inner().0,
            };
            inner.waiting_count -= 1;
        }
    }

    /// Whether all was read and nothing will come.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.is_closed && inner.entries.is_empty()
    }

    /// Let waiting readers go once what is queued has been read.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

fn take(inner: &mut Inner) -> Option<Taken> {
    let entry = inner.entries.pop_front()?;
    let place = inner.base;
    inner.base += 1;
    inner.counters.delivered += 1;
    Some(match entry {
        Entry::Message(entry) => {
            if entry.slot.newest() == place {
                entry.slot.set_newest(0);
            }
            Taken::Message(entry)
        }
        Entry::Event(event) => Taken::Event(event),
        Entry::Skipped(skipped) => {
            inner.skipped_at = None;
            let (overrun, gaps) = skipped.told();
            for gap in gaps.iter().rev() {
                inner.entries.push_front(Entry::Event(Event::Gap(gap.clone())));
                inner.base -= 1;
            }
            Taken::Overrun(overrun, skipped.topics, gaps)
        }
    })
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
