//! What is known of one topic: how to read it, where it stands, what is being healed. No I/O.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::codec::{merged_of, types_of, Head};
use crate::events::Event;
use crate::messages::STATE_KINDS;
use crate::skips::Skipped;
use crate::topics::{split_private, split_variant, BASELINE_KINDS, BOOK_EVENT_KINDS};
use crate::tracker::TopicTracker;

/// What the queue and the replays need of a topic, wherever its messages are.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) topic: Arc<str>,
    /// Variant included, nonce not.
    pub(crate) kind: Arc<str>,
    pub(crate) symbol: Arc<str>,
    pub(crate) is_sys: bool,
    pub(crate) is_of_orders: bool,
    /// Whether a newer message, or an image, stands for those that were lost.
    pub(crate) has_value: bool,
    /// Place in the queue of the state message that waits there, 0 for none. Belongs to the queue.
    newest: AtomicU64,
}

impl Slot {
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    pub(crate) fn set_newest(&self, place: u64) {
        self.newest.store(place, Ordering::Relaxed);
    }
}

/// A message on its way to the application, decoded only when it gets there.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) slot: Arc<Slot>,
    pub(crate) head: Head,
    pub(crate) body: Box<[u8]>,
    pub(crate) is_state: bool,
    /// Whether it answers a snapshot request.
    pub(crate) is_snapshot: bool,
    /// Updates of the messages it stands for.
    pub(crate) merged_add: u64,
}

impl Pending {
    pub(crate) fn new(slot: &Arc<Slot>, head: Head, body: &[u8]) -> Self {
        Self {
            slot: slot.clone(),
            head,
            body: body.into(),
            is_state: false,
            is_snapshot: false,
            merged_add: 0,
        }
    }

    /// Updates that it stands for, itself included.
    pub(crate) fn merged(&self) -> u64 {
        self.merged_add.saturating_add(merged_of(self.head.number, &self.body))
    }
}

/// What waits in the queue to the application.
#[derive(Debug)]
pub(crate) enum Entry {
    Message(Pending),
    Event(Event),
    /// Everything skipped at this place.
    Skipped(Box<Skipped>),
}

/// Everything known of one topic.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) slot: Arc<Slot>,
    /// The message numbers it may carry.
    pub(crate) numbers: &'static [u64],
    /// The kind's own number; 0 for a kind that is not known.
    pub(crate) number: u64,
    pub(crate) is_state: bool,
    pub(crate) has_image: bool,
    /// Whether a snapshot only tells where the sequence stands: lost messages are replayed.
    pub(crate) is_baseline: bool,
    /// Whether it is followed only because a kind prefix is.
    pub(crate) is_of_prefix: bool,
    /// Whether nothing was published yet, as far as we know: what comes first has no number.
    pub(crate) is_from_start: bool,
    pub(crate) tracker: TopicTracker,
    /// The hole that a snapshot is awaited for.
    pub(crate) hole: Option<(u64, u64)>,
    /// Whether updates are of no use before an image has come.
    pub(crate) needs_image: bool,
    pub(crate) ask_at: u64,
    pub(crate) ask_step: u64,
}

impl Route {
    /// `None` for a topic without two commas.
    pub(crate) fn new(topic: &str) -> Option<Self> {
        let mut parts = topic.splitn(3, ',');
        let (kind, symbol) = (split_private(parts.next()?), parts.next()?);
        parts.next()?;
        let (base, _) = split_variant(kind);
        let numbers = types_of(if base == "sys" { symbol } else { base });
        let is_state = STATE_KINDS.contains(&base);
        let has_image = BOOK_EVENT_KINDS.contains(&base);
        let slot = Slot {
            topic: topic.into(),
            kind: kind.into(),
            symbol: symbol.into(),
            is_sys: base == "sys",
            is_of_orders: base == "order",
            has_value: is_state || has_image,
            newest: AtomicU64::new(0),
        };
        let mut route = Self {
            slot: Arc::new(slot),
            numbers,
            number: numbers.first().copied().unwrap_or(0),
            is_state,
            has_image,
            is_baseline: BASELINE_KINDS.contains(&base),
            is_of_prefix: false,
            is_from_start: false,
            tracker: TopicTracker::default(),
            hole: None,
            needs_image: false,
            ask_at: 0,
            ask_step: 1,
        };
        route.want_image();
        Some(route)
    }

    pub(crate) fn has_snapshot(&self) -> bool {
        self.slot.has_value || self.is_baseline
    }

    /// Follow another run of the gateway; holes of the earlier one are past healing.
    pub(crate) fn begin_anew(&mut self) {
        self.hole = None;
        self.is_from_start = false;
        self.want_image();
    }

    /// Have an image asked for by the next update that finds none asked for.
    pub(crate) fn want_image(&mut self) {
        self.needs_image = self.has_image;
        self.ask_at = 0;
        self.ask_step = 1;
    }

    /// Await a snapshot for a hole, and for those it is awaited for already.
    pub(crate) fn widen(&mut self, first: u64, last: u64) {
        let (known_first, known_last) = self.hole.unwrap_or((first, last));
        self.hole = Some((known_first.min(first), known_last.max(last)));
    }
}
