//! Control requests to bytes, bytes to replies.

use crate::errors::{Error, Refusal, Result};
use crate::messages::{DEADLINE_MS_MAX, PROTOCOL_VERSION, REQUEST_BYTES_MAX};
use crate::value::{Map, Value};

/// Longest reply that is read: 5,000 snapshots of books fit.
pub(crate) const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
const RETRY_MS_MAX: u64 = 3_600_000;

/// One answer of the gateway.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The request's id.
    pub(crate) id: u64,
    /// The method's result, or the refusal.
    pub(crate) outcome: Result<Value>,
}

/// Pack one request; `deadline_ms` is how long we wait, and the gateway drops what it finds too late.
pub(crate) fn encode_request(
    id: u64,
    method: &str,
    params: Value,
    deadline_ms: u64,
) -> Result<Vec<u8>> {
    let request = Value::map([
        ("v", PROTOCOL_VERSION.into()),
        ("id", id.into()),
        ("method", method.into()),
        ("params", params),
        ("deadline_ms", deadline_ms.clamp(1, DEADLINE_MS_MAX).into()),
    ]);
    let data = request.to_bytes()?;
    if data.len() > REQUEST_BYTES_MAX {
        return Err(Error::invalid(
            format!("request {method} is too long: {} bytes of {REQUEST_BYTES_MAX}", data.len()),
            "Split the request.",
        ));
    }
    Ok(data)
}

/// Read one reply.
pub(crate) fn decode_reply(data: &[u8], method_of: impl Fn(u64) -> String) -> Result<Reply> {
    if data.len() > REPLY_BYTES_MAX {
        return Err(Error::malformed("reply is too long", b""));
    }
    let Value::Map(mut reply) = Value::from_bytes(data)? else {
        return Err(Error::malformed("reply is not a map", data));
    };
    let id = reply.get("id").and_then(Value::as_u64);
    let is_ok = reply.get("ok").and_then(Value::as_bool);
    let (Some(id), Some(is_ok)) = (id, is_ok) else {
        return Err(Error::malformed("reply lacks id or ok", data));
    };
    let outcome = if is_ok {
        Ok(reply.remove("result").unwrap_or_default())
    } else {
        let refusal = refusal_of(reply.remove("error"), method_of(id));
        Err(Error::RequestRefused(Box::new(refusal)))
    };
    Ok(Reply { id, outcome })
}

fn refusal_of(error: Option<Value>, method: String) -> Refusal {
    let mut fields = match error {
        Some(Value::Map(fields)) => fields,
        _ => Map::new(),
    };
    let mut text = |name: &str, default: &str| match fields.remove(name) {
        Some(Value::Text(text)) => text,
        _ => default.to_owned(),
    };
    Refusal {
        code: text("code", "internal"),
        message: text("message", "the gateway refused without saying why"),
        hint: text("hint", "Read the gateway's log."),
        retry_ms: fields
            .get("retry_ms")
            .and_then(Value::as_u64)
            .map(|retry_ms| retry_ms.min(RETRY_MS_MAX)),
        details: match fields.remove("details") {
            Some(Value::Map(details)) => details,
            _ => Map::new(),
        },
        method,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode_reply, encode_request};
    use crate::value::Value;

    #[test]
    fn a_refusal_says_what_the_gateway_said() {
        let reply = Value::map([
            ("id", 7_u64.into()),
            ("ok", false.into()),
            ("error", Value::map([("code", "busy".into()), ("retry_ms", 50_u64.into())])),
        ]);
        let reply = decode_reply(&reply.to_bytes().unwrap(), |_| "ping".into()).unwrap();
        let error = reply.outcome.unwrap_err();
        assert_eq!((error.code(), error.retry_ms()), ("busy", Some(50)));
        assert!(error.to_string().contains("ping"));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [&b""[..], b"\x01", b"\x80", b"\xdd\xff\xff\xff\xff"] {
            assert!(decode_reply(bytes, |_| String::new()).is_err());
        }
    }

    #[test]
    fn a_request_that_the_gateway_would_not_read_is_not_sent() {
        let long = "x".repeat(300_000);
        assert!(encode_request(1, "ping", long.into(), 5).is_err());
        assert!(encode_request(1, "ping", Value::map([]), 5).is_ok());
    }
}
