//! Client of the IQFeed gateway: typed live prices over ZeroMQ, with every loss visible.
//!
//! ```no_run
//! use iqfeed_gateway_client::{Event, GatewayClient, Message, Options, StreamItem};
//!
//! # fn main() -> iqfeed_gateway_client::Result<()> {
//! let client = GatewayClient::new(Options::default())?;
//! client.connect()?;
//! client.subscribe_symbol("AAPL", &["l1"])?;
//! for item in &client {
//!     match item {
//!         StreamItem::Message(Message::Quote(quote)) => println!("{:?} {:?}", quote.bid, quote.ask),
//!         StreamItem::Message(Message::Trade(trade)) => println!("{:?}", trade.price),
//!         StreamItem::Event(Event::Gap(gap)) if gap.is_final => println!("lost {gap:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The pure parts (`tracker`, `joins`, `leases`, `replays`, `intake`, `skips`) know no socket, no
//! thread and no clock; `engine` runs them in a reader thread that always drains the data socket.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

mod book_mirror;
mod book_rows;
mod codec;
mod delivery;
mod engine;
#[rustfmt::skip] // Generated: its layout is the emitter's.
pub mod error_codes;
mod errors;
mod events;
mod flow;
mod gateway_client;
mod intake;
mod items;
mod joins;
mod keys;
mod leases;
#[rustfmt::skip] // Generated: its layout is the emitter's.
pub mod messages;
mod msgpack;
mod options;
mod ranges;
mod record;
mod replays;
mod replies;
mod results;
mod routes;
mod rpc_client;
mod rpc_codec;
mod session;
mod shared;
mod skips;
mod subscriber;
pub mod topics;
mod tracker;
mod value;

pub use book_mirror::{BookMirror, ROWS_MAX};
pub use book_rows::BookRow;
pub use codec::{decode_frame, to_decimal};
pub use errors::{bounded, Error, Fault, Refusal, Result, SequenceGap, FACT_CHARACTERS_MAX};
pub use events::{
    Disconnected, Event, Gap, GatewayRestarted, Overrun, Reconnected, StreamItem,
    SubscriptionRefused,
};
pub use gateway_client::{GatewayClient, Messages};
pub use keys::{load_keys, CurveKeys};
pub use messages::Message;
pub use options::Options;
pub use record::Rows;
pub use results::{HealthStatus, Statistics, SymbolLineage, SymbolResult, TopicState};
pub use value::{Map, Value};
