//! What the client itself has to say, delivered in the same stream as the messages.
//!
//! Loss is never hidden: each of these stands at the place in the stream where it happened.

use std::sync::Arc;

use crate::messages::Message;
use crate::value::Value;

/// Messages of one topic are missing, have come after all, or are lost for good.
///
/// The client heals by itself, and says what became of it:
///
/// * neither `healed` nor `is_final`: these messages are missing at this place of the stream, and
///   are being fetched. It is followed by others about the same range, or parts of it.
/// * `healed`: for state kinds, `depth` and `order` a snapshot newer than the hole was delivered
///   just before. For trades, corrections and news each of these messages was delivered just
///   before, with [`REPLAY`](crate::messages::flag::REPLAY) and its own sequence. After a restart
///   of the gateway it may come without an earlier one: what the new run published before we were
///   back was fetched.
/// * `is_final`: these messages never come. It may be the first that is said of them.
///
/// So every trade, correction and story is either delivered, once, or named by exactly one `Gap`
/// that `is_final`, as long as one run of the gateway lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Base topic, for example `quote,AAPL,`.
    pub topic: Arc<str>,
    /// Sequence of the first message it is about.
    pub first_missing: u64,
    /// Sequence of the last message it is about; not below `first_missing`.
    pub last_missing: u64,
    /// True once what was lost, or what replaces it, has been delivered.
    pub healed: bool,
    /// Gateway run the sequences belong to (Unix milliseconds), as `replay` wants it.
    pub epoch: u64,
    /// True when the messages are lost for good. Never with `healed`.
    pub is_final: bool,
}

/// The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.
///
/// The client subscribes again and fetches fresh snapshots by itself. What was being fetched of the
/// earlier run is lost for good, and was told so just before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRestarted {
    /// Unix milliseconds at which the earlier run began.
    pub old_epoch: u64,
    /// Unix milliseconds at which the present run began.
    pub new_epoch: u64,
}

/// No heartbeat for too long. Values on hand must be taken for stale until [`Reconnected`].
#[derive(Debug, Clone, PartialEq)]
pub struct Disconnected {
    /// Why the connection counts as lost: `silence`.
    pub cause: &'static str,
    /// Seconds since the last heartbeat.
    pub silent_s: f64,
}

/// A heartbeat was heard again; snapshots of everything subscribed are on their way.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconnected {
    /// Seconds between the two heartbeats around the outage.
    pub silent_s: f64,
}

/// The application read too slowly: what waited was skipped, and what comes next is current.
///
/// One [`Gap`] for each range of sequences that was skipped follows at once: `is_final` for trades
/// and other events, while books (`order` and `depth`) get a fresh image. Of state messages the
/// newest value follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrun {
    /// The topic they all belong to, or `None` when they belong to several.
    pub topic: Option<Arc<str>>,
    /// Messages skipped at this place of the stream, 1 or more.
    pub dropped: u64,
    /// How many of them are not named by the Gaps that follow: answers to snapshot requests, values
    /// and events of the client that found no room, and what is beyond 1,000 ranges.
    pub unnamed: u64,
}

/// A symbol that was held before is refused when subscribed again in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRefused {
    /// The symbol, verbatim.
    pub symbol: String,
    /// The gateway's error code, for example `symbol_limit`.
    pub code: String,
    /// What the gateway advises.
    pub hint: String,
}

/// Everything in the stream that is not a message of the gateway.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// See [`Gap`].
    Gap(Gap),
    /// See [`GatewayRestarted`].
    GatewayRestarted(GatewayRestarted),
    /// See [`Disconnected`].
    Disconnected(Disconnected),
    /// See [`Reconnected`].
    Reconnected(Reconnected),
    /// See [`Overrun`].
    Overrun(Overrun),
    /// See [`SubscriptionRefused`].
    SubscriptionRefused(SubscriptionRefused),
}

/// What the stream yields.
#[derive(Debug, Clone, PartialEq)]
// A box around every message would cost more than the room it saves in the rare event.
#[allow(clippy::large_enum_variant)]
pub enum StreamItem {
    /// A message of the gateway.
    Message(Message),
    /// An event of the client's own.
    Event(Event),
}

impl StreamItem {
    /// The name of the message or event: `quote`, `trade`, `gap`, ...
    pub fn name(&self) -> &'static str {
        match self {
            StreamItem::Message(message) => message.name(),
            StreamItem::Event(event) => event.name(),
        }
    }

    /// Every field under its contract name.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        match self {
            StreamItem::Message(message) => message.fields(),
            StreamItem::Event(event) => event.fields(),
        }
    }
}

impl Event {
    /// The event's name: `gap`, `gateway_restarted`, `disconnected`, ...
    pub fn name(&self) -> &'static str {
        match self {
            Event::Gap(_) => "gap",
            Event::GatewayRestarted(_) => "gateway_restarted",
            Event::Disconnected(_) => "disconnected",
            Event::Reconnected(_) => "reconnected",
            Event::Overrun(_) => "overrun",
            Event::SubscriptionRefused(_) => "subscription_refused",
        }
    }

    /// Every field under its name.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        match self {
            Event::Gap(gap) => vec![
                ("topic", gap.topic.clone().into()),
                ("first_missing", gap.first_missing.into()),
                ("last_missing", gap.last_missing.into()),
                ("healed", gap.healed.into()),
                ("epoch", gap.epoch.into()),
                ("is_final", gap.is_final.into()),
            ],
            Event::GatewayRestarted(event) => {
                vec![("old_epoch", event.old_epoch.into()), ("new_epoch", event.new_epoch.into())]
            }
            Event::Disconnected(event) => {
                vec![("cause", event.cause.into()), ("silent_s", event.silent_s.into())]
            }
            Event::Reconnected(event) => vec![("silent_s", event.silent_s.into())],
            Event::Overrun(event) => vec![
                ("topic", event.topic.clone().into()),
                ("dropped", event.dropped.into()),
                ("unnamed", event.unnamed.into()),
            ],
            Event::SubscriptionRefused(event) => vec![
                ("symbol", event.symbol.clone().into()),
                ("code", event.code.clone().into()),
                ("hint", event.hint.clone().into()),
            ],
        }
    }
}
