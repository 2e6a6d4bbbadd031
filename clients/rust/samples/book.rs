//! Follows an order book and prints its best three levels, ten times.

use iqfeed_gateway_client::messages::PriceLevel;
use iqfeed_gateway_client::{BookMirror, GatewayClient, Options, Result};

fn main() -> Result<()> {
    let client = GatewayClient::new(Options::from_environment()?)?;
    client.connect()?;
    client.subscribe_symbols(&["@ESZ26"], &["order", "state"])?;
    let mut book = BookMirror::new("order", "@ESZ26")?;
    let mut printed = 0;
    for item in &client {
        if book.apply(&item)? && book.is_current() && book.best_ask().is_some() {
            println!("{}  |  {}", best(book.bids()), best(book.asks()));
            printed += 1;
        }
        if printed == 10 {
            break;
        }
    }
    Ok(())
}

fn best(levels: impl Iterator<Item = PriceLevel>) -> String {
    let texts = levels.take(3).map(|level| format!("{} x {}", level.price, level.size));
    texts.collect::<Vec<_>>().join("  ")
}
