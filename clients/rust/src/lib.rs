//! Client of the IQFeed gateway.
mod codec;
pub mod error_codes;
mod errors;
mod items;
pub mod messages;
mod msgpack;
mod record;
pub mod topics;
mod value;

pub use codec::{decode_frame, to_decimal};
pub use errors::*;
pub use record::Rows;
pub use value::{Map, Value};
