//! A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
//!
//! Subscribe to the topic, ask for an image, hand everything that comes to `apply`. The image
//! carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and so
//! on are applied, and a hole makes the copy not current until another image comes. Updates that
//! arrive while it is not current are kept: an image that was published before them, but is handed
//! over after them, is brought up to date with them. So neither the order in which image and
//! updates arrive nor a late image matters; what is current is equal to the gateway's own book at
//! `sequence`.

use std::collections::BTreeMap;

use crate::book_rows::{BookRow, BookRows};
use crate::errors::{Error, Result, SequenceGap};
use crate::events::{Event, Gap, GatewayRestarted, Overrun, StreamItem};
use crate::messages::{flag, Action, DepthRow, Image, Message, OrderRow, PriceLevel, Side, State};
use crate::record::Rows;
use crate::topics::{split_private, topic_of, BOOK_EVENT_KINDS};
use crate::tracker::RESENT;
use crate::value::Value;

/// Rows a mirror keeps unless told otherwise.
pub const ROWS_MAX: usize = 1_000_000;
/// Updates kept while an image is awaited; beyond that the oldest are dropped.
const WAITING_MAX: usize = 100_000;
const NO_IMAGE: &str = "no image has come yet";

/// One change of the book, whichever kind it is of.
#[derive(Debug)]
struct Update {
    sequence: u64,
    flags: u64,
    action: Option<Action>,
    row: BookRow,
}

/// One symbol's `order` or `depth` topic, followed.
///
/// It does no I/O: hand it what a client's stream brings, or messages of
/// [`decode_frame`](crate::decode_frame), of `snapshot` or of any other source.
/// [`GatewayClient`](crate::GatewayClient) asks for images by itself, when it joins and after every
/// kind of loss; with another source, ask for one whenever the mirror is not current.
#[derive(Debug)]
pub struct BookMirror {
    kind: String,
    symbol: String,
    topic: String,
    epoch: Option<u64>,
    sequence: u64,
    reason: Option<String>,
    is_known: bool,
    state: Option<String>,
    last_flags: u64,
    rows: BookRows,
    rows_max: usize,
    /// By the symbol's `state`.
    is_told_stale: bool,
    /// By the last message since then.
    is_flagged_stale: bool,
    /// Whether the rows are those of `sequence` in `epoch`.
    is_based: bool,
    waiting: BTreeMap<u64, Update>,
}

impl BookMirror {
    /// Follow `order` (orders, or market makers' best rows) or `depth` (price levels) of a symbol.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another kind.
    pub fn new(kind: &str, symbol: &str) -> Result<Self> {
        Self::with_rows_max(kind, symbol, ROWS_MAX)
    }

    /// The same with another limit of rows; a bigger book makes the mirror not current.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another kind, or no room for rows.
    pub fn with_rows_max(kind: &str, symbol: &str, rows_max: usize) -> Result<Self> {
        if !BOOK_EVENT_KINDS.contains(&kind) || rows_max == 0 {
            let text = format!("no kind of rows, or no room: {kind:.20?}, rows_max={rows_max}");
            return Err(Error::invalid(
                text,
                "Use order or depth, and 1 row at least.",
            ));
        }
        Ok(Self {
            kind: kind.to_owned(),
            symbol: symbol.to_owned(),
            topic: topic_of(kind, symbol),
            epoch: None,
            sequence: 0,
            reason: Some(NO_IMAGE.to_owned()),
            is_known: false,
            state: None,
            last_flags: 0,
            rows: BookRows::new(rows_max),
            rows_max,
            is_told_stale: false,
            is_flagged_stale: false,
            is_based: false,
            waiting: BTreeMap::new(),
        })
    }

    // What the book holds.

    /// What is followed: `order,@ESZ26,`.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The gateway run the rows belong to, Unix milliseconds; `None` before anything was heard.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// The last update the rows contain.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the rows are the gateway's own at `sequence`, and nothing is known to be lost.
    pub fn is_current(&self) -> bool {
        self.reason.is_none()
    }

    /// Why it is not current; `None` while it is.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether anything was heard of the book: if not, that it is empty means nothing.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Whether the upstream is not live, so that the book may be old although it is current.
    ///
    /// The symbol's `state` says so, and so does the flag STALE of the last message.
    pub fn is_stale(&self) -> bool {
        self.is_told_stale || self.is_flagged_stale
    }

    /// State of the symbol's Level 2 data as last told by a `state`; `None` before.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Flags of the last message that was applied; LAST marks the end of an atomic group.
    pub fn last_flags(&self) -> u64 {
        self.last_flags
    }

    /// Bid levels, best first; of orders, `order_count` is the number of rows at the price.
    pub fn bids(&self) -> impl Iterator<Item = PriceLevel> + '_ {
        self.rows.levels(true)
    }

    /// Ask levels, best first; of orders, `order_count` is the number of rows at the price.
    pub fn asks(&self) -> impl Iterator<Item = PriceLevel> + '_ {
        self.rows.levels(false)
    }

    /// Highest bid level; `None` when nobody buys.
    pub fn best_bid(&self) -> Option<PriceLevel> {
        self.bids().next()
    }

    /// Lowest ask level; `None` when nobody sells.
    pub fn best_ask(&self) -> Option<PriceLevel> {
        self.asks().next()
    }

    /// Whether the best bid is above the best ask.
    pub fn is_crossed(&self) -> bool {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price > ask.price,
            _ => false,
        }
    }

    /// The orders of a side, best price first, then by their place in the queue; none in a mirror
    /// of `depth`.
    pub fn orders(&self, side: &Side) -> Vec<&OrderRow> {
        let rows = self.rows.in_order(*side == Side::Bid);
        let orders = rows.filter_map(|row| match row {
            BookRow::Order(row) => Some(row),
            BookRow::Depth(_) => None,
        });
        orders.collect()
    }

    /// All rows as an image lists them: bids best first, then asks best first.
    pub fn rows(&self) -> impl Iterator<Item = &BookRow> {
        self.rows.in_order(true).chain(self.rows.in_order(false))
    }

    // Following.

    /// Take whatever the stream brings; what is not about this book is ignored.
    ///
    /// Returns whether the rows may have changed.
    ///
    /// # Errors
    /// [`Error::SequenceGap`] when updates are missing. The mirror is not current any more: ask for
    /// an image and hand it over. A client's own stream tells of a loss before, by a Gap, so this
    /// does not come up there, and the image is on its way.
    pub fn apply(&mut self, item: &StreamItem) -> Result<bool> {
        match item {
            StreamItem::Message(message) => self.apply_message(message),
            StreamItem::Event(event) => Ok(self.apply_event(event)),
        }
    }

    /// Take a message, as `apply` does.
    ///
    /// # Errors
    /// As in `apply`.
    pub fn apply_message(&mut self, message: &Message) -> Result<bool> {
        if *message.symbol().as_ref() != *self.symbol {
            return Ok(false);
        }
        if let Message::State(state) = message {
            self.take_state(state);
            return Ok(false);
        }
        if split_private(message.kind()) != self.kind {
            return Ok(false);
        }
        let (epoch, flags) = (message.epoch(), message.flags());
        match message {
            Message::Image(image) => self.take_image(image),
            Message::Order(_) | Message::Depth(_) if !self.is_of_this_run(epoch, flags) => {
                Ok(false)
            }
            Message::Order(order) => self.take_update(Update {
                sequence: order.sequence,
                flags: order.flags,
                action: order.action.clone(),
                row: BookRow::Order(OrderRow {
                    action: Action::Add,
                    side: order.side.clone().unwrap_or(Side::Raw("".into())),
                    order_id: order.order_id,
                    market_maker: order.market_maker.clone(),
                    price: order.price,
                    size: order.size,
                    priority: order.priority,
                    precision: order.precision,
                }),
            }),
            Message::Depth(depth) => self.take_update(Update {
                sequence: depth.sequence,
                flags: depth.flags,
                action: depth.action.clone(),
                row: BookRow::Depth(DepthRow {
                    action: Action::Add,
                    side: depth.side.clone().unwrap_or(Side::Raw("".into())),
                    price: depth.price,
                    size: depth.size,
                    order_count: depth.order_count,
                    precision: depth.precision,
                }),
            }),
            _ => Ok(false),
        }
    }

    fn apply_event(&mut self, event: &Event) -> bool {
        match event {
            Event::GatewayRestarted(event) => return self.take_restart(event),
            Event::Gap(gap) => self.take_gap(gap),
            Event::Overrun(overrun) => self.take_overrun(overrun),
            Event::Disconnected(_) => {
                self.is_flagged_stale = true;
                self.lose("the gateway is not heard".into());
            }
            _ => {}
        }
        false
    }

    fn take_restart(&mut self, event: &GatewayRestarted) -> bool {
        // One that comes late, after messages of a newer run, tells nothing new.
        let is_news = self.epoch.map_or(true, |epoch| {
            event.new_epoch > epoch || event.old_epoch == epoch
        });
        if is_news {
            self.restart(event.new_epoch);
        }
        is_news
    }

    fn take_overrun(&mut self, overrun: &Overrun) {
        // When several topics lost messages, the Gaps that follow say which, as far as they go.
        let is_ours = match &overrun.topic {
            Some(topic) => **topic == *self.topic,
            None => overrun.unnamed > 0,
        };
        if is_ours {
            self.lose(format!("{} messages were dropped unread", overrun.dropped));
        }
    }

    /// Stop being current until an image comes.
    fn lose(&mut self, reason: String) {
        if self.is_based {
            self.reason = Some(reason);
        }
    }

    /// Begin anew with another run of the gateway: what was known is of no use there.
    fn restart(&mut self, epoch: u64) {
        if self.epoch.is_some() {
            self.reason = Some("the gateway was restarted".into());
        }
        self.epoch = Some(epoch);
        self.sequence = 0;
        self.is_known = false;
        self.is_based = false;
        self.state = None;
        self.is_told_stale = false;
        self.is_flagged_stale = false;
        self.rows.clear();
        self.waiting.clear();
    }

    /// Follow the newest run; what comes from an earlier one, or is sent again, changes none.
    fn is_of_this_run(&mut self, epoch: u64, flags: u64) -> bool {
        if self.epoch == Some(epoch) {
            return true;
        }
        if flags & RESENT != 0 || self.epoch.is_some_and(|known| epoch < known) {
            return false;
        }
        self.restart(epoch);
        true
    }

    fn take_update(&mut self, update: Update) -> Result<bool> {
        let sequence = update.sequence;
        if self.is_current() && sequence == self.sequence + 1 {
            return Ok(self.change(update));
        }
        if sequence <= self.sequence {
            return Ok(false);
        }
        if !self.is_based && sequence == 1 {
            // The first message of a run finds the book empty.
            self.rows.clear();
            self.is_based = true;
            self.reason = None;
            let is_changed = self.change(update);
            return Ok(self.catch_up()? || is_changed);
        }
        if self.is_current() && update.flags & RESENT != 0 {
            return Ok(false);
        }
        self.waiting.insert(sequence, update);
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
        if self.is_current() {
            return Err(self.gap_before(sequence));
        }
        Ok(false)
    }

    /// Refuse to skip what is missing before a sequence.
    fn gap_before(&mut self, sequence: u64) -> Error {
        let gap = SequenceGap {
            topic: self.topic.clone(),
            first_missing: self.sequence + 1,
            last_missing: sequence.saturating_sub(1),
        };
        self.reason = Some(gap.reason());
        Error::SequenceGap(gap)
    }

    fn take_image(&mut self, image: &Image) -> Result<bool> {
        if !self.is_of_this_run(image.epoch, image.flags) {
            return Ok(false);
        }
        if self.is_based && image.sequence < self.sequence {
            return Ok(false); // The rows are newer already, and never go back.
        }
        self.rows.clear();
        self.sequence = image.sequence;
        self.is_known = image.rows.is_some();
        self.is_based = true;
        self.reason = None;
        self.note(image.flags & !flag::SNAPSHOT);
        match &image.rows {
            Some(Rows::Depth(rows)) => {
                let _ = rows.iter().all(|row| self.put(BookRow::Depth(row.clone())));
            }
            Some(Rows::Order(rows)) => {
                let _ = rows.iter().all(|row| self.put(BookRow::Order(row.clone())));
            }
            None => {}
        }
        if self.is_current() {
            self.catch_up()?;
        }
        Ok(true)
    }

    /// Apply the updates that were kept, as far as they follow the rows without a hole.
    fn catch_up(&mut self) -> Result<bool> {
        let mut is_changed = false;
        while let Some((sequence, _)) = self.waiting.first_key_value() {
            let sequence = *sequence;
            if !self.is_current() {
                return Ok(is_changed);
            }
            if sequence > self.sequence + 1 {
                return Err(self.gap_before(sequence));
            }
            if let Some((_, update)) = self.waiting.pop_first() {
                if sequence > self.sequence {
                    is_changed |= self.change(update);
                }
            }
        }
        Ok(is_changed)
    }

    fn take_gap(&mut self, gap: &Gap) {
        let is_ours = *gap.topic == *self.topic && Some(gap.epoch) == self.epoch;
        if is_ours && !gap.healed && gap.last_missing > self.sequence {
            let missing = SequenceGap {
                topic: self.topic.clone(),
                first_missing: gap.first_missing,
                last_missing: gap.last_missing,
            };
            self.lose(missing.reason());
        }
    }

    fn take_state(&mut self, state: &State) {
        if !self.is_of_this_run(state.epoch, state.flags) {
            return;
        }
        let is_public = split_private(&state.kind) == "state";
        // A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
        let level2 = state
            .details
            .as_ref()
            .and_then(|details| details.get("level2"));
        self.state = match level2.and_then(Value::as_str) {
            Some(told) => Some(told.to_owned()),
            None if is_public => Some("closed".to_owned()),
            None => state.state.as_ref().map(|told| told.as_str().to_owned()),
        };
        let is_stale = !matches!(self.state.as_deref(), Some("live" | "pending"));
        if is_public {
            self.is_told_stale = is_stale;
            self.is_flagged_stale &= is_stale;
        } else {
            // The answer on a private topic of the book: nothing takes it back but a message.
            self.is_flagged_stale = is_stale;
        }
    }

    // The rows.

    fn note(&mut self, flags: u64) {
        self.last_flags = flags;
        self.is_flagged_stale = flags & flag::STALE != 0;
    }

    /// Apply the update that is next.
    fn change(&mut self, update: Update) -> bool {
        self.sequence = update.sequence;
        self.is_known = true;
        self.note(update.flags);
        let is_bid = match update.row.side() {
            Side::Bid => true,
            Side::Ask => false,
            Side::Raw(_) => return self.spoil("a row has an unknown side".into()),
        };
        match update.action {
            Some(Action::Clear) => self.rows.clear_side(is_bid),
            Some(Action::Delete) => self.rows.remove(&update.row.key()),
            Some(Action::Add | Action::Update) => {
                self.put(update.row);
                true
            }
            _ => self.spoil("a row has an unknown action".into()),
        }
    }

    fn put(&mut self, row: BookRow) -> bool {
        let (is_bid, price) = match (row.side(), row.price()) {
            (Side::Bid, Some(price)) => (true, price),
            (Side::Ask, Some(price)) => (false, price),
            _ => return self.spoil("a row has no side or no price".into()),
        };
        if !self.rows.put(is_bid, row, price) {
            return self.spoil(format!("the book has more than {} rows", self.rows_max));
        }
        true
    }

    /// Give the rows up: what they say is not what the gateway's book says.
    fn spoil(&mut self, reason: String) -> bool {
        self.rows.clear();
        self.reason = Some(reason);
        false
    }
}
