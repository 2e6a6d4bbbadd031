//! Frames in, messages and loss events out. No I/O, no clock.
//!
//! The reader thread hands every frame to [`Intake::receive`]. It reads the header, checks the
//! sequence, and leaves the rest to the thread that reads the message: what is conflated away is
//! then never decoded, and the socket is drained faster.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::codec::{build, check_body, read_head, split_topic, Head};
use crate::events::Gap;
use crate::flow::{Flow, Sys};
use crate::items::Amendment;
use crate::messages::Message;
use crate::routes::{Route, Slot};
use crate::tracker::Verdict;
use crate::value::Map;

/// Topics known at a time; what a prefix brings beyond that is counted as unrouted.
const ROUTES_MAX: usize = 200_000;
const HEARTBEAT: &str = "sys,heartbeat,";
const TAILS: &str = "sys,tails,";
/// What every client listens to.
pub(crate) const SYS_TOPICS: &[&str] =
    &[HEARTBEAT, TAILS, "sys,alert,", "sys,feed,", "sys,goodbye,"];

/// The data side of one client, between the socket and the queue.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    routes: HashMap<Box<[u8]>, Route>,
    prefixes: HashSet<Box<[u8]>>,
    pub(crate) flow: Flow,
}

impl Intake {
    pub(crate) fn new() -> Self {
        let mut intake = Self::default();
        for topic in SYS_TOPICS {
            intake.add(topic);
        }
        intake
    }

    /// Accept a topic, or everything under a kind prefix such as `news,`.
    pub(crate) fn add(&mut self, topic: &str) {
        if let Some(route) = self.routes.get_mut(topic.as_bytes()) {
            route.is_of_prefix = false;
        } else if let Some(route) = Route::new(topic) {
            self.routes.insert(topic.as_bytes().into(), route);
        } else {
            self.prefixes.insert(topic.as_bytes().into());
        }
    }

    /// Stop accepting a topic, or everything under a prefix that was not added by itself.
    ///
    /// Returns the private topics on which snapshots were awaited; the caller unsubscribes from
    /// them.
    pub(crate) fn remove(&mut self, topic: &str) -> Vec<String> {
        let key = topic.as_bytes();
        let mut gone: Vec<Box<[u8]>> = vec![key.into()];
        if self.prefixes.remove(key) {
            let under = self.routes.iter();
            gone.extend(
                under
                    .filter(|(name, route)| route.is_of_prefix && name.starts_with(key))
                    .map(|(name, _)| name.clone()),
            );
        }
        let mut privates = Vec::new();
        for name in gone {
            if let Some(route) = self.routes.remove(&name) {
                let told = self.flow.replays.give_up(&route.slot.topic);
                self.flow.out.extend(told);
                privates.extend(self.flow.joins.forget(&route.slot.topic));
            }
        }
        privates
    }

    /// Let the image that is asked for be told as what heals the rows that were skipped.
    pub(crate) fn note_skipped(&mut self, gaps: &[Gap]) {
        for gap in gaps {
            if let Some(route) = self.routes.get_mut(gap.topic.as_bytes()) {
                if route.slot.has_value && route.tracker.epoch == Some(gap.epoch) {
                    route.widen(gap.first_missing, gap.last_missing);
                }
            }
        }
    }

    /// Want a fresh snapshot of a topic, if it has any.
    pub(crate) fn ask_again(&mut self, topic: &str) {
        if let Some(route) = self.routes.get_mut(topic.as_bytes()) {
            self.flow.ask(route);
        }
    }

    /// Want a fresh snapshot of every topic that has one and whose symbol passes.
    pub(crate) fn ask_all_again(&mut self, is_meant: impl Fn(&str) -> bool) {
        for route in self.routes.values_mut() {
            if is_meant(&route.slot.symbol) {
                self.flow.ask(route);
            }
        }
    }

    /// Want a fresh image of every book.
    pub(crate) fn ask_images_again(&mut self) {
        for route in self.routes.values_mut().filter(|route| route.has_image) {
            self.flow.ask(route);
        }
    }

    /// Ask for a snapshot of a topic one of whose messages the application could not decode.
    pub(crate) fn heal(&mut self, topic: &str, sequence: u64) {
        if let Some(route) = self.routes.get_mut(topic.as_bytes()) {
            if route.slot.has_value {
                route.widen(sequence, sequence);
                self.flow.ask(route);
            }
        }
    }

    /// Take one frame from the socket; whatever it holds, this never fails.
    #[inline]
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        self.flow.received_count += 1;
        let parts = split_topic(frame).and_then(|(topic, body)| {
            // A corrupt body must not move the position: then the next message tells of the loss.
            check_body(body).ok()?;
            Some((topic, body, read_head(body).ok()?))
        });
        let Some((topic, body, head)) = parts else {
            self.flow.bad_frame_count += 1;
            return;
        };
        match self.routes.get_mut(topic) {
            Some(route) => {
                if let Some(sys) = self.flow.take(route, head, body) {
                    self.take_sys(sys, head, body);
                }
            }
            None => self.receive_other(topic, head, body),
        }
        if std::mem::take(&mut self.flow.must_ask_all) {
            self.ask_all_again(|_| true);
        }
    }

    /// Take a private answer, a topic under a prefix, or what was unsubscribed a moment ago.
    fn receive_other(&mut self, topic: &[u8], head: Head, body: &[u8]) {
        let text = std::str::from_utf8(topic).unwrap_or("");
        if text.starts_with('~') {
            if let Some(base) = self.flow.joins.topic_of(text) {
                let route = self.routes.get_mut(base.as_bytes());
                if route.as_ref().is_some_and(|route| !is_readable(route, head, body)) {
                    // As good as none: it is overdue in time, and asked for again then.
                    self.flow.bad_frame_count += 1;
                    return;
                }
                self.flow.joins.answered(text);
                self.flow.answered.push(text.to_owned());
                if let Some(route) = route {
                    self.flow.take_answer(route, head, body);
                    return;
                }
            }
        } else if self.is_of_prefix(topic) && self.routes.len() < ROUTES_MAX {
            if let Some(mut route) = Route::new(text) {
                route.is_of_prefix = true;
                let route = self.routes.entry(topic.into()).or_insert(route);
                // No sys topic comes by a prefix: they are all known from the start.
                self.flow.take(route, head, body);
                return;
            }
        }
        self.flow.unrouted_count += 1;
    }

    fn is_of_prefix(&self, topic: &[u8]) -> bool {
        let kind = topic.split_inclusive(|byte| *byte == b',').next();
        kind.is_some_and(|kind| self.prefixes.contains(kind))
    }

    fn take_sys(&mut self, sys: Sys, head: Head, body: &[u8]) {
        match (sys, details_of(head, body)) {
            (_, None) => self.flow.bad_frame_count += 1,
            (Sys::Heartbeat, Some(details)) => self.take_heartbeat(head, &details),
            (Sys::Tails, Some(details)) => self.take_tails(head.epoch, &details),
        }
    }

    fn take_heartbeat(&mut self, head: Head, details: &Map) {
        self.flow.heartbeat_count += 1;
        self.flow.heartbeat_us = head.recv_us;
        let announced = details.get("tails_sequence").and_then(|value| value.as_u64());
        let tails = self.routes.get_mut(TAILS.as_bytes());
        if let (Some(announced), Some(route)) = (announced, tails) {
            if route.tracker.epoch != Some(head.epoch) {
                route.tracker.snapshot(head.epoch, announced);
            } else if let Verdict::Gap(..) = route.tracker.tail(head.epoch, announced) {
                // Which topics fell quiet is unknown, so every position is asked for.
                self.flow.must_ask_all = true;
            }
        }
    }

    fn take_tails(&mut self, epoch: u64, details: &Map) {
        let Some(tails) = details.get("topics").and_then(|value| value.as_map()) else {
            self.flow.bad_frame_count += 1;
            return;
        };
        for (topic, sequence) in tails {
            let Some(sequence) = sequence.as_u64() else {
                self.flow.bad_frame_count += 1;
                continue;
            };
            if let Some(route) = self.routes.get_mut(topic.as_bytes()) {
                self.flow.take_tail(route, epoch, sequence);
            }
        }
    }
}

/// Whether the application will be able to read the value of an answer, if it needs any.
fn is_readable(route: &Route, head: Head, body: &[u8]) -> bool {
    if !route.slot.has_value || !Message::is_known(head.number) {
        return true;
    }
    let Slot { kind, symbol, is_of_orders, .. } = route.slot.as_ref();
    build((kind, symbol), head, body, *is_of_orders, Amendment::default()).is_ok()
}

fn details_of(head: Head, body: &[u8]) -> Option<Map> {
    let nothing: Arc<str> = "".into();
    match build((&nothing, &nothing), head, body, false, Amendment::default()).ok()? {
        Message::Heartbeat(message) => message.details,
        Message::Tails(message) => message.details,
        _ => None,
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
