//! Measures how fast frames are read: as generic values, as messages, through the whole client.

use std::error::Error;
use std::time::{Duration, Instant};

use iqfeed_gateway_client::{decode_frame, GatewayClient, Options};
use serde_json::json;

const FIRST_WAIT: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(3);
const TOPICS: [&str; 2] = ["quote,", "trade,"];

/// How many came, and the time from the first to the last.
struct Figures {
    messages: u64,
    span: Duration,
}

/// Receive `count` frames of a publisher at an endpoint, and print how fast.
pub fn run(mode: &str, endpoint: &str, count: &str) -> Result<(), Box<dyn Error>> {
    let count: u64 = count.parse()?;
    let figures = match mode {
        "plain" => receive(endpoint, count, |frame| {
            let body = frame.splitn(3, |byte| *byte == b',').nth(2).unwrap_or(&[]);
            let mut body = body;
            std::hint::black_box(rmpv::decode::read_value(&mut body))?;
            Ok(())
        })?,
        "typed" => receive(endpoint, count, |frame| {
            std::hint::black_box(decode_frame(frame))?;
            Ok(())
        })?,
        "client" => consume(endpoint, count)?,
        _ => return Err("bench mode is plain, typed or client".into()),
    };
    let seconds = figures.span.as_secs_f64();
    let per_second = if seconds > 0.0 { figures.messages as f64 / seconds } else { 0.0 };
    println!(
        "{}",
        json!({
            "mode": mode, "messages": figures.messages, "seconds": seconds,
            "per_second": per_second,
        })
    );
    Ok(())
}

fn tell_ready() {
    println!("{}", json!({"ready": true}));
}

fn receive(
    endpoint: &str,
    count: u64,
    decode: impl Fn(&[u8]) -> Result<(), Box<dyn Error>>,
) -> Result<Figures, Box<dyn Error>> {
    let socket = zmq::Context::new().socket(zmq::SUB)?;
    socket.set_rcvhwm(0)?;
    socket.set_sndhwm(0)?;
    socket.connect(endpoint)?;
    for topic in TOPICS {
        socket.set_subscribe(topic.as_bytes())?;
    }
    // The publisher floods once it was told: the subscriptions must be there before.
    std::thread::sleep(Duration::from_millis(500));
    tell_ready();
    socket.set_rcvtimeo(i32::try_from(FIRST_WAIT.as_millis())?)?;
    let mut frame = zmq::Message::new();
    let mut meter = Meter::of(count);
    while meter.messages < count {
        match socket.recv(&mut frame, 0) {
            Ok(()) => decode(&frame)?,
            Err(zmq::Error::EAGAIN) => break,
            Err(error) => return Err(error.into()),
        }
        if meter.messages == 0 {
            socket.set_rcvtimeo(i32::try_from(SILENCE.as_millis())?)?;
        }
        meter.count();
    }
    Ok(meter.figures())
}

/// Through the whole client.
///
/// The publisher is no gateway and answers no `hello`, so connecting goes on meanwhile in a thread
/// of its own, and ends with the client.
fn consume(endpoint: &str, count: u64) -> Result<Figures, Box<dyn Error>> {
    let options = Options {
        data_endpoint: endpoint.to_owned(),
        queue_capacity: 4_000_000,
        conflate_above: 4_000_000,
        connect_timeout: Duration::from_secs(600),
        ..Options::default()
    };
    let client = GatewayClient::new(options)?;
    std::thread::scope(|scope| {
        scope.spawn(|| client.connect());
        let figures = count_items(&client, count);
        client.disconnect();
        figures
    })
}

fn count_items(client: &GatewayClient, count: u64) -> Result<Figures, Box<dyn Error>> {
    let mut tries = 100;
    while let Err(error) = client.subscribe_topics(&TOPICS) {
        tries -= 1;
        if tries == 0 {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    tell_ready();
    let mut meter = Meter::of(count);
    let mut wait = FIRST_WAIT;
    while meter.messages < count {
        let Some(item) = client.next_message(Some(wait))? else { break };
        std::hint::black_box(&item);
        wait = SILENCE;
        meter.count();
    }
    Ok(meter.figures())
}

/// Counts, and looks at the clock now and then only: that costs more than a message.
#[derive(Default)]
struct Meter {
    expected: u64,
    messages: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    /// How many there were when it looked last.
    looked: u64,
}

impl Meter {
    fn of(expected: u64) -> Self {
        Self { expected, ..Self::default() }
    }

    fn count(&mut self) {
        self.messages += 1;
        if self.first.is_none() {
            self.first = Some(Instant::now());
        }
        if self.messages % 64 == 0 || self.messages == self.expected {
            self.last = Some(Instant::now());
            self.looked = self.messages;
        }
    }

    /// Up to the last time it looked, so that silence at the end does not count.
    fn figures(&self) -> Figures {
        let span = match (self.first, self.last) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        Figures { messages: self.looked, span }
    }
}
