//! The client: both sockets, subscriptions that keep themselves, and the stream.

mod requests;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::codec::build;
use crate::delivery::Taken;
use crate::engine::Engine;
use crate::errors::{Error, Result};
use crate::events::{Event, Gap, StreamItem};
use crate::items::Amendment;
use crate::messages::flag;
use crate::options::Options;
use crate::results::{Statistics, SymbolResult};
use crate::routes::Pending;
use crate::session::{lag_us, nanoseconds};
use crate::shared::{Command, Link, Shared};
use crate::topics;
use crate::value::Map;

/// A consumer of the gateway's data and a caller of its methods.
///
/// Any thread may call any method. Several threads that iterate share the messages, each message
/// going to one of them. Dropping it disconnects.
pub struct GatewayClient {
    options: Options,
    life: Mutex<Life>,
    undecoded_count: AtomicU64,
}

#[derive(Default)]
struct Life {
    shared: Option<Arc<Shared>>,
    thread: Option<JoinHandle<()>>,
    last_error: Option<Error>,
}

impl GatewayClient {
    /// Make a client; nothing is opened before [`connect`](Self::connect).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when an option can never work.
    pub fn new(options: Options) -> Result<Self> {
        Ok(Self {
            options: options.checked()?,
            life: Mutex::new(Life::default()),
            undecoded_count: AtomicU64::new(0),
        })
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> Result<Arc<Shared>> {
        let shared = self.life().shared.clone();
        shared.ok_or_else(|| Error::not_connected("not connected"))
    }

    /// Reach the gateway: a reply to `hello` and a first heartbeat. Does nothing when connected.
    ///
    /// # Errors
    /// Why it was not reached within `connect_timeout`; [`last_error`](Self::last_error) keeps it.
    pub fn connect(&self) -> Result<()> {
        let outcome = self.try_connect();
        self.life().last_error = outcome.as_ref().err().cloned();
        outcome
    }

    fn try_connect(&self) -> Result<()> {
        let shared = {
            let mut life = self.life();
            match life.shared.clone().filter(|shared| shared.link() != Link::Closed) {
                Some(shared) => shared,
                None => {
                    if let Some(thread) = life.thread.take() {
                        let _ = thread.join();
                    }
                    let (engine, shared) = Engine::open(&self.options)?;
                    let thread = std::thread::Builder::new()
                        .name("gateway-client".into())
                        .spawn(move || engine.run())
                        .map_err(|error| Error::not_connected(format!("no thread: {error}")))?;
                    self.undecoded_count.store(0, Ordering::Relaxed);
                    life.thread = Some(thread);
                    life.shared = Some(shared.clone());
                    shared
                }
            }
        };
        if shared.wait_connected() == Link::Closed {
            let error = shared.status().error;
            return Err(error.unwrap_or_else(|| Error::not_connected("disconnected meanwhile")));
        }
        Ok(())
    }

    /// Close everything; idempotent. What is still queued can be read, then iteration ends.
    pub fn disconnect(&self) {
        let (shared, thread) = {
            let mut life = self.life();
            (life.shared.clone(), life.thread.take())
        };
        if let Some(shared) = shared {
            shared.stop();
        }
        if let Some(thread) = thread {
            // A panic of the reader thread would be our bug; it is told by NotConnected.
            let _ = thread.join();
        }
    }

    // What is known without asking.

    /// Name the leases belong to.
    pub fn client_name(&self) -> &str {
        &self.options.client_name
    }

    /// Whether heartbeats arrive.
    pub fn is_connected(&self) -> bool {
        self.shared().is_ok_and(|shared| shared.link() == Link::Connected)
    }

    /// Why the last `connect` failed, or what ended the connection it made; else `None`.
    pub fn last_error(&self) -> Option<Error> {
        let life = self.life();
        let shared = life.shared.as_ref();
        life.last_error.clone().or_else(|| shared.and_then(|shared| shared.status().failure))
    }

    /// What the gateway said of itself (`hello`); empty before `connect`.
    pub fn gateway(&self) -> Map {
        self.shared().map(|shared| shared.status().gateway).unwrap_or_default()
    }

    /// The gateway run last heard, Unix milliseconds; `None` before `connect`.
    pub fn epoch(&self) -> Option<u64> {
        self.shared().ok()?.status().epoch
    }

    /// Tell what this client has counted since `connect`.
    ///
    /// # Errors
    /// [`Error::NotConnected`] when `connect` was never called.
    pub fn statistics(&self) -> Result<Statistics> {
        let shared = self.shared()?;
        let status = shared.status();
        let queue = &shared.queue;
        let counters = queue.counters();
        Ok(Statistics {
            delivered: counters.delivered,
            dropped: counters.dropped,
            conflated: counters.conflated,
            skips: counters.skips,
            bad_frames: status.statistics.bad_frames + self.undecoded_count.load(Ordering::Relaxed),
            queue_size: queue.len() as u64,
            queue_capacity: queue.capacity as u64,
            lag_us: lag_us(status.heartbeat_lag_us, queue.age_ns(shared.now_ns())),
            ..status.statistics
        })
    }

    // Subscriptions.

    /// Subscribe to one symbol: its topics with their states, or why it was rejected.
    ///
    /// `kinds`: `l1`, `l2`, kinds such as `quote`, or variants such as `quote@250`.
    ///
    /// # Errors
    /// [`Error::SecurityValidation`] when the symbol must not be sent, and was not; otherwise as
    /// [`subscribe_symbols`](Self::subscribe_symbols).
    pub fn subscribe_symbol(&self, symbol: &str, kinds: &[&str]) -> Result<SymbolResult> {
        topics::check_symbol(symbol)?;
        let results = self.subscribe_symbols(&[symbol], kinds)?;
        let result = results.into_iter().next();
        result.ok_or_else(|| Error::malformed("subscribe answered nothing", symbol.as_bytes()))
    }

    /// Subscribe to many symbols; one bad symbol never spoils the others.
    ///
    /// Any number is sent, 5,000 a request. What became of each comes in the order asked, each
    /// symbol once; malformed symbols are rejected with `symbol_invalid` and not sent.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a kind that does not exist; as [`call`](Self::call) when the
    /// gateway did not answer, or refused a request. What it accepted until then stays subscribed.
    pub fn subscribe_symbols<S: AsRef<str>>(
        &self,
        symbols: &[S],
        kinds: &[&str],
    ) -> Result<Vec<SymbolResult>> {
        let kinds = topics::expand_kinds(kinds)?;
        let mut seen = BTreeSet::new();
        let mut results = Vec::new();
        let mut good = Vec::new();
        for symbol in
            symbols.iter().map(AsRef::as_ref).filter(|symbol| seen.insert(symbol.to_owned()))
        {
            match topics::check_symbol(symbol) {
                Ok(()) => good.push(symbol.to_owned()),
                Err(error) => {
                    results.push(SymbolResult::rejected(symbol, error.code(), error.hint()));
                }
            }
        }
        let timeout = self.options.request_timeout;
        let timeout_ns = nanoseconds(timeout);
        results.extend(self.ask(timeout, |answer| Command::Subscribe {
            symbols: good,
            kinds,
            timeout_ns,
            answer,
        })?);
        let mut ordered: HashMap<String, SymbolResult> =
            results.into_iter().map(|result| (result.symbol.clone(), result)).collect();
        Ok(symbols.iter().filter_map(|symbol| ordered.remove(symbol.as_ref())).collect())
    }

    /// Give a symbol up, or only some kinds of it; listening ends at once.
    ///
    /// # Errors
    /// [`Error::SecurityValidation`] when it is no symbol; as [`call`](Self::call) when the gateway
    /// did not confirm: its lease then ends by itself.
    pub fn unsubscribe_symbol(&self, symbol: &str, kinds: Option<&[&str]>) -> Result<()> {
        self.unsubscribe_symbols(&[symbol], kinds)
    }

    /// Give many symbols up, or only some kinds of them; errors as in `unsubscribe_symbol`.
    pub fn unsubscribe_symbols<S: AsRef<str>>(
        &self,
        symbols: &[S],
        kinds: Option<&[&str]>,
    ) -> Result<()> {
        symbols.iter().try_for_each(|symbol| topics::check_symbol(symbol.as_ref()))?;
        kinds.map(topics::expand_kinds).transpose()?;
        let timeout = self.options.request_timeout;
        self.ask(timeout, |answer| Command::GiveUp {
            symbols: symbols.iter().map(|symbol| symbol.as_ref().to_owned()).collect(),
            kinds: kinds.map(|kinds| kinds.iter().map(|kind| (*kind).to_owned()).collect()),
            timeout_ns: nanoseconds(timeout),
            answer,
        })
        .map(drop)
    }

    /// Listen to topics (`bar,AAPL,`) or whole kinds (`news,`) without taking a lease.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for what is neither; [`Error::NotConnected`].
    pub fn subscribe_topics<S: AsRef<str>>(&self, names: &[S]) -> Result<()> {
        self.listen(names, true)
    }

    /// Stop listening to what `subscribe_topics` was given; errors as there.
    pub fn unsubscribe_topics<S: AsRef<str>>(&self, names: &[S]) -> Result<()> {
        self.listen(names, false)
    }

    fn listen<S: AsRef<str>>(&self, names: &[S], is_wanted: bool) -> Result<()> {
        names.iter().try_for_each(|name| topics::check_topic(name.as_ref()))?;
        let topics = names.iter().map(|name| name.as_ref().to_owned()).collect();
        self.ask(self.options.request_timeout, |answer| Command::Listen {
            topics,
            is_wanted,
            answer,
        })
    }

    // The stream.

    /// Take the next message or event, waiting for it at most so long; for ever when `None`.
    ///
    /// Returns `None` at the deadline, or when disconnected and everything was read.
    ///
    /// # Errors
    /// [`Error::NotConnected`] when `connect` was never called, or the connection failed and
    /// everything was read.
    pub fn next_message(&self, timeout: Option<Duration>) -> Result<Option<StreamItem>> {
        let shared = self.shared()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        match shared.queue.pop(deadline) {
            Some(taken) => Ok(Some(self.item_of(&shared, taken))),
            None => shared.end_of_stream().map(|()| None),
        }
    }

    /// Iterate over messages and events until nothing comes for so long, or `disconnect`.
    pub fn messages(&self, timeout: Option<Duration>) -> Messages<'_> {
        Messages { client: self, timeout }
    }

    fn item_of(&self, shared: &Shared, taken: Taken) -> StreamItem {
        match taken {
            Taken::Message(entry) => self.decode(shared, &entry),
            Taken::Event(event) => StreamItem::Event(event),
            Taken::Overrun(overrun, topics, gaps) => {
                // One for each skip that the application has come to, so never many. When the
                // client was disconnected meanwhile there is nothing to fetch.
                let told = overrun.clone();
                let _ = shared.post(Command::Replace { overrun, topics, gaps }, false);
                StreamItem::Event(Event::Overrun(told))
            }
        }
    }

    fn decode(&self, shared: &Shared, entry: &Pending) -> StreamItem {
        let slot = &entry.slot;
        let conflated = if entry.merged_add > 0 { flag::CONFLATED } else { 0 };
        let snapshot = if entry.is_snapshot { flag::SNAPSHOT } else { 0 };
        let amend = Amendment { flags: conflated | snapshot, merged: entry.merged_add };
        let topic = (&slot.kind, &slot.symbol);
        match build(topic, entry.head, &entry.body, slot.is_of_orders, amend) {
            Ok(message) => StreamItem::Message(message),
            Err(_) => {
                // A message that cannot be read is a message lost.
                self.undecoded_count.fetch_add(1, Ordering::Relaxed);
                let sequence = entry.head.sequence;
                let topic = slot.topic.clone();
                let _ = shared.post(Command::Heal { topic, sequence }, true);
                StreamItem::Event(Event::Gap(Gap {
                    topic: slot.topic.clone(),
                    first_missing: sequence,
                    last_missing: sequence,
                    healed: false,
                    epoch: entry.head.epoch,
                    is_final: !slot.has_value,
                }))
            }
        }
    }
}

impl Drop for GatewayClient {
    fn drop(&mut self) {
        self.disconnect();
    }
}

/// The stream of a client; see [`GatewayClient::messages`].
pub struct Messages<'a> {
    client: &'a GatewayClient,
    timeout: Option<Duration>,
}

impl Iterator for Messages<'_> {
    type Item = StreamItem;

    fn next(&mut self) -> Option<StreamItem> {
        self.client.next_message(self.timeout).ok().flatten()
    }
}

impl<'a> IntoIterator for &'a GatewayClient {
    type Item = StreamItem;
    type IntoIter = Messages<'a>;

    fn into_iter(self) -> Messages<'a> {
        self.messages(None)
    }
}
