//! What was delivered, delivered twice and lost of each topic of events.

use std::collections::{BTreeMap, BTreeSet};

use iqfeed_gateway_client::{Event, StreamItem};
use serde_json::{json, Value as Json};

const KINDS: &[&str] = &["trade", "correction", "news"];

#[derive(Default)]
struct Run {
    delivered: BTreeMap<u64, u64>,
    named: BTreeSet<u64>,
}

/// Of all items consumed so far.
#[derive(Default)]
pub struct Ledger {
    runs: BTreeMap<(String, u64), Run>,
}

impl Ledger {
    /// Note an item.
    pub fn note(&mut self, item: &StreamItem) {
        match item {
            StreamItem::Message(message) if KINDS.contains(&message.name()) => {
                let topic = format!("{},{},", message.kind(), message.symbol());
                let run = self.runs.entry((topic, message.epoch())).or_default();
                *run.delivered.entry(message.sequence()).or_default() += 1;
            }
            StreamItem::Event(Event::Gap(gap)) if gap.is_final => {
                let run = self.runs.entry((gap.topic.to_string(), gap.epoch)).or_default();
                run.named.extend(gap.first_missing..=gap.last_missing);
            }
            _ => {}
        }
    }

    /// Sum up what is known of a topic, run by run.
    pub fn sums(&self, topic: &str) -> Json {
        let (mut delivered, mut repeated, mut lost, mut holes) = (0, 0, 0, 0);
        for ((known, _), run) in &self.runs {
            if known != topic {
                continue;
            }
            delivered += run.delivered.len();
            repeated += run.delivered.values().filter(|count| **count > 1).count();
            lost += run.named.len();
            let first = run.delivered.keys().next();
            let last = run.delivered.keys().chain(&run.named).max();
            if let (Some(first), Some(last)) = (first, last) {
                let is_hole = |sequence: &u64| {
                    !run.delivered.contains_key(sequence) && !run.named.contains(sequence)
                };
                holes += (*first..=*last).filter(is_hole).count();
            }
        }
        json!({
            "delivered": delivered.to_string(), "repeated": repeated.to_string(),
            "lost": lost.to_string(), "holes": holes.to_string(),
        })
    }
}
