/** What a client is told at construction, checked before anything is opened. */

import { randomBytes } from "node:crypto";

import { InvalidArgument } from "./errors.js";
import { checkKeys, type CurveKeys } from "./keys.js";
import { LEASE_S_MAX, LEASE_S_MIN } from "./messages.js";
import { RECEIVE_MESSAGES_MAX } from "./subscriber.js";

export const DATA_ENDPOINT = "tcp://127.0.0.1:7700";
export const CONTROL_ENDPOINT = "tcp://127.0.0.1:7701";
const ENDPOINT = /^(?:tcp:\/\/(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/[\]]+):([0-9]{1,5})|ipc:\/\/\S+)$/;
const CLIENT_NAME = /^[A-Za-z0-9._:@-]{1,64}$/;
const DURATION_S_MAX = 86_400;

/** Everything a client can be told; each has a default. */
export interface ClientOptions {
  /** Where the gateway publishes. `tcp://127.0.0.1:7700`. */
  readonly dataEndpoint?: string | undefined;
  /** Where the gateway answers requests. `tcp://127.0.0.1:7701`. */
  readonly controlEndpoint?: string | undefined;
  /** Name the leases belong to; clients with one name share them. Made up when left out. */
  readonly clientName?: string | undefined;
  /** Seconds to wait for a reply. 5. */
  readonly requestTimeoutS?: number | undefined;
  /** Seconds in which `connect` must have heard a reply and a heartbeat (one comes a second). 5. */
  readonly connectTimeoutS?: number | undefined;
  /** Life of a lease in seconds; renewed at half of it, and every ten seconds at least. 60. */
  readonly leaseS?: number | undefined;
  /** Seconds without a heartbeat after which the data connection counts as lost. 3. */
  readonly heartbeatSilenceS?: number | undefined;
  /** Messages that wait for the application at most; then they are skipped, and told. 100,000. */
  readonly queueCapacity?: number | undefined;
  /** Waiting messages from which on state messages replace older ones of their topic. 10,000. */
  readonly conflateAbove?: number | undefined;
  /**
   * Seconds after which what waits is skipped, too. Null, for only when the queue is full: no trade
   * is ever skipped for its age alone, unless asked for.
   */
  readonly skipAfterS?: number | null | undefined;
  /** Frames the system may hold while the event loop is blocked (RCVHWM). 200,000. */
  readonly receiveMax?: number | undefined;
  /** Keys, when the gateway asks for them; see `loadKeys`. */
  readonly curve?: CurveKeys | null | undefined;
}

/** The same, complete. */
export type Options = {
  readonly [Name in keyof ClientOptions]-?: Exclude<ClientOptions[Name], undefined>;
};

/**
 * Fill in defaults and check everything.
 *
 * @throws InvalidArgument - A value that can never work.
 */
export function completeOptions(given: ClientOptions): Options {
  const made = `typescript-${process.pid}-${randomBytes(4).toString("hex")}`;
  const options: Options = {
    dataEndpoint: given.dataEndpoint ?? DATA_ENDPOINT,
    controlEndpoint: given.controlEndpoint ?? CONTROL_ENDPOINT,
    clientName: given.clientName || made,
    requestTimeoutS: given.requestTimeoutS ?? 5,
    connectTimeoutS: given.connectTimeoutS ?? 5,
    leaseS: given.leaseS ?? 60,
    heartbeatSilenceS: given.heartbeatSilenceS ?? 3,
    queueCapacity: given.queueCapacity ?? 100_000,
    conflateAbove: given.conflateAbove ?? 10_000,
    skipAfterS: given.skipAfterS ?? null,
    receiveMax: given.receiveMax ?? RECEIVE_MESSAGES_MAX,
    curve: given.curve ?? null,
  };
  checkEndpoint("dataEndpoint", options.dataEndpoint);
  checkEndpoint("controlEndpoint", options.controlEndpoint);
  checkDuration("requestTimeoutS", options.requestTimeoutS);
  checkDuration("connectTimeoutS", options.connectTimeoutS);
  checkDuration("heartbeatSilenceS", options.heartbeatSilenceS);
  if (options.skipAfterS !== null) checkDuration("skipAfterS", options.skipAfterS);
  checkWhole("leaseS", options.leaseS, LEASE_S_MIN, LEASE_S_MAX);
  checkWhole("queueCapacity", options.queueCapacity, 1, 100_000_000);
  checkWhole("conflateAbove", options.conflateAbove, 1, options.queueCapacity);
  checkWhole("receiveMax", options.receiveMax, 1, 100_000_000);
  if (options.curve !== null) checkKeys(options.curve);
  if (!CLIENT_NAME.test(options.clientName)) {
    const hint = "Use 1 to 64 letters, digits and ._:@- only.";
    throw new InvalidArgument("clientName refused", { clientName: options.clientName }, hint);
  }
  return options;
}

/**
 * Refuse what is no duration in seconds.
 *
 * @throws InvalidArgument - Not above 0 and below a day.
 */
export function checkDuration(name: string, value: number): number {
  if (!(value > 0 && value < DURATION_S_MAX)) {
    throw new InvalidArgument("not a duration in seconds", { name, value });
  }
  return value;
}

function checkWhole(name: string, value: number, lowest: number, highest: number): void {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    const hint = `Use a whole number from ${lowest} to ${highest}.`;
    throw new InvalidArgument("option out of range", { name, value }, hint);
  }
}

function checkEndpoint(name: string, value: string): void {
  const match = ENDPOINT.exec(value);
  const port = Number(match?.[1] ?? 1);
  if (match === null || port < 1 || port > 65_535) {
    const hint = "Write tcp://host:port or ipc://path.";
    throw new InvalidArgument("not an endpoint", { name, value }, hint);
  }
}
