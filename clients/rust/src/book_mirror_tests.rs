//! A mirror is the gateway's own book, or says why it is not.

use super::BookMirror;
use crate::decode_frame;
use crate::errors::Error;
use crate::events::{Event, Gap, StreamItem};
use crate::messages::{PriceLevel, Side};
use crate::value::Value;

fn item(topic: &str, number: u64, sequence: u64, rest: Vec<Value>) -> StreamItem {
    let head = [number, 5, sequence, 0, 9].map(Value::from);
    let body = Value::Array([&head[..], &[Value::Nil], &rest].concat());
    let frame = [topic.as_bytes(), &body.to_bytes().unwrap()].concat();
    StreamItem::Message(decode_frame(&frame).unwrap())
}

fn row(action: &str, side: &str, id: u64, price: f64, size: u64) -> Vec<Value> {
    vec![action.into(), side.into(), id.into(), Value::Nil, price.into(), size.into(), id.into()]
}

fn order(sequence: u64, row: Vec<Value>) -> StreamItem {
    item("order,A,", 6, sequence, row)
}

fn image(sequence: u64, rows: Vec<Vec<Value>>) -> StreamItem {
    let rows = rows.into_iter().map(Value::Array).collect();
    item("order,A,", 13, sequence, vec![Value::Array(rows)])
}

fn level(price: f64, size: u64, order_count: u64) -> PriceLevel {
    PriceLevel::new(price, size, Some(order_count))
}

#[test]
fn an_image_and_what_follows_make_the_book() {
    let mut book = BookMirror::new("order", "A").unwrap();
    assert_eq!(book.reason(), Some("no image has come yet"));
    book.apply(&order(8, row("add", "B", 3, 10.5, 7))).unwrap();
    assert!(!book.is_current(), "kept until an image comes");
    let rows = vec![row("add", "B", 1, 10.0, 5), row("add", "A", 2, 11.0, 6)];
    assert!(book.apply(&image(7, rows)).unwrap());
    assert_eq!((book.is_current(), book.sequence()), (true, 8));
    assert_eq!(book.bids().collect::<Vec<_>>(), [level(10.5, 7, 1), level(10.0, 5, 1)]);
    book.apply(&order(9, row("update", "B", 1, 10.5, 4))).unwrap();
    assert_eq!(book.best_bid(), Some(level(10.5, 11, 2)));
    let ids: Vec<_> = book.orders(&Side::Bid).iter().map(|row| row.order_id).collect();
    assert_eq!(ids, [Some(1), Some(3)], "by their place in the queue");
    book.apply(&order(10, row("delete", "A", 2, 11.0, 6))).unwrap();
    assert_eq!(book.best_ask(), None);
    assert!(book.apply(&order(11, row("clear", "B", 0, 0.0, 0))).unwrap());
    assert_eq!(book.rows().count(), 0);
}

#[test]
fn a_hole_makes_it_not_current_until_an_image_comes() {
    let mut book = BookMirror::new("order", "A").unwrap();
    book.apply(&image(1, vec![])).unwrap();
    let error = book.apply(&order(4, row("add", "B", 1, 10.0, 5))).unwrap_err();
    assert!(
        matches!(error, Error::SequenceGap(gap) if gap.first_missing == 2 && gap.last_missing == 3)
    );
    assert_eq!(book.reason(), Some("updates 2 to 3 are missing"));
    book.apply(&image(3, vec![row("add", "B", 9, 9.0, 1)])).unwrap();
    assert!(book.is_current());
    assert_eq!(book.sequence(), 4);
    let gap = Gap {
        topic: "order,A,".into(),
        first_missing: 5,
        last_missing: 6,
        healed: false,
        epoch: 5,
        is_final: false,
    };
    book.apply(&StreamItem::Event(Event::Gap(gap))).unwrap();
    assert!(!book.is_current());
}

#[test]
fn what_cannot_be_understood_spoils_the_book() {
    let mut book = BookMirror::new("order", "A").unwrap();
    book.apply(&image(1, vec![row("add", "B", 1, 10.0, 5)])).unwrap();
    book.apply(&order(2, row("freeze", "B", 1, 10.0, 5))).unwrap();
    assert_eq!((book.reason(), book.rows().count()), (Some("a row has an unknown action"), 0));
    assert!(BookMirror::new("quote", "A").is_err());
}
