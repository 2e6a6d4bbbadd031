//! What can go wrong, each with a stable code and what to do about it.

use std::borrow::Cow;
use std::fmt;

use crate::value::Map;

/// Longest quotation of a value from outside, in characters.
pub const FACT_CHARACTERS_MAX: usize = 200;

/// What the client's functions answer.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything the client reports as an error.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// An argument that can never be right; nothing was sent.
    InvalidArgument(Fault),
    /// A symbol that must not reach the gateway; nothing was sent.
    SecurityValidation(Fault),
    /// The client is not connected, or lost the gateway while the call was under way.
    NotConnected(Fault),
    /// The answer did not come before the deadline; the gateway may still have acted on it.
    RequestTimedOut(Fault),
    /// The gateway answered with an error.
    RequestRefused(Box<Refusal>),
    /// Bytes that are not a message of the wire contract.
    Decode(Fault),
    /// A message number or kind that this version does not know: skip the message.
    UnknownMessage(Fault),
    /// Updates of a book are missing; its mirror is not current until an image comes.
    SequenceGap(SequenceGap),
}

/// What happened, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happened, with the facts that show it; quotations are bounded and printable.
    pub text: String,
    /// What to do next.
    pub hint: Cow<'static, str>,
}

/// The gateway's refusal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refusal {
    /// The gateway's text.
    pub message: String,
    /// The gateway's stable error code, for example `unknown_method`.
    pub code: String,
    /// What the gateway advises.
    pub hint: String,
    /// Milliseconds after which a retry may succeed; `None` when a retry is pointless.
    pub retry_ms: Option<u64>,
    /// What the gateway adds, by name.
    pub details: Map,
    /// The method that was called.
    pub method: String,
}

/// Which updates of a book are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceGap {
    /// The topic they were published on.
    pub topic: String,
    /// Sequence of the first one that is missing.
    pub first_missing: u64,
    /// Sequence of the last one that is missing; not below `first_missing`.
    pub last_missing: u64,
}

impl SequenceGap {
    /// The fact in a few words, as a mirror tells why it is not current.
    pub fn reason(&self) -> String {
        if self.first_missing == self.last_missing {
            return format!("update {} is missing", self.first_missing);
        }
        format!("updates {} to {} are missing", self.first_missing, self.last_missing)
    }
}

impl Error {
    /// The stable code: the gateway's own where it answered, ours elsewhere.
    pub fn code(&self) -> &str {
        match self {
            Error::InvalidArgument(_) => "invalid_argument",
            Error::SecurityValidation(_) => "symbol_invalid",
            Error::NotConnected(_) => "not_connected",
            Error::RequestTimedOut(_) => "timeout",
            Error::RequestRefused(refusal) => &refusal.code,
            Error::Decode(_) => "malformed",
            Error::UnknownMessage(_) => "unknown_message",
            Error::SequenceGap(_) => "sequence_gap",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &str {
        match self {
            Error::InvalidArgument(fault)
            | Error::SecurityValidation(fault)
            | Error::NotConnected(fault)
            | Error::RequestTimedOut(fault)
            | Error::Decode(fault)
            | Error::UnknownMessage(fault) => &fault.hint,
            Error::RequestRefused(refusal) => &refusal.hint,
            Error::SequenceGap(_) => {
                "Ask for an image of the topic and apply it; updates may be applied meanwhile."
            }
        }
    }

    /// Milliseconds after which the gateway says that a retry may succeed.
    pub fn retry_ms(&self) -> Option<u64> {
        match self {
            Error::RequestRefused(refusal) => refusal.retry_ms,
            _ => None,
        }
    }

    pub(crate) fn invalid(text: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Error {
        Error::InvalidArgument(fault(text, hint))
    }

    pub(crate) fn bad_symbol(symbol: &str, hint: impl Into<Cow<'static, str>>) -> Error {
        let text = format!("symbol refused: {}", bounded(symbol.as_bytes()));
        Error::SecurityValidation(fault(text, hint))
    }

    pub(crate) fn not_connected(text: impl Into<String>) -> Error {
        let hint = "Call connect() first; when it returned false, read last_error().";
        Error::NotConnected(fault(text, hint))
    }

    pub(crate) fn timed_out(text: impl Into<String>) -> Error {
        let hint =
            "Retry; if it repeats, check that the gateway runs and read get_health_status().";
        Error::RequestTimedOut(fault(text, hint))
    }

    pub(crate) fn malformed(text: &str, bytes: &[u8]) -> Error {
        let hint =
            "Compare the bytes with the wire contract; gateway and client may differ in version.";
        Error::Decode(fault(quoted(text, bytes), hint))
    }

    pub(crate) fn unknown(text: &str, bytes: &[u8]) -> Error {
        let hint = "A newer gateway may send it; skip the message or update the client.";
        Error::UnknownMessage(fault(quoted(text, bytes), hint))
    }
}

fn quoted(text: &str, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return text.to_owned();
    }
    format!("{text}: {}", bounded(bytes))
}

pub(crate) fn fault(text: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Fault {
    Fault { text: text.into(), hint: hint.into() }
}

/// Quote bytes from outside: escaped to printable ASCII and cut to 200 characters, so that a
/// hostile value can neither flood nor forge a log line.
pub fn bounded(bytes: &[u8]) -> String {
    let mut text: String = bytes
        .iter()
        .take(FACT_CHARACTERS_MAX + 1)
        .flat_map(|byte| std::ascii::escape_default(*byte))
        .map(char::from)
        .take(FACT_CHARACTERS_MAX + 1)
        .collect();
    if text.len() > FACT_CHARACTERS_MAX {
        text.truncate(FACT_CHARACTERS_MAX);
        text.push_str("...");
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidArgument(fault)
            | Error::SecurityValidation(fault)
            | Error::NotConnected(fault)
            | Error::RequestTimedOut(fault)
            | Error::Decode(fault)
            | Error::UnknownMessage(fault) => out.write_str(&fault.text),
            Error::RequestRefused(refusal) => write!(
                out,
                "{} (code={}, method={})",
                bounded(refusal.message.as_bytes()),
                bounded(refusal.code.as_bytes()),
                bounded(refusal.method.as_bytes())
            ),
            Error::SequenceGap(gap) => {
                write!(out, "{} ({})", gap.reason(), bounded(gap.topic.as_bytes()))
            }
        }
    }
}

impl std::error::Error for Error {}
