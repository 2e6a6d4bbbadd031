//! Which snapshots are asked for, which are awaited, which are overdue. No I/O.
//!
//! Subscribing to a private topic is the request, the one message on it the answer, unsubscribing
//! the end. Only so many are outstanding at a time: a peer may hold a limited number of
//! subscriptions, and the gateway answers a limited number a second (by delaying, never by
//! refusing).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::topics::new_nonce;

/// Private topics subscribed at a time.
pub(crate) const OUTSTANDING_MAX: usize = 256;
/// An answer later than this is asked for again with a fresh nonce, as often as it takes: who was
/// told of a gap waits for its end.
pub(crate) const ANSWER_NS_MAX: u64 = 10_000_000_000;

#[derive(Debug)]
enum Wish {
    Waiting(u64),
    Asked(String),
}

#[derive(Debug)]
struct Join {
    topic: Arc<str>,
    private: String,
    deadline_ns: u64,
}

/// The requests for snapshots of one data connection.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    wishes: HashMap<Arc<str>, Wish>,
    /// In the order of asking.
    waiting: BTreeMap<u64, Arc<str>>,
    /// In the order of asking, which is that of their deadlines.
    outstanding: BTreeMap<u64, Join>,
    by_private: HashMap<String, u64>,
    next: u64,
    pub(crate) requested_count: u64,
    pub(crate) unanswered_count: u64,
}

impl Joins {
    /// Want a snapshot of a base topic; tells whether it was not wanted already.
    ///
    /// An answer that is still outstanding serves later wishes too: it travels behind whatever made
    /// us wish, so it is newer.
    pub(crate) fn ask(&mut self, topic: &Arc<str>) -> bool {
        if self.wishes.contains_key(topic) {
            return false;
        }
        self.wait(topic.clone());
        true
    }

    fn wait(&mut self, topic: Arc<str>) {
        let order = self.order();
        self.wishes.insert(topic.clone(), Wish::Waiting(order));
        self.waiting.insert(order, topic);
    }

    fn order(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Take the private topics that are to be subscribed now, each with a fresh nonce.
    pub(crate) fn start(&mut self, now_ns: u64) -> Vec<String> {
        let mut started = Vec::new();
        while self.outstanding.len() < OUTSTANDING_MAX && !self.waiting.is_empty() {
            // Without random bytes the wish waits for the next turn.
            let Ok(nonce) = new_nonce() else { break };
            let Some((_, topic)) = self.waiting.pop_first() else {
                break;
            };
            let private = format!("~{nonce}.{topic}");
            let order = self.order();
            self.wishes.insert(topic.clone(), Wish::Asked(private.clone()));
            self.by_private.insert(private.clone(), order);
            let join =
                Join { topic, private: private.clone(), deadline_ns: now_ns + ANSWER_NS_MAX };
            self.outstanding.insert(order, join);
            self.requested_count += 1;
            started.push(private);
        }
        started
    }

    /// Base topic of an answer that is awaited; `None` when nobody waits for it any more.
    pub(crate) fn topic_of(&self, private: &str) -> Option<Arc<str>> {
        let join = self.outstanding.get(self.by_private.get(private)?)?;
        Some(join.topic.clone())
    }

    /// Note an answer; the caller then unsubscribes from the private topic.
    ///
    /// Returns the base topic, or `None` when nobody waits for this answer any more.
    pub(crate) fn answered(&mut self, private: &str) -> Option<Arc<str>> {
        let order = self.by_private.remove(private)?;
        let join = self.outstanding.remove(&order)?;
        self.wishes.remove(&join.topic);
        Some(join.topic)
    }

    /// Take the private topics to be given up; their base topics wait for another turn.
    pub(crate) fn overdue(&mut self, now_ns: u64) -> Vec<String> {
        let mut late = Vec::new();
        while let Some(entry) = self.outstanding.first_entry() {
            if entry.get().deadline_ns > now_ns {
                break;
            }
            let join = entry.remove();
            self.by_private.remove(&join.private);
            self.unanswered_count += 1;
            self.wait(join.topic);
            late.push(join.private);
        }
        late
    }

    /// Drop the wish for a base topic; returns the private topic to unsubscribe from, if any.
    pub(crate) fn forget(&mut self, topic: &str) -> Option<String> {
        match self.wishes.remove(topic)? {
            Wish::Waiting(order) => {
                self.waiting.remove(&order);
                None
            }
            Wish::Asked(private) => {
                if let Some(order) = self.by_private.remove(&private) {
                    self.outstanding.remove(&order);
                }
                Some(private)
            }
        }
    }

    /// Begin anew after the data socket was replaced: what was outstanding waits again.
    pub(crate) fn restart(&mut self) {
        self.by_private.clear();
        for join in std::mem::take(&mut self.outstanding).into_values() {
            self.wait(join.topic);
        }
    }

    /// Monotonic time of the next overdue answer.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.outstanding.values().next().map(|join| join.deadline_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::{Joins, ANSWER_NS_MAX, OUTSTANDING_MAX};

    #[test]
    fn an_answer_ends_the_wish() {
        let mut joins = Joins::default();
        assert!(joins.ask(&"quote,A,".into()));
        assert!(!joins.ask(&"quote,A,".into()));
        let started = joins.start(0);
        assert_eq!(started.len(), 1);
        assert!(started[0].starts_with('~') && started[0].ends_with(".quote,A,"));
        assert_eq!(joins.answered(&started[0]).as_deref(), Some("quote,A,"));
        assert_eq!(joins.answered(&started[0]), None);
        assert!(joins.ask(&"quote,A,".into()));
    }

    #[test]
    fn only_so_many_are_outstanding_and_late_ones_are_asked_again() {
        let mut joins = Joins::default();
        for number in 0..OUTSTANDING_MAX + 5 {
            joins.ask(&format!("quote,S{number},").into());
        }
        let first = joins.start(0);
        assert_eq!(first.len(), OUTSTANDING_MAX);
        assert_eq!(joins.start(0).len(), 0);
        assert_eq!(joins.overdue(ANSWER_NS_MAX), first);
        assert_eq!(joins.start(0).len(), OUTSTANDING_MAX);
        assert_eq!(joins.answered(&first[0]), None, "its nonce was given up");
    }

    #[test]
    fn a_new_socket_asks_for_everything_again() {
        let mut joins = Joins::default();
        joins.ask(&"quote,A,".into());
        let started = joins.start(0);
        joins.restart();
        assert_eq!(joins.answered(&started[0]), None);
        assert_eq!(joins.start(1).len(), 1);
    }
}
