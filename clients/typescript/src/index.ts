/**
 * The TypeScript client of the IQFeed gateway: typed live prices over ZeroMQ, with every loss
 * visible. Begin with `GatewayClient`.
 */

export { BookMirror } from "./book_mirror.js";
export type { BookSide, Row } from "./book_rows.js";
export { decodeFrame, toDecimal } from "./codec.js";
export * from "./error_codes.js";
export {
  CodecError,
  DecodeError,
  GatewayClientError,
  InvalidArgument,
  NotConnected,
  RequestError,
  RequestRefused,
  RequestTimedOut,
  SecurityValidationError,
  SequenceGap,
  UnknownMessage,
} from "./errors.js";
export {
  Disconnected,
  Gap,
  GatewayRestarted,
  Overrun,
  Reconnected,
  SubscriptionRefused,
  type Event,
} from "./events.js";
export { GatewayClient, type StreamItem } from "./gateway_client.js";
export { GatewayMethods, type CallOptions } from "./gateway_methods.js";
export { CLIENT_VERSION } from "./greeter.js";
export { loadKeys, type CurveKeys } from "./keys.js";
export * from "./messages.js";
export { CONTROL_ENDPOINT, DATA_ENDPOINT, type ClientOptions } from "./options.js";
export type {
  HealthStatus,
  ReplayResult,
  ResultMap,
  Statistics,
  SymbolLineage,
  SymbolResult,
  TopicState,
} from "./results.js";
export type { Params } from "./rpc_codec.js";
export { TopicTracker, type Observation, type Verdict } from "./tracker.js";
