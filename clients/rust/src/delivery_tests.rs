//! The queue: order, conflation, skips, and that nothing vanishes without a word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{DeliveryQueue, Taken};
use crate::codec::Head;
use crate::events::{Event, Gap};
use crate::routes::{Entry, Pending, Route, Slot};
use crate::value::Value;

fn slot(topic: &str) -> Arc<Slot> {
    Route::new(topic).unwrap().slot
}

fn message(slot: &Arc<Slot>, number: u64, sequence: u64, is_state: bool) -> Entry {
    let head = Head { number, epoch: 5, sequence, flags: 0, recv_us: 0 };
    let body: Vec<Value> = [number, 5, sequence, 0, 0].map(Value::from).into();
    let body = Value::Array([body, vec![Value::Nil]].concat()).to_bytes().unwrap();
    Entry::Message(Pending { is_state, ..Pending::new(slot, head, &body) })
}

/// Everything that comes, as text.
fn drain(queue: &DeliveryQueue) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(taken) = queue.pop(Some(Instant::now())) {
        told.push(match taken {
            Taken::Message(entry) => {
                format!("{}{} +{}", entry.slot.topic, entry.head.sequence, entry.merged_add)
            }
            Taken::Event(Event::Gap(gap)) => {
                format!(
                    "gap {}{}-{} {}",
                    gap.topic, gap.first_missing, gap.last_missing, gap.is_final
                )
            }
            Taken::Event(event) => format!("{event:?}"),
            Taken::Overrun(overrun, _, gaps) => {
                format!("overrun {} {} {}", overrun.dropped, overrun.unnamed, gaps.len())
            }
        });
    }
    told
}

#[test]
fn a_fast_application_gets_everything_in_order() {
    let queue = DeliveryQueue::new(10, 5, None);
    let (quote, trade) = (slot("quote,A,"), slot("trade,A,"));
    queue.extend([message(&quote, 1, 1, true), message(&trade, 2, 1, false)], 1);
    queue.extend([message(&quote, 1, 2, true)], 2);
    assert_eq!(drain(&queue), ["quote,A,1 +0", "trade,A,1 +0", "quote,A,2 +0"]);
}

#[test]
fn states_are_conflated_and_trades_are_not() {
    let queue = DeliveryQueue::new(100, 3, None);
    let (quote, trade) = (slot("quote,A,"), slot("trade,A,"));
    queue.extend((1..=2).map(|sequence| message(&trade, 2, sequence, false)), 1);
    queue.extend((1..=9).map(|sequence| message(&quote, 1, sequence, true)), 1);
    queue.extend([message(&trade, 2, 3, false)], 1);
    assert_eq!(
        drain(&queue),
        ["trade,A,1 +0", "trade,A,2 +0", "quote,A,9 +8", "trade,A,3 +0"],
        "eight updates stand behind the last"
    );
}

#[test]
fn what_is_skipped_is_named_and_the_newest_value_stays() {
    let queue = DeliveryQueue::new(6, 6, None);
    let (quote, trade) = (slot("quote,A,"), slot("trade,A,"));
    let waiting = [message(&quote, 1, 1, true), message(&quote, 1, 2, true)];
    queue.extend(waiting, 1);
    queue.extend((1..=5).map(|sequence| message(&trade, 2, sequence, false)), 1);
    let told = drain(&queue);
    assert_eq!(
        told,
        ["overrun 4 0 1", "gap trade,A,1-4 true", "quote,A,2 +1", "trade,A,5 +0"],
        "the overrun stands where the first of them waited"
    );
}

#[test]
fn a_final_gap_that_finds_no_room_is_told_by_another() {
    let queue = DeliveryQueue::new(4, 4, None);
    let gaps = (0..2_100).map(|number| {
        Entry::Event(Event::Gap(Gap {
            topic: "trade,A,".into(),
            first_missing: 2 * number + 1,
            last_missing: 2 * number + 1,
            healed: false,
            epoch: 5,
            is_final: true,
        }))
    });
    queue.extend(gaps, 1);
    let told = drain(&queue);
    let named = told.iter().filter(|text| text.starts_with("gap")).count();
    let overrun: Vec<&String> = told.iter().filter(|text| text.starts_with("overrun")).collect();
    assert!(named >= 1_000, "{named} of them");
    assert_eq!(overrun.len(), 1, "and the rest is counted");
}

#[test]
fn what_waited_too_long_is_skipped_when_asked_for() {
    let queue = DeliveryQueue::new(100, 50, Some(1_000_000_000));
    let trade = slot("trade,A,");
    queue.extend([message(&trade, 2, 1, false)], 0);
    assert_eq!(queue.age_ns(400_000_000), 400_000_000);
    queue.extend([message(&trade, 2, 2, false)], 2_000_000_000);
    let told = drain(&queue);
    assert_eq!(told, ["overrun 1 0 1", "gap trade,A,1-1 true", "trade,A,2 +0"]);
}

#[test]
fn a_closed_queue_lets_readers_go() {
    let queue = DeliveryQueue::new(10, 5, None);
    assert!(queue.pop(Some(Instant::now() + Duration::from_millis(10))).is_none());
    queue.extend([message(&slot("trade,A,"), 2, 1, false)], 1);
    queue.close();
    assert!(queue.pop(None).is_some());
    assert!(queue.pop(None).is_none());
}
