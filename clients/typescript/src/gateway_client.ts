/** The client: a stream of messages, and methods of the gateway, each with a deadline. */

import { build } from "./codec.js";
import {
  CodecError,
  NotConnected,
  SecurityValidationError,
  type GatewayClientError,
} from "./errors.js";
import { Engine } from "./engine.js";
import { Gap, type Event } from "./events.js";
import { GatewayMethods, type CallOptions } from "./gateway_methods.js";
import { Flag, type Message } from "./messages.js";
import { checkDuration, completeOptions, type ClientOptions, type Options } from "./options.js";
import { rejected, type ResultMap, type Statistics, type SymbolResult } from "./results.js";
import { Pending } from "./routes.js";
import type { Params } from "./rpc_codec.js";
import { statisticsOf } from "./statistics.js";
import { checkSymbol, checkTopic, expandKinds } from "./topics.js";

/** What the stream yields; `type` tells which. */
export type StreamItem = Message | Event;

/**
 * A consumer of the gateway's data and a caller of its methods.
 *
 * Call `disconnect` when done: until then it keeps the process alive. Several loops over one client
 * share its messages, each message going to one of them.
 *
 * @example
 * const client = new GatewayClient();
 * if (!(await client.connect())) throw client.lastError;
 * await client.subscribeSymbol("AAPL", ["l1"]);
 * for await (const item of client) console.log(item);
 */
export class GatewayClient extends GatewayMethods implements AsyncIterable<StreamItem> {
  private readonly options: Options;
  private engine: Engine | null = null;
  private failure: GatewayClientError | null = null;
  private undecodedCount = 0;

  /** @throws InvalidArgument - An option that can never work. */
  constructor(options: ClientOptions = {}) {
    super();
    this.options = completeOptions(options);
  }

  // What is known without asking.

  /** Name the leases belong to. */
  get clientName(): string {
    return this.options.clientName;
  }

  /** Whether heartbeats arrive. */
  get isConnected(): boolean {
    return this.engine?.link === "connected";
  }

  /** Why the last `connect` returned false; null after one that returned true. */
  get lastError(): GatewayClientError | null {
    return this.failure;
  }

  /** What the gateway said of itself (`hello`); empty before `connect`. */
  get gateway(): ResultMap {
    return { ...this.engine?.gateway };
  }

  /** The gateway run last heard, Unix milliseconds; null before `connect`. */
  get epoch(): number | null {
    const epoch = this.engine?.session.intake.epoch ?? -1;
    return epoch < 0 ? null : epoch;
  }

  /**
   * Tell what this client has counted since `connect`.
   *
   * @throws NotConnected - `connect` was never called.
   */
  override statistics(): Statistics {
    return statisticsOf(this.require(), this.undecodedCount);
  }

  // The connection.

  /**
   * Reach the gateway: a reply to `hello` and a first heartbeat.
   *
   * @returns True when connected (already or now); false when not reachable within
   *   `connectTimeoutS`, with the reason in `lastError`.
   * @throws InvalidArgument - An endpoint or a key that libzmq refuses.
   */
  async connect(): Promise<boolean> {
    if (this.engine === null || this.engine.link === "closed") {
      this.undecodedCount = 0;
      this.engine = new Engine(this.options);
    }
    const engine = this.engine;
    const isConnected = await engine.connected;
    this.failure = isConnected ? null : (engine.error ?? new NotConnected("disconnected"));
    if (!isConnected) await engine.stopped();
    return isConnected;
  }

  /** Close everything; idempotent. What is still queued can be read, then iteration ends. */
  async disconnect(): Promise<void> {
    this.engine?.stop();
    await this.engine?.stopped();
  }

  // Subscriptions.

  /**
   * Subscribe to one symbol.
   *
   * @param symbol - The vendor's spelling, for example `AAPL`.
   * @param kinds - `l1`, `l2`, kinds such as `quote`, or variants such as `quote@250`.
   * @returns Its topics with their states, or why it was rejected.
   * @throws SecurityValidationError - The symbol must not be sent, and was not.
   * @throws InvalidArgument - A kind does not exist.
   * @throws RequestError - The gateway did not answer, or refused the whole request.
   */
  async subscribeSymbol(
    symbol: string,
    kinds: readonly string[] = ["l1"],
    options: CallOptions = {},
  ): Promise<SymbolResult> {
    checkSymbol(symbol);
    const results = await this.subscribeSymbols([symbol], kinds, options);
    return results.get(symbol) ?? rejected(symbol, "internal", "The gateway did not say.");
  }

  /**
   * Subscribe to many symbols; one bad symbol never spoils the others.
   *
   * @param symbols - The vendor's spellings; any number, sent 5,000 a request.
   * @param kinds - As in `subscribeSymbol`.
   * @returns What became of each; malformed symbols are rejected with `symbol_invalid`, and not
   *   sent.
   * @throws InvalidArgument - A kind does not exist.
   * @throws RequestError - The gateway did not answer, or refused a request. What it accepted until
   *   then stays subscribed.
   */
  async subscribeSymbols(
    symbols: readonly string[],
    kinds: readonly string[] = ["l1"],
    options: CallOptions = {},
  ): Promise<Map<string, SymbolResult>> {
    const expanded = expandKinds(kinds);
    const timeoutMs = this.timeoutMs(options);
    const good = new Set<string>();
    const refused = new Map<string, SymbolResult>();
    for (const symbol of symbols) {
      try {
        good.add(checkSymbol(symbol));
      } catch (error) {
        if (!(error instanceof SecurityValidationError)) throw error;
        refused.set(symbol, rejected(symbol, error.code, error.hint));
      }
    }
    const { session } = this.requireOpen();
    const results = await session.subscribe([...good], expanded, timeoutMs);
    return new Map([...results, ...refused]);
  }

  /**
   * Give a symbol up, or only some kinds of it; listening ends at once.
   *
   * @throws SecurityValidationError - Not a symbol.
   * @throws RequestError - The gateway did not confirm; its lease then ends by itself.
   */
  async unsubscribeSymbol(
    symbol: string,
    kinds: readonly string[] | null = null,
    options: CallOptions = {},
  ): Promise<void> {
    await this.unsubscribeSymbols([symbol], kinds, options);
  }

  /** Give many symbols up, or only some kinds of them; errors as in `unsubscribeSymbol`. */
  async unsubscribeSymbols(
    symbols: readonly string[],
    kinds: readonly string[] | null = null,
    options: CallOptions = {},
  ): Promise<void> {
    for (const symbol of symbols) checkSymbol(symbol);
    if (kinds !== null) expandKinds(kinds);
    await this.requireOpen().session.giveUp(symbols, kinds, this.timeoutMs(options));
  }

  /**
   * Listen to topics (`bar,AAPL,`) or whole kinds (`news,`) without taking a lease.
   *
   * @throws InvalidArgument - Not a topic.
   * @throws NotConnected - Not connected.
   */
  subscribeTopics(names: readonly string[]): void {
    for (const name of names) checkTopic(name);
    this.requireOpen().session.listenTo(names);
  }

  /**
   * Stop listening to what `subscribeTopics` was given; errors as there. The `sys` topics that the
   * client itself needs stay.
   */
  unsubscribeTopics(names: readonly string[]): void {
    for (const name of names) checkTopic(name);
    this.requireOpen().session.forgetTopics(names);
  }

  // The stream.

  /**
   * Take the next message or event.
   *
   * @param timeoutS - Seconds to wait at most, 0 for not at all; left out waits until `disconnect`.
   * @returns The item; null at the deadline, or when disconnected and everything was read.
   * @throws NotConnected - `connect` was never called, or the sockets cannot be read any more.
   */
  async nextMessage(timeoutS = Infinity): Promise<StreamItem | null> {
    const engine = this.require();
    let item = this.take(engine);
    if (item !== null) return item;
    const deadlineMs = performance.now() + timeoutS * 1_000;
    for (;;) {
      const isThere = await engine.queue.wait(deadlineMs - performance.now());
      item = this.take(engine);
      if (item !== null) return item;
      if (isThere) continue;
      if (engine.failure !== null) throw engine.failure;
      if (engine.queue.isClosed || performance.now() >= deadlineMs) return null;
    }
  }

  /** Iterate over messages and events until `disconnect`, or until nothing comes for so long. */
  async *messages(timeoutS = Infinity): AsyncGenerator<StreamItem, void, undefined> {
    for (;;) {
      const item = await this.nextMessage(timeoutS);
      if (item === null) return;
      yield item;
    }
  }

  /** Iterate over messages and events until `disconnect`. */
  [Symbol.asyncIterator](): AsyncIterator<StreamItem, undefined> {
    return {
      next: async () => {
        const value = await this.nextMessage();
        return value === null ? { value: undefined, done: true } : { value, done: false };
      },
    };
  }

  /** Take the next item without waiting; null when there is none. */
  private take(engine: Engine): StreamItem | null {
    const entry = engine.queue.pop();
    return entry instanceof Pending ? this.decode(engine, entry) : entry;
  }

  private decode(engine: Engine, entry: Pending): StreamItem {
    const { route, items, mergedAdd } = entry;
    const flagsAdd =
      (mergedAdd > 0 ? Flag.CONFLATED : 0) + (entry.isSnapshot ? Flag.SNAPSHOT : 0);
    try {
      return build(route.kind, route.symbol, items, flagsAdd, mergedAdd);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      // A message that cannot be read is a message lost.
      this.undecodedCount += 1;
      engine.heal(route.topic);
      const [, epoch, sequence] = items as [number, number, number];
      return new Gap(route.topic, sequence, sequence, epoch, { isFinal: !route.hasValue });
    }
  }

  // Requests.

  /**
   * Call any method of the gateway.
   *
   * @returns Its result, as sent: maps by the contract's key names, integers above 2^53-1 as
   *   bigint.
   * @throws NotConnected - Not connected, or the connection was given up meanwhile.
   * @throws RequestTimedOut - No reply in time.
   * @throws RequestRefused - The gateway answered with an error; `code` and `hint` say which.
   */
  override async call(
    method: string,
    params: Params = {},
    options: CallOptions = {},
  ): Promise<unknown> {
    return await this.requireOpen().call(method, params, this.timeoutMs(options));
  }

  private require(): Engine {
    if (this.engine === null) throw new NotConnected("not connected");
    return this.engine;
  }

  private requireOpen(): Engine {
    const engine = this.require();
    engine.check();
    return engine;
  }

  private timeoutMs(options: CallOptions): number {
    return checkDuration("timeoutS", options.timeoutS ?? this.options.requestTimeoutS) * 1_000;
  }

  /** What this client sees for itself, in the form of the gateway's issues. */
  protected override localIssues(): ResultMap[] {
    if (this.engine?.link !== "silent") return [];
    return [
      {
        code: "data_silent",
        level: "critical",
        message: "no heartbeat on the data connection",
        since_us: null,
        hint: "The client reconnects by itself; check the gateway and the network between.",
      },
    ];
  }
}
