import { GatewayClient, Quote, Summary, toDecimal } from "iqfeed-gateway-client";
import { options } from "./options.js";

const client = new GatewayClient(options);
if (!(await client.connect())) throw client.lastError;
await client.subscribeSymbol("AAPL", ["quote", "summary"]); // The gateway knows what is wanted.
for await (const item of client.messages(5)) if (item instanceof Summary && item.last) break;
for (const item of await client.snapshot(["quote,AAPL,", "summary,AAPL,"])) {
  if (item instanceof Quote) console.log(item.symbol, "bid", item.bid, "ask", item.ask);
  else if (item instanceof Summary) console.log(item.symbol, "last", toDecimal(item.last ?? 0));
  else console.log(item); // A state that says why there is no value.
}
await client.disconnect();
