//! A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
//!
//! Subscribe to the topic, ask for an image, hand everything that comes to `apply`. The image
//! carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and so
//! on are applied, and a hole makes the copy not current until another image comes. Updates that
//! arrive while it is not current are kept: an image that was published before them, but is handed
//! over after them, is brought up to date with them. So neither the order in which image and
//! updates arrive nor a late image matters; what is current is equal to the gateway's own book at
//! `sequence`.

mod following;

use std::collections::BTreeMap;

use crate::book_rows::{BookRow, BookRows};
use crate::errors::{Error, Result};
use crate::events::StreamItem;
use crate::messages::{Action, DepthRow, Message, OrderRow, PriceLevel, Side};
use crate::topics::{split_private, topic_of, BOOK_EVENT_KINDS};

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
            return Err(Error::invalid(text, "Use order or depth, and 1 row at least."));
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
}

#[cfg(test)]
#[path = "book_mirror_tests.rs"]
mod tests;
