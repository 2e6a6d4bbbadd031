/** Who this client is: told at first, and whenever its data connection is a fresh one. */

import { NotConnected, RequestRefused, RequestTimedOut } from "./errors.js";
import type { OnDone } from "./rpc_client.js";
import type { Timers } from "./timers.js";

/** What this client calls its version. */
export const CLIENT_VERSION = "0.1.0";
const ATTEMPTS_MAX = 5;
const RETRY_MS = 1_000;

type Call = (method: string, params: object, timeoutMs: number, onDone: OnDone) => void;

/** Sends `hello`, which binds the data connection that holds our token to our name. */
export class Greeter {
  private readonly params: object;
  private readonly call: Call;
  private readonly timers: Timers;

  constructor(clientName: string, token: string, call: Call, timers: Timers) {
    this.params = {
      client: clientName,
      language: "typescript",
      version: CLIENT_VERSION,
      data_token: token,
    };
    this.call = call;
    this.timers = timers;
  }

  /** Say it once. */
  greet(timeoutMs: number, onDone: OnDone): void {
    this.call("hello", this.params, timeoutMs, onDone);
  }

  /** Say it of a fresh data connection; leases bind it as well, but not everybody has any. */
  greetAgain(timeoutMs: number, attempts = 1): void {
    this.greet(timeoutMs, (outcome) => {
      const isAway =
        outcome instanceof RequestTimedOut ||
        outcome instanceof NotConnected ||
        (outcome instanceof RequestRefused && outcome.retryMs !== null);
      if (!isAway || attempts >= ATTEMPTS_MAX) return;
      const again = (): void => this.greetAgain(timeoutMs, attempts + 1);
      this.timers.later(performance.now() + RETRY_MS, again);
    });
  }
}
