//! What the reader thread and all other threads share: commands in, status and messages out.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use zmq::{Socket, DONTWAIT};

use crate::delivery::DeliveryQueue;
use crate::errors::{Error, Result};
use crate::events::{Gap, Overrun};
use crate::results::{Statistics, SymbolResult};
use crate::session::{nanoseconds, Answer};
use crate::value::{Map, Value};

const COMMANDS_MAX: usize = 10_000;

/// What is known of the way to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Connecting,
    Connected,
    /// No heartbeat for too long; the data socket is made anew until one is heard.
    Silent,
    Closed,
}

/// What another thread wants done in the reader thread.
pub(crate) enum Command {
    Subscribe {
        symbols: Vec<String>,
        kinds: Vec<String>,
        timeout_ns: u64,
        answer: Answer<Vec<SymbolResult>>,
    },
    GiveUp {
        symbols: Vec<String>,
        kinds: Option<Vec<String>>,
        timeout_ns: u64,
        answer: Answer<Vec<SymbolResult>>,
    },
    Listen {
        topics: Vec<String>,
        is_wanted: bool,
        answer: Answer<()>,
    },
    Call {
        method: String,
        params: Value,
        timeout_ns: u64,
        answer: Answer<Value>,
    },
    /// A message could not be decoded: fetch the topic's state anew.
    Heal {
        topic: Arc<str>,
        sequence: u64,
    },
    /// Messages were skipped unread: fetch the values of their topics anew.
    Replace {
        overrun: Overrun,
        topics: BTreeSet<Arc<str>>,
        gaps: Vec<Gap>,
    },
}

/// What every thread may look at.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) link: Link,
    /// What `hello` answered.
    pub(crate) gateway: Map,
    /// Why connecting failed, or the thread ended.
    pub(crate) error: Option<Error>,
    /// What the thread died of, if it did.
    pub(crate) failure: Option<Error>,
    pub(crate) epoch: Option<u64>,
    pub(crate) statistics: Statistics,
    pub(crate) heartbeat_lag_us: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) commands: VecDeque<Command>,
    /// Wakes the reader thread; gone with it.
    pub(crate) waker: Option<Socket>,
    pub(crate) is_stopping: bool,
}

/// The reader thread as other threads see it.
pub(crate) struct Shared {
    pub(crate) queue: Arc<DeliveryQueue>,
    pub(crate) started: Instant,
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) status: Mutex<Status>,
    pub(crate) changed: Condvar,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is replaced whole, so it is good even if a thread panicked meanwhile.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Monotonic time; begins above 0.
    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.started.elapsed()).saturating_add(1_000_000_000)
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    pub(crate) fn link(&self) -> Link {
        lock(&self.status).link
    }

    /// Wait until the gateway was reached, or not.
    pub(crate) fn wait_connected(&self) -> Link {
        let mut status = lock(&self.status);
        while status.link == Link::Connecting {
            status = self.changed.wait(status).unwrap_or_else(PoisonError::into_inner);
        }
        status.link
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.status));
        self.changed.notify_all();
    }

    /// Have a command run in the reader thread.
    ///
    /// `is_bounded`: whether it may be refused when very many wait.
    pub(crate) fn post(&self, command: Command, is_bounded: bool) -> Result<()> {
        let mut inbox = lock(&self.inbox);
        if inbox.is_stopping || inbox.waker.is_none() {
            return Err(Error::not_connected("not connected"));
        }
        if is_bounded && inbox.commands.len() >= COMMANDS_MAX {
            return Err(Error::not_connected(format!("{COMMANDS_MAX} commands are waiting")));
        }
        inbox.commands.push_back(command);
        wake(&inbox);
        Ok(())
    }

    /// Tell the end of the stream from the end of the reader thread, once nothing is left to read.
    pub(crate) fn end_of_stream(&self) -> Result<()> {
        if self.queue.is_over() {
            if let Some(failure) = self.status().failure {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// End; idempotent.
    pub(crate) fn stop(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.is_stopping = true;
        wake(&inbox);
    }
}

fn wake(inbox: &Inbox) {
    if let Some(waker) = &inbox.waker {
        // Full: it wakes anyway.
        while waker.send(&[][..], DONTWAIT) == Err(zmq::Error::EINTR) {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Condvar, DeliveryQueue, Error, Inbox, Instant, Link, Map, Mutex, Shared, Status};
    use crate::results::Statistics;

    #[test]
    fn the_death_of_the_reader_is_no_clean_end() {
        let shared = Shared {
            queue: DeliveryQueue::new(8, 8, None).into(),
            started: Instant::now(),
            inbox: Mutex::new(Inbox::default()),
            status: Mutex::new(Status {
                link: Link::Closed,
                gateway: Map::new(),
                error: None,
                failure: None,
                epoch: None,
                statistics: Statistics::default(),
                heartbeat_lag_us: None,
            }),
            changed: Condvar::new(),
        };
        shared.queue.close();
        assert!(shared.end_of_stream().is_ok());
        shared.change(|status| status.failure = Some(Error::not_connected("it failed")));
        assert!(shared.end_of_stream().is_err());
    }
}
