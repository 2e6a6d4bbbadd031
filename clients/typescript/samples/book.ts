import { BookMirror, GatewayClient, type PriceLevel } from "iqfeed-gateway-client";
import { options } from "./options.js";

const show = (levels: PriceLevel[]) => levels.map((l) => `${l.size}@${l.price}`).join(" ");
const mirror = new BookMirror("depth", "@ESZ26");
const client = new GatewayClient(options);
if (!(await client.connect())) throw client.lastError;
await client.subscribeSymbol("@ESZ26", ["depth", "state"]);
let lines = 0;
for await (const item of client) {
  if (!mirror.apply(item) || !mirror.isCurrent || mirror.isStale) continue;
  console.log(show(mirror.bids(3)), "|", show(mirror.asks(3)));
  if (++lines === 10) break;
}
await client.disconnect();
