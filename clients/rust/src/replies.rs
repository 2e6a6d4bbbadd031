//! Messages inside the replies of `snapshot` and `replay`.

use crate::codec::{build, read_head};
use crate::errors::{Error, Result};
use crate::items::Amendment;
use crate::messages::Message;
use crate::results::rows_of;
use crate::routes::Route;
use crate::value::Value;

/// Read what the method `snapshot` answered.
pub(crate) fn read_snapshots(result: Value) -> Result<Vec<Message>> {
    let rows = rows_of(result, &["snapshots"])?;
    let messages = rows.iter().map(|row| {
        let topic = row.get("topic").and_then(Value::as_str).unwrap_or("");
        read_message(topic, row.get("body").unwrap_or(&Value::Nil))
    });
    messages.collect()
}

/// Read what the method `replay` answered: messages, and whether they are complete.
pub(crate) fn read_replay(topic: &str, result: &Value) -> Result<(Vec<Message>, bool)> {
    let bodies = result.get("bodies").and_then(Value::as_array);
    let bodies =
        bodies.ok_or_else(|| Error::malformed("replay without bodies", topic.as_bytes()))?;
    let messages = bodies.iter().map(|body| read_message(topic, body)).collect::<Result<_>>()?;
    let is_complete = result.get("complete").and_then(Value::as_bool) == Some(true);
    Ok((messages, is_complete))
}

fn read_message(topic: &str, body: &Value) -> Result<Message> {
    let route = Route::new(topic).ok_or_else(|| Error::malformed("no topic", topic.as_bytes()))?;
    let bytes = body.to_bytes()?;
    let head = read_head(&bytes)?;
    let slot = &route.slot;
    build((&slot.kind, &slot.symbol), head, &bytes, slot.is_of_orders, Amendment::default())
}
