/** Where the gateway is, as the environment says; without it, on this machine. */

import { loadKeys, type ClientOptions } from "iqfeed-gateway-client";

const keys = process.env["IQFEED_GATEWAY_KEYS"];

export const options: ClientOptions = {
  dataEndpoint: process.env["IQFEED_GATEWAY_DATA"],
  controlEndpoint: process.env["IQFEED_GATEWAY_CONTROL"],
  curve: keys === undefined ? null : loadKeys(keys),
};
