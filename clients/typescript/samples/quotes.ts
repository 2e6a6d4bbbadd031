import { Gap, GatewayClient, Quote, Trade } from "iqfeed-gateway-client";
import { options } from "./options.js";

const client = new GatewayClient(options); // tcp://127.0.0.1:7700 and :7701, unless told otherwise
if (!(await client.connect())) throw client.lastError;
await client.subscribeSymbols(["AAPL", "MSFT"], ["l1"]);
let lines = 0;
for await (const item of client) {
  if (item instanceof Quote) console.log("quote", item.symbol, item.bid, item.ask);
  else if (item instanceof Trade) console.log("trade", item.symbol, item.price, item.size);
  else if (item instanceof Gap && item.isFinal) console.log("lost", item);
  else continue;
  if (++lines === 10) break;
}
await client.disconnect();
