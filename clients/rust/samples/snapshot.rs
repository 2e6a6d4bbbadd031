//! Prints the last quote and summary of a symbol, asked for once.

use iqfeed_gateway_client::{GatewayClient, Options, Result};

fn main() -> Result<()> {
    let client = GatewayClient::new(Options::from_environment()?)?;
    client.connect()?;
    // Somebody has to want a symbol, or the gateway knows nothing of it.
    client.subscribe_symbol("AAPL", &["l1"])?;
    client.messages(Some(std::time::Duration::from_secs(1))).take(10).for_each(drop);
    for message in client.snapshot(&["quote,AAPL,", "summary,AAPL,"])? {
        println!("{} {}:", message.name(), message.symbol());
        for (name, value) in message.fields().iter().skip(3).take(4) {
            println!("  {name} = {value:?}");
        }
    }
    Ok(())
}
