//! The DEALER socket: many requests outstanding, each with its own deadline.
//!
//! A request waits in our own outbox until the connection stands (IMMEDIATE), so one whose deadline
//! has passed is never sent late. When a request ran into its deadline and nothing was heard from
//! the peer for `silence_ns` since it was sent, the peer counts as vanished and the socket is made
//! anew.

use std::collections::{BTreeSet, HashMap, VecDeque};

use zmq::{Context, Socket, DEALER, DONTWAIT};

use crate::errors::{fault, Error, Refusal, Result};
use crate::keys::CurveKeys;
use crate::rpc_codec::{decode_reply, encode_request, REPLY_BYTES_MAX};
use crate::subscriber::{set_curve, RECONNECT_MS, RECONNECT_MS_MAX};
use crate::value::Value;

/// Requests that may wait for their replies.
pub(crate) const OUTSTANDING_MAX: usize = 1_000;

struct Request<T> {
    name: String,
    data: Vec<u8>,
    deadline_ns: u64,
    ticket: T,
    sent_ns: Option<u64>,
}

/// What the control side has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RpcCounters {
    pub(crate) requests: u64,
    pub(crate) timeouts: u64,
    pub(crate) late_replies: u64,
    pub(crate) bad_replies: u64,
    pub(crate) reopened: u64,
}

/// One control connection; belongs to the reader thread.
///
/// Each request carries a ticket, which comes back with its outcome exactly once, in `done`.
pub(crate) struct RpcClient<T> {
    context: Context,
    endpoint: String,
    curve: Option<CurveKeys>,
    silence_ns: u64,
    pub(crate) socket: Socket,
    pub(crate) counters: RpcCounters,
    /// Tickets of requests that have ended, and how.
    pub(crate) done: Vec<(T, Result<Value>)>,
    requests: HashMap<u64, Request<T>>,
    outbox: VecDeque<u64>,
    deadlines: BTreeSet<(u64, u64)>,
    next_id: u64,
    heard_ns: u64,
    unanswered_since_ns: Option<u64>,
    /// Whether a request ran into its deadline without having found a connection.
    is_unconnected: bool,
}

impl<T> RpcClient<T> {
    pub(crate) fn new(
        context: &Context,
        endpoint: &str,
        curve: Option<CurveKeys>,
        silence_ns: u64,
    ) -> zmq::Result<Self> {
        Ok(Self {
            socket: open(context, endpoint, curve.as_ref())?,
            context: context.clone(),
            endpoint: endpoint.to_owned(),
            curve,
            silence_ns,
            counters: RpcCounters::default(),
            done: Vec::new(),
            requests: HashMap::new(),
            outbox: VecDeque::new(),
            deadlines: BTreeSet::new(),
            next_id: 0,
            heard_ns: 0,
            unanswered_since_ns: None,
            is_unconnected: false,
        })
    }

    /// Requests waiting for their replies.
    pub(crate) fn outstanding_count(&self) -> usize {
        self.requests.len()
    }

    /// Whether requests wait for the connection: poll for writing then.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Send a request; its ticket comes back at the deadline at the latest.
    pub(crate) fn request(
        &mut self,
        method: &str,
        params: Value,
        timeout_ns: u64,
        now_ns: u64,
        ticket: T,
    ) -> zmq::Result<()> {
        if self.requests.len() >= OUTSTANDING_MAX {
            let refusal = Refusal {
                message: "too many requests outstanding".into(),
                code: "busy".into(),
                hint: "Wait for replies before asking more.".into(),
                retry_ms: Some(100),
                method: method.into(),
                ..Refusal::default()
            };
            self.done.push((ticket, Err(Error::RequestRefused(Box::new(refusal)))));
            return Ok(());
        }
        self.next_id += 1;
        let id = self.next_id;
        let data = match encode_request(id, method, params, timeout_ns / 1_000_000) {
            Ok(data) => data,
            Err(error) => {
                self.done.push((ticket, Err(error)));
                return Ok(());
            }
        };
        let deadline_ns = now_ns.saturating_add(timeout_ns);
        let request = Request { name: method.to_owned(), data, deadline_ns, ticket, sent_ns: None };
        self.requests.insert(id, request);
        self.deadlines.insert((deadline_ns, id));
        self.outbox.push_back(id);
        self.counters.requests += 1;
        let reason = if self.is_unconnected {
            // Nothing was sent on it. libzmq gives an address up for good when the other end has
            // refused our key, which it may take tomorrow.
            Some("no connection to the gateway")
        } else if self.is_peer_gone(now_ns) {
            Some("the gateway does not answer any more")
        } else {
            None
        };
        if let Some(reason) = reason {
            // Where no socket is to be had the old one stays, and the next request tries again.
            self.is_unconnected = self.reopen(reason).is_err();
        }
        self.flush(now_ns)
    }

    fn is_peer_gone(&self, now_ns: u64) -> bool {
        let since_ns = self.unanswered_since_ns;
        since_ns.is_some_and(|since_ns| now_ns.saturating_sub(since_ns) >= self.silence_ns)
    }

    /// Replace the socket; replies to what was sent on the old one cannot come any more.
    fn reopen(&mut self, reason: &str) -> zmq::Result<()> {
        self.socket = open(&self.context, &self.endpoint, self.curve.as_ref())?;
        self.counters.reopened += 1;
        self.unanswered_since_ns = None;
        let mut sent: Vec<u64> = self
            .requests
            .iter()
            .filter(|(_, request)| request.sent_ns.is_some())
            .map(|(id, _)| *id)
            .collect();
        sent.sort_unstable();
        for id in sent {
            self.finish(id, Err(Error::not_connected(reason)));
        }
        Ok(())
    }

    /// Send what waits, as far as the connection takes it.
    pub(crate) fn flush(&mut self, now_ns: u64) -> zmq::Result<()> {
        while let Some(id) = self.outbox.front() {
            if let Some(request) = self.requests.get_mut(id) {
                match self.socket.send(&request.data, DONTWAIT) {
                    Ok(()) => {}
                    Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(()),
                    Err(error) => return Err(error),
                }
                request.sent_ns = Some(now_ns);
                request.data = Vec::new();
                self.is_unconnected = false;
            }
            self.outbox.pop_front();
        }
        Ok(())
    }

    /// Read the replies that have arrived.
    pub(crate) fn receive(&mut self, now_ns: u64) -> zmq::Result<()> {
        loop {
            let frames = match self.socket.recv_multipart(DONTWAIT) {
                Ok(frames) => frames,
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(()),
                Err(error) => return Err(error),
            };
            self.heard_ns = now_ns;
            self.unanswered_since_ns = None;
            let requests = &self.requests;
            let name_of = |id| requests.get(&id).map_or_else(String::new, |it| it.name.clone());
            let data = frames.last().map_or(&[][..], Vec::as_slice);
            match decode_reply(data, name_of) {
                Err(_) => self.counters.bad_replies += 1,
                Ok(reply) if self.requests.contains_key(&reply.id) => {
                    self.finish(reply.id, reply.outcome);
                }
                Ok(_) => self.counters.late_replies += 1,
            }
        }
    }

    /// End the requests whose deadline has passed.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        while let Some((deadline_ns, id)) = self.deadlines.first().copied() {
            if deadline_ns > now_ns {
                return;
            }
            self.deadlines.remove(&(deadline_ns, id));
            let Some(request) = self.requests.get(&id) else {
                continue;
            };
            self.counters.timeouts += 1;
            let name = &request.name;
            let error = match request.sent_ns {
                None => {
                    self.outbox.retain(|unsent| *unsent != id);
                    self.is_unconnected = true;
                    Error::RequestTimedOut(fault(
                        format!("{name}: no connection to the gateway at {}", self.endpoint),
                        "Check that the gateway runs, and that endpoint and keys are right.",
                    ))
                }
                Some(sent_ns) => {
                    if self.heard_ns < sent_ns && self.unanswered_since_ns.is_none() {
                        self.unanswered_since_ns = Some(sent_ns);
                    }
                    Error::timed_out(format!("{name}: no reply in time"))
                }
            };
            self.finish(id, Err(error));
        }
    }

    /// Monotonic time of the next deadline.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline_ns, _)| *deadline_ns)
    }

    fn finish(&mut self, id: u64, outcome: Result<Value>) {
        if let Some(request) = self.requests.remove(&id) {
            self.deadlines.remove(&(request.deadline_ns, id));
            self.done.push((request.ticket, outcome));
        }
    }
}

fn open(context: &Context, endpoint: &str, curve: Option<&CurveKeys>) -> zmq::Result<Socket> {
    let socket = context.socket(DEALER)?;
    socket.set_linger(0)?;
    socket.set_immediate(true)?;
    socket.set_maxmsgsize(i64::try_from(REPLY_BYTES_MAX).unwrap_or(i64::MAX))?;
    socket.set_reconnect_ivl(RECONNECT_MS)?;
    socket.set_reconnect_ivl_max(RECONNECT_MS_MAX)?;
    set_curve(&socket, curve)?;
    socket.connect(endpoint)?;
    Ok(socket)
}
