//! Prints ten quotes and trades of two symbols.

use iqfeed_gateway_client::{Event, GatewayClient, Message, Options, Result, StreamItem};

fn main() -> Result<()> {
    let client = GatewayClient::new(Options::from_environment()?)?;
    client.connect()?;
    client.subscribe_symbols(&["AAPL", "MSFT"], &["l1"])?;
    let lines = client.into_iter().filter_map(|item| match item {
        StreamItem::Message(Message::Quote(q)) => {
            Some(format!("{} {:?} {:?}", q.symbol, q.bid, q.ask))
        }
        StreamItem::Message(Message::Trade(t)) => {
            Some(format!("{} {:?} {:?}", t.symbol, t.price, t.size))
        }
        StreamItem::Event(Event::Gap(gap)) if gap.is_final => Some(format!("lost {gap:?}")),
        _ => None,
    });
    lines.take(10).for_each(|line| println!("{line}"));
    Ok(())
}
