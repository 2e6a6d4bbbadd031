//! What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.
//!
//! Everything here runs in the reader thread and never waits: requests bring their answers back as
//! tickets, retries are timers.

mod answers;
mod keeping;

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::SyncSender;
use std::sync::Arc;

use crate::delivery::DeliveryQueue;
use crate::errors::Result;
use crate::intake::{Intake, SYS_TOPICS};
use crate::leases::LeaseBook;
use crate::messages::SYMBOLS_MAX;
use crate::options::Options;
use crate::replays::ReplayRequest;
use crate::results::{read_subscribed, SymbolResult};
use crate::rpc_client::RpcClient;
use crate::subscriber::Subscriber;
use crate::topics;
use crate::value::Value;

const CLIENT_VERSION: &str = env!("CARGO_PKG_VERSION");
const GREETINGS_MAX: u32 = 5;
const RETRY_NS_MIN: u64 = 1_000_000_000;
const RETRY_NS_MAX: u64 = 10_000_000_000;

/// Where the outcome of a call goes.
pub(crate) type Answer<T> = SyncSender<Result<T>>;

/// What a request was for.
pub(crate) enum Ticket {
    /// The first `hello`, which decides whether we are connected.
    Greet,
    /// `hello` of a fresh data connection, so many times tried.
    GreetAgain(u32),
    Subscribe {
        batch: u64,
        symbols: Vec<String>,
        kinds: Vec<String>,
    },
    Unsubscribe {
        batch: u64,
    },
    LeaseAgain {
        symbols: Vec<String>,
        kinds: Vec<String>,
        delay_ns: u64,
    },
    Renew {
        lease_id: String,
    },
    Replay(ReplayRequest),
    Call(Answer<Value>),
}

/// What is to be done at a time.
enum Timer {
    GreetAgain(u32),
    LeaseAgain { symbols: Vec<String>, delay_ns: u64 },
}

/// A call that takes several requests.
struct Batch {
    open_count: usize,
    results: Vec<SymbolResult>,
    answer: Answer<Vec<SymbolResult>>,
}

/// The subscriptions of one client over its two sockets.
pub(crate) struct Session {
    options: Options,
    timeout_ns: u64,
    token: String,
    pub(crate) rpc: RpcClient<Ticket>,
    pub(crate) subscriber: Subscriber,
    queue: Arc<DeliveryQueue>,
    pub(crate) intake: Intake,
    pub(crate) leases: LeaseBook,
    batches: HashMap<u64, Batch>,
    timers: BTreeMap<(u64, u64), Timer>,
    next_id: u64,
    reported_received: u64,
    reported_missing: u64,
    pub(crate) repaired_count: u64,
    /// Age of the last heartbeat when it was read, by this machine's clock.
    pub(crate) heartbeat_lag_us: Option<u64>,
    /// How the first `hello` ended; the engine takes it.
    pub(crate) greeted: Option<Result<Value>>,
}

impl Session {
    pub(crate) fn new(
        options: Options,
        rpc: RpcClient<Ticket>,
        subscriber: Subscriber,
        queue: Arc<DeliveryQueue>,
        token: String,
    ) -> zmq::Result<Self> {
        let mut session = Self {
            timeout_ns: nanoseconds(options.request_timeout),
            leases: LeaseBook::new(options.lease_s),
            options,
            token,
            rpc,
            subscriber,
            queue,
            intake: Intake::new(),
            batches: HashMap::new(),
            timers: BTreeMap::new(),
            next_id: 0,
            reported_received: 0,
            reported_missing: 0,
            repaired_count: 0,
            heartbeat_lag_us: None,
            greeted: None,
        };
        for topic in SYS_TOPICS {
            session.subscriber.subscribe(topic)?;
        }
        let own = format!("~{}.sys,client,", session.token);
        session.listen(&own)?;
        Ok(session)
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Say who we are, which binds the data connection that holds our token to our name.
    pub(crate) fn greet(
        &mut self,
        now_ns: u64,
        timeout_ns: u64,
        ticket: Ticket,
    ) -> zmq::Result<()> {
        let params = Value::map([
            ("client", self.options.client_name.as_str().into()),
            ("language", "rust".into()),
            ("version", CLIENT_VERSION.into()),
            ("data_token", self.token.as_str().into()),
        ]);
        self.rpc.request("hello", params, timeout_ns, now_ns, ticket)
    }

    // Subscriptions.

    /// Take leases, then listen, then ask for snapshots; symbols and kinds are checked.
    pub(crate) fn subscribe(
        &mut self,
        symbols: &[String],
        kinds: &[String],
        now_ns: u64,
        timeout_ns: u64,
        answer: Answer<Vec<SymbolResult>>,
    ) -> zmq::Result<()> {
        let parts = symbols.chunks(SYMBOLS_MAX as usize);
        let Some(batch) = self.begin(parts.len(), answer) else {
            return Ok(());
        };
        for part in parts {
            let (symbols, kinds) = (part.to_vec(), kinds.to_vec());
            let params = self.lease_params(&symbols, &kinds);
            let ticket = Ticket::Subscribe { batch, symbols, kinds };
            self.rpc.request("subscribe", params, timeout_ns, now_ns, ticket)?;
        }
        Ok(())
    }

    /// Begin a batch; one without parts is over at once.
    fn begin(&mut self, open_count: usize, answer: Answer<Vec<SymbolResult>>) -> Option<u64> {
        if open_count == 0 {
            tell(&answer, Ok(Vec::new()));
            return None;
        }
        let id = self.id();
        let results = Vec::new();
        self.batches.insert(id, Batch { open_count, results, answer });
        Some(id)
    }

    /// Note how a part of a batch ended. An error ends it at once: what other parts brought stays
    /// subscribed, and the caller may simply ask again.
    fn end_part(&mut self, id: u64, outcome: Result<Vec<SymbolResult>>) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        match outcome {
            Ok(results) => {
                batch.results.extend(results);
                batch.open_count -= 1;
                if batch.open_count == 0 {
                    tell(&batch.answer, Ok(std::mem::take(&mut batch.results)));
                    self.batches.remove(&id);
                }
            }
            Err(error) => {
                tell(&batch.answer, Err(error));
                self.batches.remove(&id);
            }
        }
    }

    fn lease_params(&self, symbols: &[String], kinds: &[String]) -> Value {
        Value::map([
            ("client", self.options.client_name.as_str().into()),
            ("symbols", Value::texts(symbols)),
            ("kinds", Value::texts(kinds)),
            ("lease_s", self.options.lease_s.into()),
            ("data_token", self.token.as_str().into()),
        ])
    }

    /// Act on the answer to `subscribe`; `is_new` unless all of it was wanted before.
    fn take(
        &mut self,
        symbols: &[String],
        kinds: &[String],
        is_new: bool,
        outcome: Result<Value>,
        now_ns: u64,
    ) -> zmq::Result<Result<Vec<SymbolResult>>> {
        let read = outcome.and_then(|result| read_subscribed(result, symbols));
        let (lease_id, results) = match read {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let accepted: Vec<String> = results
            .iter()
            .filter(|result| result.is_accepted())
            .map(|result| result.symbol.clone())
            .collect();
        if is_new {
            self.leases.want(&accepted, kinds);
        }
        for symbol in &accepted {
            for kind in kinds {
                // What was given up while the gateway was asked again stays given up.
                if self.leases.kinds_of(symbol).contains(kind) {
                    self.listen(&topics::topic_of(kind, symbol))?;
                }
            }
        }
        let kept: Vec<String> =
            accepted.into_iter().filter(|symbol| self.leases.is_wanted(symbol)).collect();
        if let Some(lease_id) = lease_id.filter(|_| !kept.is_empty()) {
            self.leases.add(&lease_id, kept, now_ns);
        }
        Ok(Ok(results))
    }

    /// Subscribe to a topic first, then want its snapshot: the order makes it free of races.
    pub(crate) fn listen(&mut self, topic: &str) -> zmq::Result<()> {
        self.intake.add(topic);
        self.subscriber.subscribe(topic)?;
        self.intake.ask_again(topic);
        Ok(())
    }

    /// Stop listening at once, then tell the gateway.
    ///
    /// `kinds` are kinds, `l1` or `l2`, checked; `None` for all. `state` in a level stays while
    /// other kinds of the symbol do.
    pub(crate) fn give_up(
        &mut self,
        symbols: &[String],
        kinds: Option<&[String]>,
        now_ns: u64,
        timeout_ns: u64,
        answer: Answer<Vec<SymbolResult>>,
    ) -> zmq::Result<()> {
        let mut by_kinds: BTreeMap<Option<Vec<String>>, Vec<String>> = BTreeMap::new();
        for symbol in symbols {
            let chosen = kinds.map(|kinds| self.without_shared(symbol, kinds));
            let dropped = self.leases.drop(symbol, chosen.as_deref());
            self.forget_topics(&dropped)?;
            by_kinds.entry(chosen).or_default().push(symbol.clone());
        }
        self.leases.prune();
        let mut parts = Vec::new();
        for (chosen, members) in &by_kinds {
            for part in members.chunks(SYMBOLS_MAX as usize) {
                let mut params = vec![
                    ("client", self.options.client_name.as_str().into()),
                    ("symbols", Value::texts(part)),
                ];
                if let Some(chosen) = chosen {
                    params.push(("kinds", Value::texts(chosen)));
                }
                parts.push(
                    params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                );
            }
        }
        let Some(batch) = self.begin(parts.len(), answer) else {
            return Ok(());
        };
        for params in parts {
            let ticket = Ticket::Unsubscribe { batch };
            self.rpc.request("unsubscribe", Value::Map(params), timeout_ns, now_ns, ticket)?;
        }
        Ok(())
    }

    fn without_shared(&self, symbol: &str, kinds: &[String]) -> Vec<String> {
        // They were checked when they were asked for.
        let mut chosen = topics::expand_kinds(kinds).unwrap_or_default();
        let has_rest = self.leases.kinds_of(symbol).iter().any(|kind| !chosen.contains(kind));
        if has_rest && !kinds.iter().any(|kind| kind == "state") {
            chosen.retain(|kind| kind != "state");
        }
        chosen
    }

    /// Stop listening to topics or kind prefixes; what every client needs stays.
    pub(crate) fn forget_topics(&mut self, names: &[String]) -> zmq::Result<()> {
        for name in names.iter().filter(|name| !SYS_TOPICS.contains(&name.as_str())) {
            self.subscriber.unsubscribe(name)?;
            for private in self.intake.remove(name) {
                self.subscriber.unsubscribe(&private)?;
            }
        }
        Ok(())
    }
}

/// How far behind a client is: the way to it, or its application, whichever is worse.
pub(crate) fn lag_us(heartbeat_lag_us: Option<u64>, waiting_ns: u64) -> Option<u64> {
    let waiting_us = waiting_ns / 1_000;
    match heartbeat_lag_us {
        Some(lag_us) => Some(lag_us.max(waiting_us)),
        None => (waiting_us > 0).then_some(waiting_us),
    }
}

/// Hand an outcome to whoever waits for it; nobody does when their deadline has passed.
pub(crate) fn tell<T>(answer: &Answer<T>, outcome: Result<T>) {
    let _ = answer.try_send(outcome);
}

/// A duration in nanoseconds; options keep it below a day.
pub(crate) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
