//! Loss is found, told, and healed: by a snapshot, by replay, or named for good.

use super::Intake;
use crate::errors::Error;
use crate::events::Event;
use crate::joins::ANSWER_NS_MAX;
use crate::replays::ATTEMPTS_MAX;
use crate::routes::Entry;
use crate::value::Value;

const SNAPSHOT: u64 = 1;
const REPLAY: u64 = 2;

fn body(number: u64, epoch: u64, sequence: u64, flags: u64, rest: &[Value]) -> Value {
    let head = [number, epoch, sequence, flags, 9].map(Value::from);
    Value::Array([&head[..], &[Value::Nil], rest].concat())
}

fn frame(topic: &str, body: &Value) -> Vec<u8> {
    [topic.as_bytes(), &body.to_bytes().unwrap()].concat()
}

fn trade(epoch: u64, sequence: u64, flags: u64) -> Value {
    let rest = [Value::Float(1.5), Value::Nil, Value::Nil, Value::Nil, Value::Nil, "C".into()];
    body(2, epoch, sequence, flags, &rest)
}

/// What came out, as text.
fn told(intake: &mut Intake) -> Vec<String> {
    let texts = intake.flow.out.drain(..).map(|entry| match entry {
        Entry::Message(entry) => format!("{}{}", entry.slot.topic, entry.head.sequence),
        Entry::Event(Event::Gap(gap)) => {
            let end = match (gap.healed, gap.is_final) {
                (true, _) => " healed",
                (_, true) => " final",
                _ => "",
            };
            format!("gap {}-{}{end}", gap.first_missing, gap.last_missing)
        }
        Entry::Event(event) => event.name().to_owned(),
        Entry::Skipped(_) => "skipped".to_owned(),
    });
    texts.collect()
}

fn intake_of(topic: &str) -> Intake {
    let mut intake = Intake::new();
    intake.add(topic);
    intake
}

#[test]
fn a_hole_in_quotes_is_healed_by_a_snapshot() {
    let mut intake = intake_of("quote,A,");
    for sequence in [1, 4] {
        intake.receive(&frame("quote,A,", &body(1, 5, sequence, 0, &[])));
    }
    assert_eq!(told(&mut intake), ["quote,A,1", "gap 2-3", "quote,A,4"]);
    let private = intake.flow.joins.start(0).remove(0);
    intake.receive(&frame(&private, &body(1, 5, 6, SNAPSHOT, &[])));
    assert_eq!(told(&mut intake), ["gap 5-6", "quote,A,6", "gap 2-6 healed"]);
    assert_eq!(intake.flow.answered, [private]);
    intake.receive(&frame("quote,A,", &body(1, 5, 6, 0, &[])));
    assert_eq!(told(&mut intake), [""; 0], "the snapshot was newer");
}

#[test]
fn lost_trades_come_by_replay_or_are_named() {
    let mut intake = intake_of("trade,A,");
    for sequence in [1, 5] {
        intake.receive(&frame("trade,A,", &trade(5, sequence, 0)));
    }
    assert_eq!(told(&mut intake), ["trade,A,1", "gap 2-4", "trade,A,5"]);
    let request = intake.flow.replays.start(0).remove(0);
    assert_eq!((request.first, request.last, request.epoch), (2, 4, 5));
    // Of another run, not marked, beyond what was asked for: none of them is taken.
    let bodies: Vec<Value> =
        vec![trade(6, 2, REPLAY), trade(5, 3, 0), trade(5, 4, REPLAY), trade(5, 5, REPLAY)];
    let answer = Value::map([
        ("bodies", Value::Array(bodies)),
        ("complete", false.into()),
        ("oldest", 4_u64.into()),
    ]);
    let out = intake.flow.replays.answered(&request, Ok(answer), 0);
    intake.flow.out.extend(out);
    assert_eq!(told(&mut intake), ["gap 2-3 final", "trade,A,4", "gap 4-4 healed"]);
    assert_eq!(intake.flow.replays.bad_count, 3);
    assert_eq!((intake.flow.replays.lost_count, intake.flow.replays.hole_count), (2, 0));
}

#[test]
fn a_gateway_that_never_answers_ends_the_hope() {
    let mut intake = intake_of("trade,A,");
    for sequence in [1, 3] {
        intake.receive(&frame("trade,A,", &trade(5, sequence, 0)));
    }
    told(&mut intake);
    let mut now_ns = 0;
    for _ in 0..ATTEMPTS_MAX {
        let request = intake.flow.replays.start(now_ns).remove(0);
        let error = Err(Error::timed_out("late"));
        let out = intake.flow.replays.answered(&request, error, now_ns);
        intake.flow.out.extend(out);
        now_ns += 60_000_000_000;
    }
    assert_eq!(told(&mut intake), ["gap 2-2 final"]);
}

#[test]
fn the_loss_of_a_last_message_is_found() {
    let mut intake = intake_of("trade,A,");
    intake.receive(&frame("trade,A,", &trade(5, 1, 0)));
    let tails = Value::map([("topics", Value::map([("trade,A,", 3_u64.into())]))]);
    intake.receive(&frame("sys,tails,", &body(21, 5, 1, 0, &[tails])));
    assert_eq!(told(&mut intake), ["trade,A,1", "gap 2-3"]);
}

#[test]
fn a_restart_ends_what_was_being_fetched_and_fetches_the_beginning() {
    let mut intake = intake_of("trade,A,");
    for sequence in [1, 3] {
        intake.receive(&frame("trade,A,", &trade(5, sequence, 0)));
    }
    told(&mut intake);
    intake.receive(&frame("trade,A,", &trade(6, 3, 0)));
    assert_eq!(told(&mut intake), ["gap 2-2 final", "gateway_restarted", "trade,A,3"]);
    assert!(intake.flow.has_restarted);
    let request = intake.flow.replays.start(0).remove(0);
    assert_eq!((request.first, request.last, request.epoch), (1, 2, 6));
}

#[test]
fn a_corrupt_frame_does_not_move_the_position() {
    let mut intake = intake_of("trade,A,");
    intake.receive(&frame("trade,A,", &trade(5, 1, 0)));
    let mut corrupt = frame("trade,A,", &trade(5, 2, 0));
    corrupt.pop();
    intake.receive(&corrupt);
    assert_eq!(intake.flow.bad_frame_count, 1);
    intake.receive(&frame("trade,A,", &trade(5, 3, 0)));
    assert_eq!(told(&mut intake), ["trade,A,1", "gap 2-2", "trade,A,3"]);
}

#[test]
fn a_prefix_brings_topics_that_nobody_named() {
    let mut intake = intake_of("trade,");
    intake.receive(&frame("trade,A,", &trade(5, 1, 0)));
    intake.receive(&frame("quote,A,", &body(1, 5, 1, 0, &[])));
    assert_eq!(told(&mut intake), ["trade,A,1"]);
    assert_eq!(intake.flow.unrouted_count, 1);
    intake.remove("trade,");
    intake.receive(&frame("trade,A,", &trade(5, 2, 0)));
    assert_eq!(intake.flow.unrouted_count, 2);
}

#[test]
fn an_answer_nobody_can_read_heals_nothing() {
    let mut intake = intake_of("quote,A,");
    for sequence in [1, 3] {
        intake.receive(&frame("quote,A,", &body(1, 5, sequence, 0, &[])));
    }
    let private = intake.flow.joins.start(0).remove(0);
    told(&mut intake);
    for _ in 0..3 {
        intake.receive(&frame(&private, &body(1, 5, 3, SNAPSHOT, &["no price".into()])));
    }
    assert_eq!(told(&mut intake), [""; 0]);
    assert_eq!((intake.flow.answered.len(), intake.flow.bad_frame_count), (0, 3));
    intake.ask_again("quote,A,");
    assert!(intake.flow.joins.start(ANSWER_NS_MAX - 1).is_empty(), "not in a loop");
    assert_eq!(intake.flow.joins.overdue(ANSWER_NS_MAX), [private]);
    let private = intake.flow.joins.start(ANSWER_NS_MAX).remove(0);
    intake.receive(&frame(&private, &body(1, 5, 3, SNAPSHOT, &[])));
    assert_eq!(told(&mut intake), ["quote,A,3", "gap 2-2 healed"]);
}

#[test]
fn wishes_end_with_the_prefix_that_brought_them() {
    let mut intake = intake_of("quote,");
    for topic in ["quote,A,", "quote,B,"] {
        for sequence in [1, 3] {
            intake.receive(&frame(topic, &body(1, 5, sequence, 0, &[])));
        }
    }
    let mut asked = intake.flow.joins.start(0);
    assert_eq!(asked.len(), 2);
    let mut privates = intake.remove("quote,");
    asked.sort();
    privates.sort();
    assert_eq!(privates, asked);
    assert_eq!(intake.flow.joins.deadline_ns(), None);
}
