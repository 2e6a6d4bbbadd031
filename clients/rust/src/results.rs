//! What the client answers: typed, and lenient about what a gateway leaves out.

use std::fmt;

use crate::errors::{Error, Result};
use crate::value::{Map, Value};

/// One topic of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// The topic, for example `quote,AAPL,`.
    pub topic: String,
    /// `pending`, `live`, `stale`, `recovering`, `closed` or `refused`.
    pub state: String,
    /// Sequence of the last message published on it; `None` when the gateway did not say.
    pub sequence: Option<u64>,
}

/// What became of one symbol of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolResult {
    /// The symbol, verbatim.
    pub symbol: String,
    /// Its topics; empty when rejected.
    pub topics: Vec<TopicState>,
    /// Why it was rejected, for example `symbol_limit`; `None` when it was accepted.
    pub code: Option<String>,
    /// What to do about a rejection.
    pub hint: Option<String>,
}

impl SymbolResult {
    /// Whether messages will come.
    pub fn is_accepted(&self) -> bool {
        self.code.is_none()
    }

    pub(crate) fn rejected(symbol: &str, code: &str, hint: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            topics: Vec::new(),
            code: Some(code.to_owned()),
            hint: Some(hint.to_owned()),
        }
    }
}

/// Whether the gateway, and this client's way to it, are well.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthStatus {
    /// `healthy`, `warning` or `critical`.
    pub health_level: String,
    /// Whether the level is `healthy`.
    pub is_healthy: bool,
    /// Maps with code, level, message, since_us and hint; this client's own first.
    pub issues: Vec<Map>,
    /// The gravest issue in plain words; `None` when there is none.
    pub error_message: Option<String>,
    /// Whether the gateway's process works.
    pub live: bool,
    /// Whether it can serve data.
    pub ready: bool,
    /// Upstream port to the state of its connection.
    pub upstream: Map,
}

/// Why a symbol is in its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolLineage {
    /// The symbol, verbatim.
    pub symbol: String,
    /// `pending`, `live`, `stale`, `recovering`, `closed` or `refused`.
    pub state: String,
    /// Why; `None` when nothing is wrong.
    pub cause: Option<String>,
    /// Demand, watch, last line, link, cause and last messages, one sentence each.
    pub lines: Vec<String>,
}

impl fmt::Display for SymbolLineage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.lines.join("\n"))
    }
}

macro_rules! statistics {
    ($( $(#[$doc:meta])* $name:ident, )*) => {
        /// What one client has counted since `connect`.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Statistics {
            $( $(#[$doc])* pub $name: u64, )*
            /// How far behind this client is, microseconds: the age of the last heartbeat when it
            /// was read, by this machine's clock, or the time the oldest message has waited for the
            /// application. `None` before a heartbeat.
            pub lag_us: Option<u64>,
        }

        impl Statistics {
            /// Every figure under its name.
            pub fn to_map(&self) -> Map {
                let mut map = Map::new();
                $( map.insert(stringify!($name).to_owned(), self.$name.into()); )*
                map.insert("lag_us".to_owned(), self.lag_us.into());
                map
            }
        }
    };
}

statistics! {
    /// Frames read from the data socket, heartbeats included.
    received,
    /// Messages and events handed to the application.
    delivered,
    /// Holes found.
    gaps,
    /// Messages those holes stand for.
    missing,
    /// Messages dropped because they were seen before.
    repeats,
    /// Messages skipped because the application was too slow; each is told by an Overrun.
    dropped,
    /// State messages replaced by newer ones while they waited for the application.
    conflated,
    /// Frames that break the contract.
    bad_frames,
    /// Frames of a type this version does not know.
    unknown_messages,
    /// Frames on topics not subscribed (any more).
    unrouted,
    /// Times the gateway came back with a new epoch.
    restarts,
    /// Times the data socket was made anew after silence.
    reconnects,
    /// Private topics subscribed.
    snapshots_requested,
    /// Private topics given up.
    snapshots_unanswered,
    /// Control requests sent.
    requests,
    /// Control requests that ran into their deadline.
    request_timeouts,
    /// Replies dropped because their request had ended.
    late_replies,
    /// Replies that could not be read.
    bad_replies,
    /// Times the control socket was made anew.
    control_reconnects,
    /// Leases renewed.
    renewals,
    /// Leases the gateway no longer knew.
    leases_expired,
    /// Topics the gateway had not seen on the data socket, subscribed again.
    subscriptions_repaired,
    /// Requests for lost events.
    replays_requested,
    /// Such requests sent again, because the gateway was busy or did not answer.
    replays_retried,
    /// Holes for which there was no room; what is in them is lost for good.
    replays_refused,
    /// Answers to such requests that nobody waited for any more.
    replays_late,
    /// Lost events that came by replay.
    replayed,
    /// Messages in such answers that were not what was asked for.
    replayed_bad,
    /// Messages lost for good; each is named by a Gap with `is_final`.
    lost,
    /// Holes being fetched.
    holes,
    /// Times that everything waiting for a slow application was skipped.
    skips,
    /// Messages waiting for the application.
    queue_size,
    /// Messages that may wait.
    queue_capacity,
    /// Control requests outstanding.
    requests_size,
    /// Control requests that may be outstanding.
    requests_capacity,
}

/// Take a method's result that must be a map.
pub(crate) fn as_map(result: Value) -> Result<Map> {
    match result {
        Value::Map(map) => Ok(map),
        _ => Err(Error::malformed("result is not a map", b"")),
    }
}

/// Take the list of maps out of a result: the result itself, or the first name it has.
pub(crate) fn rows_of(result: Value, names: &[&str]) -> Result<Vec<Map>> {
    let list = match result {
        Value::Map(mut map) => {
            names.iter().find_map(|name| map.remove(*name)).unwrap_or(Value::Array(Vec::new()))
        }
        other => other,
    };
    let Value::Array(rows) = list else {
        return Err(Error::malformed("result is not a list", b""));
    };
    let maps = rows.into_iter().filter_map(|row| match row {
        Value::Map(map) => Some(map),
        _ => None,
    });
    Ok(maps.collect())
}

fn text_of(map: &Map, name: &str) -> Option<String> {
    map.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Read the gateway's verdict and add what this client sees for itself.
pub(crate) fn health_of(result: Value, local_issues: Vec<Map>) -> Result<HealthStatus> {
    let fields = as_map(result)?;
    let is_true = |name: &str| fields.get(name).and_then(Value::as_bool) == Some(true);
    let reported = rows_of(fields.get("issues").cloned().unwrap_or(Value::Array(vec![])), &[])?;
    let (health_level, error_message) = match local_issues.first() {
        Some(issue) => ("critical".to_owned(), text_of(issue, "message")),
        None => (
            text_of(&fields, "level").unwrap_or_else(|| "critical".into()),
            text_of(&fields, "error_message"),
        ),
    };
    Ok(HealthStatus {
        is_healthy: health_level == "healthy",
        health_level,
        issues: local_issues.into_iter().chain(reported).collect(),
        error_message,
        live: is_true("live"),
        ready: is_true("ready"),
        upstream: match fields.get("upstream") {
            Some(Value::Map(upstream)) => upstream.clone(),
            _ => Map::new(),
        },
    })
}

/// Say that the gateway could not be asked: that is an answer too.
pub(crate) fn health_without(error: &Error) -> HealthStatus {
    HealthStatus {
        health_level: "critical".into(),
        is_healthy: false,
        issues: vec![issue(error.code(), &error.to_string(), error.hint())],
        error_message: Some(error.to_string()),
        live: false,
        ready: false,
        upstream: Map::new(),
    }
}

/// An issue of this client's own, in the form of the gateway's.
pub(crate) fn issue(code: &str, message: &str, hint: &str) -> Map {
    let fields: [(&str, Value); 5] = [
        ("code", code.into()),
        ("level", "critical".into()),
        ("message", message.into()),
        ("since_us", Value::Nil),
        ("hint", hint.into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Read what `subscribe` answered: the lease, if one was granted, and what became of each symbol.
pub(crate) fn read_subscribed(
    result: Value,
    symbols: &[String],
) -> Result<(Option<String>, Vec<SymbolResult>)> {
    let fields = as_map(result)?;
    let list = |name: &str| fields.get(name).cloned().unwrap_or(Value::Array(Vec::new()));
    let mut topics: std::collections::HashMap<String, Vec<TopicState>> = Default::default();
    for row in rows_of(list("topics"), &[])? {
        let Some(topic) = text_of(&row, "topic") else {
            continue;
        };
        let Some(symbol) = topic.split(',').nth(1).map(str::to_owned) else {
            continue;
        };
        topics.entry(symbol).or_default().push(TopicState {
            topic,
            state: text_of(&row, "state").unwrap_or_else(|| "pending".into()),
            sequence: row.get("sequence").and_then(Value::as_u64),
        });
    }
    let refused = rows_of(list("rejected"), &[])?;
    let results = symbols.iter().map(|symbol| {
        let topics = topics.remove(symbol);
        let is_of_symbol = |row: &&Map| row.get("symbol").and_then(Value::as_str) == Some(symbol);
        match refused.iter().find(is_of_symbol) {
            Some(row) if topics.is_none() => SymbolResult::rejected(
                symbol,
                &text_of(row, "code").unwrap_or_else(|| "internal".into()),
                &text_of(row, "hint").unwrap_or_default(),
            ),
            _ => SymbolResult {
                symbol: symbol.clone(),
                topics: topics.unwrap_or_default(),
                code: None,
                hint: None,
            },
        }
    });
    let results = results.collect();
    Ok((text_of(&fields, "lease_id"), results))
}

/// Read what `errors` answered, oldest first.
pub(crate) fn errors_of(result: Value) -> Result<Vec<Map>> {
    let mut rows = rows_of(result, &["errors"])?;
    rows.sort_by_key(|row| row.get("at_us").and_then(Value::as_u64).unwrap_or(0));
    Ok(rows)
}

/// Read what `why` answered.
pub(crate) fn lineage_of(result: Value) -> Result<SymbolLineage> {
    let fields = as_map(result)?;
    let lines = fields.get("lines").and_then(Value::as_array).unwrap_or(&[]);
    Ok(SymbolLineage {
        symbol: text_of(&fields, "symbol").unwrap_or_default(),
        state: text_of(&fields, "state").unwrap_or_default(),
        cause: text_of(&fields, "cause"),
        lines: lines.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect(),
    })
}
