//! Data frames to typed messages: strict about what is there, open to what is appended.
//!
//! A frame is `kind,symbol,body` with a msgpack array for a body. Extra items at its end are
//! ignored, missing ones become `None`; a wrong type, NaN, infinity or a number out of range is
//! refused, and so is a kind whose message number belongs to another kind.

use std::sync::Arc;

use crate::errors::{Error, Result};
use crate::items::{uint, Amendment, Items};
use crate::messages::{
    flag, message_type, Message, EVENT_KINDS, FRAME_BYTES_MAX, MERGED_ITEMS, NESTING_LEVELS_MAX,
    STATE_KINDS, SYS_NAMES, TOPIC_BYTES_MAX, TOPIC_TYPES,
};
use crate::msgpack::MessagePackReader;
use crate::topics;

/// What sequence tracking needs of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) flags: u64,
    pub(crate) recv_us: u64,
}

/// Turn a price into the exact decimal text the vendor sent, without trailing zeros.
///
/// # Errors
/// [`Error::Decode`] for NaN or infinity, which no message holds.
pub fn to_decimal(price: f64) -> Result<String> {
    if !price.is_finite() {
        return Err(Error::malformed("price is not finite", b""));
    }
    // Rust writes the shortest text that reads back as the same double, never with an exponent.
    Ok(price.to_string())
}

/// Cut a frame behind its topic, second comma included; `None` when it has none.
#[inline]
pub(crate) fn split_topic(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut commas =
        frame.iter().take(TOPIC_BYTES_MAX).enumerate().filter(|(_, byte)| **byte == b',');
    commas.next()?;
    let (end, _) = commas.next()?;
    frame.split_at_checked(end + 1)
}

/// Read what sequence tracking needs, and check that the header is all there.
#[inline]
pub(crate) fn read_head(body: &[u8]) -> Result<Head> {
    let mut items = Items::of_body(body, false, Amendment::default())?;
    let mut next = || match uint(&mut items)? {
        Some(number) => Ok(number),
        None => Err(items.lacking("an item of the header")),
    };
    Ok(Head {
        number: next()?,
        epoch: next()?,
        sequence: next()?,
        flags: next()?,
        recv_us: next()?,
    })
}

/// Decode one frame.
///
/// The message's `kind` and `symbol` are the frame's, nonce and variant included.
///
/// # Errors
/// [`Error::Decode`] for what is no frame of the contract, or a kind with another kind's number;
/// [`Error::UnknownMessage`] for a kind or number that this version does not know: skip it.
pub fn decode_frame(frame: &[u8]) -> Result<Message> {
    if frame.len() > FRAME_BYTES_MAX {
        let text = format!("a frame of {} bytes is too long", frame.len());
        return Err(Error::malformed(&text, b""));
    }
    let (topic, body) =
        split_topic(frame).ok_or_else(|| Error::malformed("no topic at the beginning", frame))?;
    let text =
        std::str::from_utf8(topic).map_err(|_| Error::malformed("topic is not ASCII", topic))?;
    let mut parts = text.split(',');
    let (kind, symbol) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let parsed = topics::parse_kind(kind).filter(|_| topics::is_wire_symbol(symbol));
    let parts = parsed.ok_or_else(|| Error::malformed("topic is malformed", topic))?;
    let name = if parts.base == "sys" { symbol } else { parts.base };
    let is_known = match parts.base {
        "sys" => SYS_NAMES.contains(&symbol),
        base => base == "image" || STATE_KINDS.contains(&base) || EVENT_KINDS.contains(&base),
    };
    if !is_known {
        return Err(Error::unknown("unknown kind", topic));
    }
    if parts.variant.is_some_and(|variant| !topics::is_variant(parts.base, variant)) {
        return Err(Error::malformed("the kind has no such variant", topic));
    }
    let head = read_head(body)?;
    if !Message::is_known(head.number) {
        check_body(body)?;
        return Err(Error::unknown("unknown message number", frame));
    }
    let is_state_answer =
        parts.is_private && head.number == message_type::STATE && parts.base != "image";
    if !is_state_answer && !types_of(name).contains(&head.number) {
        return Err(Error::malformed("kind and message number do not match", frame));
    }
    let is_of_orders = parts.base == "order";
    build((&kind.into(), &symbol.into()), head, body, is_of_orders, Amendment::default())
}

/// The message numbers that a kind, or a `sys` topic of a name, may carry; its own is the first.
pub(crate) fn types_of(name: &str) -> &'static [u64] {
    TOPIC_TYPES.iter().find(|(known, _)| *known == name).map_or(&[], |(_, numbers)| numbers)
}

/// Build the message from a body with a known number.
pub(crate) fn build(
    topic: (&Arc<str>, &Arc<str>),
    head: Head,
    body: &[u8],
    is_of_orders: bool,
    amend: Amendment,
) -> Result<Message> {
    let items = Items::of_body(body, is_of_orders, amend)?;
    let is_snapshot = head.flags & flag::SNAPSHOT != 0;
    Message::read(head.number, topic, is_snapshot, items)
        .unwrap_or_else(|| Err(Error::unknown("unknown message number", body)))
}

/// Check that a body is msgpack of the contract, whatever it says.
pub(crate) fn check_body(body: &[u8]) -> Result<()> {
    let mut reader = MessagePackReader::new(body);
    reader.skip(NESTING_LEVELS_MAX)?;
    if reader.is_at_end() {
        Ok(())
    } else {
        Err(reader.fail("bytes after the body"))
    }
}

/// How many updates a body stands for; 1 when it does not say.
pub(crate) fn merged_of(number: u64, body: &[u8]) -> u64 {
    let place = MERGED_ITEMS.iter().find(|(known, _)| *known == number);
    let Some((_, index)) = place else { return 1 };
    let read = || -> Result<u64> {
        let mut reader = MessagePackReader::new(body);
        if reader.array()? <= *index {
            return Ok(1);
        }
        for _ in 0..*index {
            reader.skip(NESTING_LEVELS_MAX)?;
        }
        reader.unsigned()
    };
    read().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::{decode_frame, merged_of, to_decimal};
    use crate::messages::Message;

    /// A quote: bid 10.25, everything else absent, then an item of a newer gateway.
    const FRAME: &[u8] =
        b"quote,A B,\xdc\x00\x10\x01\x05\x07\x00\x09\xc0\xcb\x40\x24\x80\0\0\0\0\0\
                           \xc0\xc0\xc0\xc0\xc0\xc0\xc0\x03\xa1x";

    #[test]
    fn a_quote_is_read() {
        let Ok(Message::Quote(quote)) = decode_frame(FRAME) else { panic!("no quote") };
        assert_eq!((&*quote.symbol, quote.bid, quote.ask), ("A B", Some(10.25), None));
        assert_eq!((quote.sequence, quote.merged), (7, Some(3)));
        assert_eq!(merged_of(1, &FRAME[10..]), 3);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for end in 0..FRAME.len() {
            assert!(decode_frame(&FRAME[..end]).is_err());
        }
        for index in 0..FRAME.len() {
            for byte in 0..=255 {
                let mut bytes = FRAME.to_vec();
                bytes[index] = byte;
                let _ = decode_frame(&bytes);
            }
        }
    }

    #[test]
    fn a_price_is_the_vendors_text() {
        let prices = [(0.1, "0.1"), (6614.0, "6614"), (1e-5, "0.00001"), (-37.63, "-37.63")];
        for (price, text) in prices {
            assert_eq!(to_decimal(price).unwrap(), text);
        }
        assert!(to_decimal(f64::NAN).is_err());
    }
}
