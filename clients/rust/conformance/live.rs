//! Carries out commands against a gateway, one after another.

use std::error::Error as StdError;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use iqfeed_gateway_client::messages::PriceLevel;
use iqfeed_gateway_client::{
    load_keys, BookMirror, Error, Fault, GatewayClient, Options, Result, StreamItem, Value,
};
use serde_json::{json, Value as Json};

use crate::ledger::Ledger;
use crate::spelling::{pick, spell, spell_item, spell_level, value_of, where_matches};

const QUIET: Duration = Duration::from_millis(300);

/// One conversation.
#[derive(Default)]
struct Live {
    client: Option<GatewayClient>,
    ledger: Ledger,
    mirrors: Vec<((String, String), BookMirror)>,
}

/// Answer each line until `close` or the end.
pub fn run() -> std::result::Result<(), Box<dyn StdError>> {
    let mut out = std::io::stdout().lock();
    let mut live = Live::default();
    for line in std::io::stdin().lock().lines() {
        let command: Json = serde_json::from_str(&line?)?;
        let mut answer = match live.carry_out(&command) {
            Ok(answer) => answer,
            Err(error) => {
                eprintln!("{command}: {error} ({})", error.hint());
                json!({"error": error.code()})
            }
        };
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("id".into(), command["id"].clone());
        }
        writeln!(out, "{answer}")?;
        out.flush()?;
        if command["do"] == "close" {
            break;
        }
    }
    Ok(())
}

impl Live {
    fn carry_out(&mut self, command: &Json) -> Result<Json> {
        match text(&command["do"]) {
            "connect" => return self.connect(command),
            "close" => {
                self.client = None;
                return Ok(json!({}));
            }
            "ledger" => return Ok(self.ledger.sums(text(&command["topic"]))),
            "book" => return self.follow(command),
            "mirror" => return self.mirror(command),
            "pause" => {
                std::thread::sleep(seconds(&command["seconds"], 0.0));
                return Ok(json!({}));
            }
            "next" => return self.next(command),
            "drain" => return self.drain(command),
            _ => {}
        }
        let client = self.client()?;
        match text(&command["do"]) {
            "subscribe" => subscribe(client, command),
            "unsubscribe" => {
                let kinds = command.get("kinds").filter(|kinds| !kinds.is_null()).map(texts);
                client.unsubscribe_symbols(&texts(&command["symbols"]), kinds.as_deref())?;
                Ok(json!({}))
            }
            "topics" => client.subscribe_topics(&texts(&command["topics"])).map(|()| json!({})),
            "snapshot" => {
                let found = client.snapshot(&texts(&command["topics"]))?;
                let items = found.into_iter().map(StreamItem::Message);
                let items: Vec<Json> =
                    items.map(|item| pick(&spell_item(&item), &command["fields"])).collect();
                Ok(json!({ "items": items }))
            }
            "request" => {
                let params = match &command["params"] {
                    Json::Null => Value::map([]),
                    params => value_of(params),
                };
                let result = client.call(text(&command["method"]), params, None)?;
                Ok(json!({"result": pick(&spell(&result), &command["fields"])}))
            }
            "health" => Ok(json!({"level": client.get_health_status()?.health_level})),
            "statistics" => {
                let figures = spell(&client.statistics()?.to_map().into());
                Ok(pick(&figures, &command["fields"]))
            }
            _ => Err(refusal(Error::InvalidArgument, "no such command")),
        }
    }

    fn client(&self) -> Result<&GatewayClient> {
        self.client.as_ref().ok_or_else(|| refusal(Error::NotConnected, "connect first"))
    }

    fn connect(&mut self, command: &Json) -> Result<Json> {
        let given = &command["options"];
        let defaults = Options::default();
        let number = |name: &str, default: u64| given[name].as_u64().unwrap_or(default);
        let silence_s = defaults.heartbeat_silence.as_secs_f64();
        let timeout_s = defaults.request_timeout.as_secs_f64();
        let size = |name: &str, default: usize| {
            usize::try_from(number(name, default as u64)).unwrap_or(default)
        };
        let options = Options {
            data_endpoint: text(&command["data"]).to_owned(),
            control_endpoint: text(&command["control"]).to_owned(),
            client_name: text(&command["client_name"]).to_owned(),
            curve: command["keys"].as_str().map(load_keys).transpose()?,
            queue_capacity: size("queue_capacity", defaults.queue_capacity),
            conflate_above: size("conflate_above", defaults.conflate_above),
            heartbeat_silence: seconds(&given["heartbeat_silence_s"], silence_s),
            request_timeout: seconds(&given["request_timeout_s"], timeout_s),
            lease_s: number("lease_s", defaults.lease_s),
            receive_messages_max: i32::try_from(size("rcvhwm", 200_000)).unwrap_or(i32::MAX),
            ..defaults
        };
        let client = GatewayClient::new(options)?;
        let outcome = client.connect();
        if let Err(error) = &outcome {
            eprintln!("connect: {error} ({})", error.hint());
        }
        self.client = Some(client);
        Ok(json!({"connected": outcome.is_ok()}))
    }

    /// Take an item off the stream, and let everybody see it.
    fn take(&mut self, wait: Duration) -> Result<Option<StreamItem>> {
        let Some(item) = self.client()?.next_message(Some(wait))? else {
            return Ok(None);
        };
        self.ledger.note(&item);
        for (_, mirror) in &mut self.mirrors {
            if let Err(error) = mirror.apply(&item) {
                eprintln!("mirror of {}: {error}", mirror.topic());
            }
        }
        Ok(Some(item))
    }

    fn next(&mut self, command: &Json) -> Result<Json> {
        let deadline = Instant::now() + seconds(&command["timeout_s"], 5.0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(item) = self.take(left)? else {
                return Ok(json!({"item": Json::Null}));
            };
            let spelled = spell_item(&item);
            if where_matches(&spelled, &command["where"]) {
                return Ok(json!({"item": pick(&spelled, &command["fields"])}));
            }
            if Instant::now() >= deadline {
                return Ok(json!({"item": Json::Null}));
            }
        }
    }

    fn drain(&mut self, command: &Json) -> Result<Json> {
        let deadline = Instant::now() + seconds(&command["timeout_s"], 5.0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.take(left.min(QUIET))?.is_none() {
                return Ok(json!({}));
            }
        }
    }

    fn follow(&mut self, command: &Json) -> Result<Json> {
        let (kind, symbol) = (text(&command["kind"]), text(&command["symbol"]));
        let mirror = BookMirror::new(kind, symbol)?;
        let key = (kind.to_owned(), symbol.to_owned());
        self.mirrors.retain(|(known, _)| *known != key);
        self.mirrors.push((key, mirror));
        Ok(json!({}))
    }

    fn mirror(&self, command: &Json) -> Result<Json> {
        let key = (text(&command["kind"]).to_owned(), text(&command["symbol"]).to_owned());
        let found = self.mirrors.iter().find(|(known, _)| *known == key);
        let (_, mirror) = found.ok_or_else(|| refusal(Error::InvalidArgument, "no such book"))?;
        let count = usize::try_from(command["levels"].as_u64().unwrap_or(10)).unwrap_or(10);
        let bids: Vec<PriceLevel> = mirror.bids().take(count).collect();
        let asks: Vec<PriceLevel> = mirror.asks().take(count).collect();
        Ok(json!({
            "is_current": mirror.is_current(),
            "is_known": mirror.is_known(),
            "is_stale": mirror.is_stale(),
            "bids": bids.iter().map(spell_level).collect::<Vec<Json>>(),
            "asks": asks.iter().map(spell_level).collect::<Vec<Json>>(),
        }))
    }
}

fn subscribe(client: &GatewayClient, command: &Json) -> Result<Json> {
    let results =
        client.subscribe_symbols(&texts(&command["symbols"]), &texts(&command["kinds"]))?;
    let mut accepted: Vec<&str> = results
        .iter()
        .flat_map(|result| result.topics.iter().map(|topic| topic.topic.as_str()))
        .collect();
    accepted.sort_unstable();
    let mut rejected: Vec<(&str, &str)> = results
        .iter()
        .filter_map(|result| Some((result.symbol.as_str(), result.code.as_deref()?)))
        .collect();
    rejected.sort_unstable();
    let rejected: Vec<Json> = rejected
        .into_iter()
        .map(|(symbol, code)| json!({"symbol": symbol, "code": code}))
        .collect();
    Ok(json!({"accepted": accepted, "rejected": rejected}))
}

/// What is answered when a command cannot be carried out.
fn refusal(code: fn(Fault) -> Error, text: &str) -> Error {
    code(Fault { text: text.to_owned(), hint: "Read what the conformance program takes.".into() })
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or("")
}

fn texts(json: &Json) -> Vec<&str> {
    json.as_array().map_or_else(Vec::new, |items| items.iter().map(text).collect())
}

fn seconds(json: &Json, default: f64) -> Duration {
    Duration::try_from_secs_f64(json.as_f64().unwrap_or(default)).unwrap_or_default()
}
