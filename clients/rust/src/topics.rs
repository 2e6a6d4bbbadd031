//! Symbols, kinds and topics: their grammar, in one place.
//!
//! A topic is `kind,symbol,`. A kind may carry a variant (`quote@250`), and a private snapshot
//! topic is `~<nonce>.kind,symbol,`: subscribing to it is the request for a snapshot.

use std::fmt::Write;

use crate::errors::{Error, Result};
use crate::messages::{
    EVENT_KINDS, L1_KINDS, L2_KINDS, NONCE_CHARACTERS_MAX, NONCE_CHARACTERS_MIN, STATE_KINDS,
    SYMBOL_BYTES_MAX, VARIANT_KINDS,
};

/// Kinds whose snapshot is an `image` of the whole book.
pub(crate) const BOOK_EVENT_KINDS: &[&str] = &["depth", "order"];
/// Kinds whose snapshot only tells where the sequence stands.
pub(crate) const BASELINE_KINDS: &[&str] = &["trade", "correction", "news"];
const SYMBOL_MARKS: &[u8] = b"@+#$=./!&^_%- ";
const SYMBOL_HINT: &str = "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 \
                           characters, no comma and no blank at either end.";
const VENDOR_SYMBOL_BYTES_MAX: usize = 48;

/// Refuse a symbol that must not reach the gateway.
///
/// # Errors
/// [`Error::SecurityValidation`] when it is not 1 to 48 characters of the vendor's alphabet. For a
/// lower-case spelling the hint offers the upper-case one; the vendor's symbols are
/// case-sensitive, so it is for the caller to decide.
pub fn check_symbol(symbol: &str) -> Result<()> {
    if is_vendor_symbol(symbol) {
        return Ok(());
    }
    let upper = symbol.trim().to_ascii_uppercase();
    if is_vendor_symbol(&upper) {
        return Err(Error::bad_symbol(symbol, format!("Try {upper:?}.")));
    }
    Err(Error::bad_symbol(symbol, SYMBOL_HINT))
}

fn is_vendor_symbol(symbol: &str) -> bool {
    !symbol.is_empty()
        && symbol.len() <= VENDOR_SYMBOL_BYTES_MAX
        && !symbol.starts_with(' ')
        && !symbol.ends_with(' ')
        && symbol.bytes().all(|byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || SYMBOL_MARKS.contains(&byte)
        })
}

/// Spell out `l1` and `l2`, and check every kind; each comes once, in the order asked.
///
/// # Errors
/// [`Error::InvalidArgument`] for no kind, or one that cannot be subscribed to.
pub fn expand_kinds<S: AsRef<str>>(kinds: &[S]) -> Result<Vec<String>> {
    let mut expanded: Vec<String> = Vec::new();
    for kind in kinds {
        let name = kind.as_ref();
        let one = [name];
        let names = match name {
            "l1" => L1_KINDS,
            "l2" => L2_KINDS,
            _ => &one,
        };
        for name in names {
            let (base, variant) = split_variant(name);
            let is_good = is_kind(base) && variant.map_or(true, |text| is_variant(base, text));
            if !is_good {
                let text = format!("unknown kind: {}", crate::errors::bounded(name.as_bytes()));
                let known = [STATE_KINDS, EVENT_KINDS].concat().join(", ");
                return Err(Error::invalid(text, format!("Use l1, l2 or one of {known}.")));
            }
            if !expanded.iter().any(|have| have == name) {
                expanded.push((*name).to_owned());
            }
        }
    }
    if expanded.is_empty() {
        return Err(Error::invalid("no kinds", "Pass at least one, for example [\"l1\"]."));
    }
    Ok(expanded)
}

fn is_kind(base: &str) -> bool {
    STATE_KINDS.contains(&base) || EVENT_KINDS.contains(&base)
}

/// Whether a kind may carry a variant: `250`, and for books `250x5` too.
pub(crate) fn is_variant(base: &str, variant: &str) -> bool {
    if !VARIANT_KINDS.contains(&base) {
        return false;
    }
    match variant.split_once('x') {
        Some((ms, levels)) => base == "book" && is_number(ms, 5) && is_number(levels, 3),
        None => is_number(variant, 5),
    }
}

/// Whether a text is a whole number above 0 without leading zeros.
fn is_number(text: &str, digits_max: usize) -> bool {
    !text.is_empty()
        && text.len() <= digits_max
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cut the variant off: `quote@250` gives `quote` and `250`.
pub(crate) fn split_variant(kind: &str) -> (&str, Option<&str>) {
    match kind.split_once('@') {
        Some((base, variant)) => (base, Some(variant)),
        None => (kind, None),
    }
}

/// Strip the nonce of a private kind: `~Zk3….quote` becomes `quote`; others stay as they are.
pub(crate) fn split_private(kind: &str) -> &str {
    match kind.strip_prefix('~').and_then(|rest| rest.split_once('.')) {
        Some((_, base)) => base,
        None => kind,
    }
}

/// Spell the topic of a kind and a symbol.
pub(crate) fn topic_of(kind: &str, symbol: &str) -> String {
    format!("{kind},{symbol},")
}

/// Refuse what is neither a complete topic (`bar,AAPL,`) nor a kind prefix (`news,`).
///
/// # Errors
/// [`Error::InvalidArgument`] for anything else, private topics and the empty prefix included.
pub fn check_topic(topic: &str) -> Result<()> {
    if is_topic(topic) {
        return Ok(());
    }
    let text = format!("not a topic: {}", crate::errors::bounded(topic.as_bytes()));
    Err(Error::invalid(text, "Write `kind,symbol,` or the prefix `kind,`."))
}

fn is_topic(topic: &str) -> bool {
    let Some((kind, rest)) = topic.split_once(',') else {
        return false;
    };
    let (base, variant) = split_variant(kind);
    let is_good_kind = !base.is_empty()
        && base.bytes().all(|byte| byte.is_ascii_lowercase())
        && variant.map_or(true, |text| is_variant(base, text));
    let is_good_rest = rest.is_empty()
        || rest.strip_suffix(',').is_some_and(|symbol| {
            !symbol.is_empty()
                && symbol.len() <= SYMBOL_BYTES_MAX
                && symbol.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b',')
        });
    is_good_kind && is_good_rest
}

/// A frame's kind, taken apart.
pub(crate) struct KindParts<'a> {
    pub(crate) is_private: bool,
    pub(crate) base: &'a str,
    pub(crate) variant: Option<&'a str>,
}

/// Take the kind of a frame apart; `None` when it is none.
pub(crate) fn parse_kind(kind: &str) -> Option<KindParts<'_>> {
    let (rest, is_private) = match kind.strip_prefix('~') {
        Some(private) => {
            let (nonce, rest) = private.split_once('.')?;
            let count = nonce.len() as u64;
            let is_nonce = (NONCE_CHARACTERS_MIN..=NONCE_CHARACTERS_MAX).contains(&count)
                && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_nonce {
                return None;
            }
            (rest, true)
        }
        None => (kind, false),
    };
    let (base, variant) = split_variant(rest);
    let mut bytes = base.bytes();
    let is_base = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && base.len() <= 16
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_form = variant.map_or(true, |text| match text.split_once('x') {
        Some((ms, levels)) => is_number(ms, 5) && is_number(levels, 3),
        None => is_number(text, 5),
    });
    (is_base && is_form).then_some(KindParts { is_private, base, variant })
}

/// Whether a text may be the symbol part of a frame's topic.
pub(crate) fn is_wire_symbol(symbol: &str) -> bool {
    !symbol.is_empty()
        && symbol.len() <= SYMBOL_BYTES_MAX
        && !symbol.starts_with(' ')
        && !symbol.ends_with(' ')
        && symbol.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b',')
}

/// Draw a fresh nonce of 128 random bits; two snapshot requests must never share one.
///
/// # Errors
/// [`Error::NotConnected`] when the system gives no random bytes.
pub(crate) fn new_nonce() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::getrandom(&mut bytes)
        .map_err(|error| Error::not_connected(format!("no random bytes: {error}")))?;
    Ok(hex(&bytes))
}

/// Spell bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
