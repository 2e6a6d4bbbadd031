//! Prints the last quote and summary of a symbol, asked for once.

use std::time::Duration;

use iqfeed_gateway_client::{GatewayClient, Message, Options, Result};

fn main() -> Result<()> {
    let client = GatewayClient::new(Options::from_environment()?)?;
    client.connect()?;
    // Somebody has to want a symbol, or the gateway knows nothing of it.
    client.subscribe_symbol("AAPL", &["l1"])?;
    client.messages(Some(Duration::from_secs(1))).take(10).for_each(drop);
    for message in client.snapshot(&["quote,AAPL,", "summary,AAPL,"])? {
        match message {
            Message::Quote(q) => println!("bid {:?} x {:?}, ask {:?}", q.bid, q.bid_size, q.ask),
            Message::Summary(s) => println!("last {:?}, volume {:?}", s.last, s.total_volume),
            other => println!("{} {:?}", other.name(), other.fields()), // Why there is none.
        }
    }
    Ok(())
}
