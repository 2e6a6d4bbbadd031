//! The SUB socket: made, made anew, and always drained.
//!
//! Two settings are not to be touched. ZMTP heartbeats stay off: with a full receive queue they
//! abort the process inside libzmq. SNDHWM is 0: libzmq keeps subscriptions in that queue and
//! silently drops what is above the mark, at the start as well as after every reconnect.

use std::collections::BTreeSet;

use zmq::{Context, Message, Socket, DONTWAIT, SUB};

use crate::keys::CurveKeys;
use crate::messages::FRAME_BYTES_MAX;

pub(crate) const RECONNECT_MS: i32 = 100;
pub(crate) const RECONNECT_MS_MAX: i32 = 5_000;
const CONNECT_MS_MAX: i32 = 1_000;

/// Give a socket its keys, when there are any.
pub(crate) fn set_curve(socket: &Socket, curve: Option<&CurveKeys>) -> zmq::Result<()> {
    if let Some(keys) = curve {
        socket.set_curve_serverkey(keys.server_public_key.as_bytes())?;
        socket.set_curve_publickey(keys.public_key.as_bytes())?;
        socket.set_curve_secretkey(keys.secret_key.as_bytes())?;
    }
    Ok(())
}

/// One data connection; belongs to the reader thread.
pub(crate) struct Subscriber {
    context: Context,
    endpoint: String,
    curve: Option<CurveKeys>,
    receive_messages_max: i32,
    topics: BTreeSet<String>,
    frame: Message,
    pub(crate) reopen_count: u64,
    pub(crate) socket: Socket,
}

impl Subscriber {
    pub(crate) fn new(
        context: &Context,
        endpoint: &str,
        curve: Option<CurveKeys>,
        receive_messages_max: i32,
    ) -> zmq::Result<Self> {
        let topics = BTreeSet::new();
        let socket = open(context, endpoint, curve.as_ref(), receive_messages_max, &topics)?;
        Ok(Self {
            context: context.clone(),
            endpoint: endpoint.to_owned(),
            curve,
            receive_messages_max,
            topics,
            frame: Message::new(),
            reopen_count: 0,
            socket,
        })
    }

    /// Subscribe once, however often it is asked for.
    pub(crate) fn subscribe(&mut self, topic: &str) -> zmq::Result<()> {
        if self.topics.insert(topic.to_owned()) {
            self.socket.set_subscribe(topic.as_bytes())?;
        }
        Ok(())
    }

    /// Take a subscription back.
    pub(crate) fn unsubscribe(&mut self, topic: &str) -> zmq::Result<()> {
        if self.topics.remove(topic) {
            self.socket.set_unsubscribe(topic.as_bytes())?;
        }
        Ok(())
    }

    /// Send a subscription again that the gateway has not seen; false when it is not ours.
    pub(crate) fn repair(&mut self, topic: &str) -> zmq::Result<bool> {
        if !self.topics.contains(topic) {
            return Ok(false);
        }
        self.socket.set_unsubscribe(topic.as_bytes())?;
        self.socket.set_subscribe(topic.as_bytes())?;
        Ok(true)
    }

    /// Replace the socket; all subscriptions go with it, private ones excepted.
    ///
    /// When no socket is to be had, the old one stays.
    pub(crate) fn reopen(&mut self) -> zmq::Result<()> {
        self.topics.retain(|topic| !is_snapshot(topic));
        self.socket = open(
            &self.context,
            &self.endpoint,
            self.curve.as_ref(),
            self.receive_messages_max,
            &self.topics,
        )?;
        self.reopen_count += 1;
        Ok(())
    }

    /// Hand over what has arrived, at most `frames_max` frames before other work gets its turn.
    ///
    /// Returns whether the socket is empty.
    pub(crate) fn drain(
        &mut self,
        frames_max: usize,
        mut receive: impl FnMut(&[u8]),
    ) -> zmq::Result<bool> {
        for _ in 0..frames_max {
            match self.socket.recv(&mut self.frame, DONTWAIT) {
                Ok(()) => receive(&self.frame),
                Err(zmq::Error::EAGAIN) => return Ok(true),
                Err(zmq::Error::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn open(
    context: &Context,
    endpoint: &str,
    curve: Option<&CurveKeys>,
    receive_messages_max: i32,
    topics: &BTreeSet<String>,
) -> zmq::Result<Socket> {
    let socket = context.socket(SUB)?;
    socket.set_linger(0)?;
    socket.set_sndhwm(0)?;
    socket.set_rcvhwm(receive_messages_max)?;
    socket.set_maxmsgsize(i64::try_from(FRAME_BYTES_MAX).unwrap_or(i64::MAX))?;
    socket.set_reconnect_ivl(RECONNECT_MS)?;
    socket.set_reconnect_ivl_max(RECONNECT_MS_MAX)?;
    // Else an attempt made while the way is cut waits for the system's own repeats, up to seconds
    // after it has healed.
    socket.set_connect_timeout(CONNECT_MS_MAX)?;
    set_curve(&socket, curve)?;
    for topic in topics {
        socket.set_subscribe(topic.as_bytes())?;
    }
    socket.connect(endpoint)?;
    Ok(socket)
}

/// Whether a topic is a request for a snapshot, and not the client's own private topic.
fn is_snapshot(topic: &str) -> bool {
    topic.starts_with('~') && !topic.ends_with(".sys,client,")
}
