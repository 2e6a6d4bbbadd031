//! The reader thread: owns both sockets, the timers and everything that changes.
//!
//! Plain blocking sockets in a thread of their own, so that the data socket is drained whatever the
//! application does. Other threads post commands and wait for answers; messages go through a
//! bounded queue. The thread ends by `stop` only: bad frames, refused requests and lost connections
//! are counted or told.

mod counting;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use zmq::{Context, PollEvents, Socket, DONTWAIT, PAIR, POLLIN, POLLOUT};

use crate::delivery::DeliveryQueue;
use crate::errors::{fault, Error, Result};
use crate::events::{Disconnected, Event, Reconnected};
use crate::messages::PROTOCOL_VERSION;
use crate::options::Options;
use crate::results::{as_map, Statistics};
use crate::routes::Entry;
use crate::rpc_client::RpcClient;
use crate::session::{nanoseconds, tell, Session, Ticket};
use crate::shared::{lock, Command, Inbox, Link, Shared, Status};
use crate::subscriber::Subscriber;
use crate::topics::new_nonce;
use crate::value::{Map, Value};

const FRAMES_PER_BATCH_MAX: usize = 1_000;
/// Timers are looked at twice a second at least; a longer pause means that we were suspended.
const TICK_NS_MAX: u64 = 500_000_000;
const WAKE_ENDPOINT: &str = "inproc://wake";

/// Lets everybody go when the reader thread ends, whatever it ends by.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            note_failure(&self.0, "it panicked");
        }
        *lock(&self.0.inbox) = Inbox::default();
        self.0.queue.close();
        self.0.change(|status| status.link = Link::Closed);
    }
}

/// One connection's life; runs in the reader thread.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    session: Session,
    waked: Socket,
    connect_timeout_ns: u64,
    silence_ns: u64,
    link: Link,
    is_greeted: bool,
    heard_ns: u64,
    heartbeat_count: u64,
    connect_deadline_ns: u64,
    reopen_at_ns: u64,
    tick_at_ns: u64,
    ticked_ns: u64,
}

impl Engine {
    /// Open everything, so that an endpoint or key that libzmq refuses is the caller's error.
    pub(crate) fn open(options: &Options) -> Result<(Self, Arc<Shared>)> {
        let token = new_nonce()?;
        let made = Self::make(options, token);
        made.map_err(|error| {
            Error::invalid(
                format!("endpoint or keys refused by libzmq: {error}"),
                "Check the endpoints; keys need a libzmq that was built with CURVE.",
            )
        })
    }

    fn make(options: &Options, token: String) -> zmq::Result<(Self, Arc<Shared>)> {
        let context = Context::new();
        let waker = context.socket(PAIR)?;
        let waked = context.socket(PAIR)?;
        waker.set_linger(0)?;
        waked.bind(WAKE_ENDPOINT)?;
        waker.connect(WAKE_ENDPOINT)?;
        let silence_ns = nanoseconds(options.heartbeat_silence);
        let queue = Arc::new(DeliveryQueue::new(
            options.queue_capacity,
            options.conflate_above,
            options.skip_after.map(nanoseconds),
        ));
        let subscriber = Subscriber::new(
            &context,
            &options.data_endpoint,
            options.curve.clone(),
            options.receive_messages_max,
        )?;
        let rpc =
            RpcClient::new(&context, &options.control_endpoint, options.curve.clone(), silence_ns)?;
        let session = Session::new(options.clone(), rpc, subscriber, queue.clone(), token)?;
        let shared = Arc::new(Shared {
            queue,
            started: Instant::now(),
            inbox: Mutex::new(Inbox { waker: Some(waker), ..Inbox::default() }),
            status: Mutex::new(Status {
                link: Link::Connecting,
                gateway: Map::new(),
                error: None,
                failure: None,
                epoch: None,
                statistics: Statistics::default(),
                heartbeat_lag_us: None,
            }),
            changed: Condvar::new(),
        });
        let engine = Self {
            shared: shared.clone(),
            session,
            waked,
            connect_timeout_ns: nanoseconds(options.connect_timeout),
            silence_ns,
            link: Link::Connecting,
            is_greeted: false,
            heard_ns: 0,
            heartbeat_count: 0,
            connect_deadline_ns: 0,
            reopen_at_ns: 0,
            tick_at_ns: 0,
            ticked_ns: 0,
        };
        Ok((engine, shared))
    }

    /// Work until stopped.
    pub(crate) fn run(mut self) {
        let _end = End(self.shared.clone());
        if let Err(error) = self.work() {
            note_failure(&self.shared, &error.to_string());
        }
        let left = std::mem::take(&mut *lock(&self.shared.inbox));
        let flow = &mut self.session.intake.flow;
        let told = flow.replays.give_up_all();
        flow.out.extend(told);
        self.deliver(self.shared.now_ns());
        self.publish();
        // Sockets first: whoever waits for an answer, or for the end, finds nothing open.
        drop((self, left));
    }

    fn work(&mut self) -> zmq::Result<()> {
        let now_ns = self.shared.now_ns();
        (self.heard_ns, self.ticked_ns) = (now_ns, now_ns);
        self.connect_deadline_ns = now_ns + self.connect_timeout_ns;
        self.session.greet(now_ns, self.connect_timeout_ns, Ticket::Greet)?;
        while self.link != Link::Closed && !lock(&self.shared.inbox).is_stopping {
            self.turn()?;
        }
        Ok(())
    }

    /// Wait for something to happen and deal with it.
    fn turn(&mut self) -> zmq::Result<()> {
        let [data, control, waked] = self.poll()?;
        let now_ns = self.shared.now_ns();
        let mut is_drained = true;
        if data.contains(POLLIN) {
            let intake = &mut self.session.intake;
            is_drained = self
                .session
                .subscriber
                .drain(FRAMES_PER_BATCH_MAX, |frame| intake.receive(frame))?;
        }
        if control.contains(POLLIN) {
            self.session.rpc.receive(now_ns)?;
        }
        if control.contains(POLLOUT) {
            self.session.rpc.flush(now_ns)?;
        }
        if waked.contains(POLLIN) {
            while self.waked.recv_bytes(DONTWAIT).is_ok() {}
        }
        // Whether woken or not: a wake may be lost, a command is not.
        self.run_commands(now_ns)?;
        self.note_heartbeats(now_ns)?;
        if now_ns >= self.tick_at_ns {
            self.tick(now_ns, is_drained)?;
        }
        self.session.after_batch(now_ns)?;
        self.judge_greeted();
        self.deliver(now_ns);
        self.publish();
        Ok(())
    }

    fn poll(&self) -> zmq::Result<[PollEvents; 3]> {
        let wait_ms = match self.tick_at_ns.checked_sub(self.shared.now_ns()) {
            Some(wait_ns) => i64::try_from(wait_ns / 1_000_000 + 1).unwrap_or(1),
            None => 0,
        };
        let rpc = &self.session.rpc;
        let control = if rpc.has_unsent() { POLLIN | POLLOUT } else { POLLIN };
        let mut items = [
            self.session.subscriber.socket.as_poll_item(POLLIN),
            rpc.socket.as_poll_item(control),
            self.waked.as_poll_item(POLLIN),
        ];
        match zmq::poll(&mut items, wait_ms) {
            Ok(_) => Ok(items.map(|item| item.get_revents())),
            Err(zmq::Error::EINTR) => Ok([PollEvents::empty(); 3]),
            Err(error) => Err(error),
        }
    }

    fn deliver(&mut self, now_ns: u64) {
        let out = &mut self.session.intake.flow.out;
        if !out.is_empty() {
            self.shared.queue.extend(out.drain(..), now_ns);
        }
    }

    fn run_commands(&mut self, now_ns: u64) -> zmq::Result<()> {
        let commands = std::mem::take(&mut lock(&self.shared.inbox).commands);
        if !commands.is_empty() {
            self.tick_at_ns = 0;
        }
        commands.into_iter().try_for_each(|command| self.run_command(command, now_ns))
    }

    fn run_command(&mut self, command: Command, now_ns: u64) -> zmq::Result<()> {
        let session = &mut self.session;
        match command {
            Command::Subscribe { symbols, kinds, timeout_ns, answer } => {
                session.subscribe(&symbols, &kinds, now_ns, timeout_ns, answer)
            }
            Command::GiveUp { symbols, kinds, timeout_ns, answer } => {
                session.give_up(&symbols, kinds.as_deref(), now_ns, timeout_ns, answer)
            }
            Command::Listen { topics, is_wanted, answer } => {
                if is_wanted {
                    topics.iter().try_for_each(|topic| session.listen(topic))?;
                } else {
                    session.forget_topics(&topics)?;
                }
                tell(&answer, Ok(()));
                Ok(())
            }
            Command::Call { method, params, timeout_ns, answer } => {
                let ticket = Ticket::Call(answer);
                session.rpc.request(&method, params, timeout_ns, now_ns, ticket)
            }
            Command::Heal { topic, sequence } => {
                session.intake.heal(&topic, sequence);
                Ok(())
            }
            Command::Replace { overrun, topics, gaps } => {
                session.intake.note_skipped(&gaps);
                topics.iter().for_each(|topic| session.intake.ask_again(topic));
                if overrun.topic.is_none() && overrun.unnamed > 0 {
                    // Which topics they were is not told, so every book is in doubt.
                    session.intake.ask_images_again();
                }
                Ok(())
            }
        }
    }

    fn note_heartbeats(&mut self, now_ns: u64) -> zmq::Result<()> {
        let flow = &mut self.session.intake.flow;
        if flow.heartbeat_count == self.heartbeat_count {
            return Ok(());
        }
        self.heartbeat_count = flow.heartbeat_count;
        let silent_ns = now_ns.saturating_sub(self.heard_ns);
        self.heard_ns = now_ns;
        let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let utc_us = u64::try_from(utc.as_micros()).unwrap_or(u64::MAX);
        self.session.heartbeat_lag_us = Some(utc_us.saturating_sub(flow.heartbeat_us));
        if self.link == Link::Silent {
            self.set_link(Link::Connected);
            let event = Event::Reconnected(Reconnected { silent_s: seconds(silent_ns) });
            self.session.intake.flow.out.insert(0, Entry::Event(event));
            self.session.reconnected(now_ns)?;
        }
        self.judge_connected();
        Ok(())
    }

    fn tick(&mut self, now_ns: u64, is_drained: bool) -> zmq::Result<()> {
        if now_ns.saturating_sub(self.ticked_ns) > 2 * TICK_NS_MAX {
            // The whole process stood still; libzmq needs a moment to bring what it has.
            let earliest_ns = (now_ns + TICK_NS_MAX).saturating_sub(self.silence_ns);
            self.heard_ns = self.heard_ns.max(earliest_ns);
        }
        self.ticked_ns = now_ns;
        self.session.rpc.expire(now_ns);
        self.session.tick(now_ns)?;
        self.shared.queue.skip_if_old(now_ns);
        if self.link == Link::Connecting {
            if now_ns >= self.connect_deadline_ns {
                self.fail(Error::RequestTimedOut(fault(
                    "no heartbeat in time",
                    "The gateway answers requests but no data arrives: check data_endpoint, and \
                     its keys if any.",
                )));
            }
        } else if is_drained {
            self.watch_silence(now_ns);
        }
        let deadlines = [self.session.rpc.deadline_ns(), self.session.deadline_ns()];
        let latest_ns = now_ns + TICK_NS_MAX;
        self.tick_at_ns = deadlines.into_iter().flatten().fold(latest_ns, u64::min);
        Ok(())
    }

    fn watch_silence(&mut self, now_ns: u64) {
        let silent_ns = now_ns.saturating_sub(self.heard_ns);
        if silent_ns < self.silence_ns {
            return;
        }
        if self.link == Link::Connected {
            self.set_link(Link::Silent);
            let silent_s = seconds(silent_ns);
            let event = Event::Disconnected(Disconnected { cause: "silence", silent_s });
            let flow = &mut self.session.intake.flow;
            flow.out.push(Entry::Event(event));
            // Ask for nothing while nothing is heard: it would only use up the attempts.
            flow.replays.is_paused = true;
        } else if now_ns < self.reopen_at_ns {
            return;
        }
        self.reopen_at_ns = now_ns + self.silence_ns;
        // Where no socket is to be had the old one stays, and the next try is as soon.
        if self.session.subscriber.reopen().is_ok() {
            self.session.reopened();
        }
    }

    // Connecting.

    fn judge_greeted(&mut self) {
        let Some(outcome) = self.session.greeted.take() else {
            return;
        };
        let gateway = match outcome.and_then(as_map) {
            Ok(gateway) => gateway,
            Err(error) => return self.fail(error),
        };
        let speaks_ours = match gateway.get("protocol") {
            None => true,
            Some(Value::Array(spoken)) => spoken.contains(&PROTOCOL_VERSION.into()),
            Some(spoken) => *spoken == Value::from(PROTOCOL_VERSION),
        };
        if !speaks_ours {
            return self.fail(Error::not_connected("no protocol version in common"));
        }
        self.is_greeted = true;
        self.shared.change(|status| status.gateway = gateway);
        self.judge_connected();
    }

    fn judge_connected(&mut self) {
        if self.link == Link::Connecting && self.is_greeted && self.heartbeat_count > 0 {
            self.set_link(Link::Connected);
        }
    }

    fn set_link(&mut self, link: Link) {
        self.link = link;
        self.shared.change(|status| status.link = link);
    }

    fn fail(&mut self, error: Error) {
        self.link = Link::Closed;
        lock(&self.shared.status).error = Some(error);
    }
}

/// Note what the reader thread died of, for whoever reads the stream to its end.
fn note_failure(shared: &Shared, cause: &str) {
    let error = Error::not_connected(format!("the reader thread failed: {cause}"));
    shared.change(|status| {
        status.failure = Some(error.clone());
        status.error.get_or_insert(error);
    });
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
