/**
 * One connection's life: both sockets, the timer and everything that changes.
 *
 * Everything runs in the event loop. One task drains the data socket whatever the application does,
 * and hands messages to a bounded queue; while the application keeps the event loop busy, libzmq's
 * own thread goes on receiving, up to `receiveMax` frames. Bad frames, refused requests and lost
 * connections are counted or told, never thrown here.
 */

import { DeliveryQueue } from "./delivery.js";
import { GatewayClientError, InvalidArgument, NotConnected, RequestTimedOut } from "./errors.js";
import { Disconnected, Reconnected, type Gap, type Overrun } from "./events.js";
import { PROTOCOL_VERSION } from "./messages.js";
import type { Options } from "./options.js";
import { asMap, type ResultMap } from "./results.js";
import { RpcClient, type Outcome } from "./rpc_client.js";
import { Reply, type Params } from "./rpc_codec.js";
import { Session } from "./session.js";
import { REOPEN_MS, Subscriber } from "./subscriber.js";

/** Timers are looked at twice a second at least; a longer pause means that we were suspended. */
const TICK_MS_MAX = 500;

/**
 * What is known of the way to the gateway. While `silent` no heartbeat came for too long, and the
 * data socket is made anew until one is heard.
 */
export type Link = "connecting" | "connected" | "silent" | "closed";

/** One connection's life, from construction to `stop`; not restartable. */
export class Engine {
  private readonly silenceMs: number;
  readonly queue: DeliveryQueue;
  readonly rpc: RpcClient;
  readonly subscriber: Subscriber;
  readonly session: Session;
  link: Link = "connecting";
  /** What `hello` answered. */
  gateway: ResultMap | null = null;
  /** Why connecting, or the connection, failed. */
  error: GatewayClientError | null = null;
  /** Why the connection ended although nobody wished it to; null otherwise. */
  failure: GatewayClientError | null = null;
  /** Whether the gateway was reached; resolves within `connectTimeoutS`. */
  readonly connected: Promise<boolean>;
  private settleConnected: (isConnected: boolean) => void = () => undefined;
  private readonly connectDeadlineMs: number;
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Infinity;
  private heardMs: number;
  private heartbeatCount = 0;
  private reopenAtMs = 0;
  private tickedMs: number;
  /** How much had been read at the last tick. */
  private tickedReadCount = 0;
  /** Times something unexpected was thrown while doing what was due. */
  failedTickCount = 0;

  /** @throws InvalidArgument - An endpoint or a key that libzmq refuses. */
  constructor(options: Options) {
    this.silenceMs = options.heartbeatSilenceS * 1_000;
    this.connected = new Promise((resolve) => (this.settleConnected = resolve));
    this.queue = new DeliveryQueue(
      {
        capacity: options.queueCapacity,
        conflateAbove: options.conflateAbove,
        skipAfterMs: options.skipAfterS === null ? null : options.skipAfterS * 1_000,
      },
      (overrun, topics, gaps) => this.replaceLost(overrun, topics, gaps),
    );
    const { dataEndpoint, controlEndpoint, curve, receiveMax } = options;
    const sink = {
      onFrame: (frame: Buffer | null): void => this.receive(frame),
      onFailure: (error: unknown): void => this.crash("the data socket failed", error),
    };
    this.subscriber = made(() => new Subscriber(dataEndpoint, curve, receiveMax, sink));
    this.rpc = made(
      () =>
        new RpcClient(controlEndpoint, curve, this.silenceMs, {
          onSettled: () => this.followUp(),
          onFailure: (error) => this.crash("the control socket failed", error),
        }),
      () => this.subscriber.close(),
    );
    this.session = new Session(options, this.rpc, this.subscriber, this.queue);
    this.heardMs = this.tickedMs = performance.now();
    this.connectDeadlineMs = this.heardMs + options.connectTimeoutS * 1_000;
    this.session.greeter.greet(options.connectTimeoutS * 1_000, (outcome) => this.greeted(outcome));
    this.arm(0);
  }

  /** Send a request; resolves to its result. */
  call(method: string, params: Params, timeoutMs: number): Promise<unknown> {
    this.check();
    return new Promise((resolve, reject) => {
      this.session.call(method, params, timeoutMs, (outcome) => {
        if (outcome instanceof Reply) resolve(outcome.result);
        else reject(outcome);
      });
      this.arm(performance.now() + timeoutMs);
    });
  }

  /**
   * Refuse to work when closed.
   *
   * @throws NotConnected - It is.
   */
  check(): void {
    if (this.link === "closed") throw this.error ?? new NotConnected("not connected");
  }

  /** Have a topic's state fetched anew, whose message could not be decoded. */
  heal(topic: string): void {
    this.session.intake.heal(topic);
    this.arm(performance.now());
  }

  /** End: close both sockets, let everybody go; what is queued can still be read. Idempotent. */
  stop(reason: GatewayClientError = new NotConnected("disconnected")): void {
    if (this.link === "closed") return;
    this.link = "closed";
    clearTimeout(this.timer);
    this.rpc.close(reason);
    this.subscriber.close();
    this.session.close();
    this.deliver(performance.now());
    this.queue.close();
    this.settleConnected(false);
  }

  /** Resolves once nothing of this client runs any more, after `stop`. */
  async stopped(): Promise<void> {
    await Promise.all([this.rpc.closed(), this.subscriber.closed()]);
  }

  /** End because reading is impossible; whoever iterates is told. */
  private crash(text: string, cause: unknown): void {
    this.failure = new NotConnected(text, { cause: String(cause) }, "Connect again.");
    this.fail(this.failure);
  }

  private fail(error: GatewayClientError): void {
    this.error ??= error;
    this.stop(error);
  }

  // What happens.

  private receive(frame: Buffer | null): void {
    const { intake } = this.session;
    if (frame === null) intake.refuse();
    else intake.receive(frame);
    const nowMs = performance.now();
    if (intake.heartbeatCount !== this.heartbeatCount) this.noteHeartbeat(nowMs);
    this.session.followUp(nowMs);
    this.deliver(nowMs);
  }

  /** Act on what replies brought: more is asked for, and what was recovered is delivered. */
  private followUp(): void {
    if (this.link === "closed") return;
    const nowMs = performance.now();
    this.session.followUp(nowMs);
    this.deliver(nowMs);
  }

  private deliver(nowMs: number): void {
    const { intake } = this.session;
    if (intake.out.length === 0) return;
    const batch = intake.out;
    intake.out = [];
    this.queue.extend(batch, nowMs);
  }

  private noteHeartbeat(nowMs: number): void {
    const { intake } = this.session;
    this.heartbeatCount = intake.heartbeatCount;
    const silentMs = nowMs - this.heardMs;
    this.heardMs = nowMs;
    this.session.heartbeatLagUs = Date.now() * 1_000 - intake.heartbeatUs;
    if (this.link === "silent") {
      this.link = "connected";
      intake.out.unshift(new Reconnected(silentMs / 1_000));
      this.session.reconnected();
    }
    this.judgeConnected();
  }

  /** Do what is due; nothing may be thrown out of a timer, where it would end the process. */
  private tick(): void {
    this.timerAtMs = Infinity;
    const nowMs = performance.now();
    try {
      this.work(nowMs);
    } catch {
      this.failedTickCount += 1;
      this.arm(nowMs + REOPEN_MS);
    }
  }

  private work(nowMs: number): void {
    if (nowMs - this.tickedMs > 2 * TICK_MS_MAX) {
      // The event loop stood still; what libzmq has meanwhile received is read a moment later.
      this.heardMs = Math.max(this.heardMs, nowMs - this.silenceMs + TICK_MS_MAX);
    }
    this.tickedMs = nowMs;
    // While frames come, a heartbeat may be behind them.
    const isReading = this.subscriber.readCount !== this.tickedReadCount;
    this.tickedReadCount = this.subscriber.readCount;
    this.rpc.expire(nowMs);
    this.session.tick(nowMs);
    this.queue.skipIfOld(nowMs);
    if (this.link === "connecting") {
      if (nowMs >= this.connectDeadlineMs) {
        this.fail(new RequestTimedOut("no heartbeat in time", {}, HEARTBEAT_HINT));
      }
    } else if (!isReading) {
      this.watchSilence(nowMs);
    }
    this.deliver(nowMs);
    this.arm(Math.min(this.rpc.deadlineMs(), this.session.deadlineMs(), nowMs + TICK_MS_MAX));
  }

  /** Have `tick` run at a time, or earlier. */
  private arm(atMs: number): void {
    if (this.link === "closed" || atMs >= this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    // Rounded up: a timer that comes a fraction of a millisecond early would come twice.
    const waitMs = Math.max(0, Math.ceil(atMs - performance.now()));
    this.timer = setTimeout(() => this.tick(), waitMs);
  }

  private watchSilence(nowMs: number): void {
    const silentMs = nowMs - this.heardMs;
    if (silentMs < this.silenceMs) return;
    if (this.link === "connected") {
      this.link = "silent";
      this.session.intake.out.push(new Disconnected(silentMs / 1_000));
      this.session.disconnected();
    } else if (nowMs < this.reopenAtMs) {
      return;
    }
    const isNew = this.subscriber.reopen();
    this.reopenAtMs = nowMs + (isNew ? this.silenceMs : REOPEN_MS);
    if (isNew) this.session.reopened();
  }

  /** Have the values of topics fetched anew whose messages were skipped unread. */
  private replaceLost(overrun: Overrun, topics: ReadonlySet<string>, gaps: readonly Gap[]): void {
    if (this.link === "closed") return;
    const { intake } = this.session;
    intake.noteSkipped(gaps);
    for (const topic of topics) intake.askAgain(topic);
    // Which topics they were is not told to the application, so every book is in doubt.
    if (overrun.topic === null && overrun.unnamed > 0) intake.askImagesAgain();
    this.arm(performance.now());
  }

  // Connecting.

  private greeted(outcome: Outcome): void {
    if (!(outcome instanceof Reply)) {
      this.fail(outcome);
      return;
    }
    try {
      this.gateway = asMap(outcome.result);
    } catch (error) {
      if (!(error instanceof GatewayClientError)) throw error;
      this.fail(error);
      return;
    }
    const spoken = this.gateway["protocol"];
    if (Array.isArray(spoken) && !spoken.includes(PROTOCOL_VERSION)) {
      const facts = { gatewaySpeaks: spoken };
      this.fail(new NotConnected("no protocol version in common", facts));
      return;
    }
    this.judgeConnected();
  }

  private judgeConnected(): void {
    if (this.link !== "connecting" || this.gateway === null || this.heartbeatCount === 0) return;
    this.link = "connected";
    this.settleConnected(true);
  }
}

const HEARTBEAT_HINT =
  "The gateway answers requests but no data arrives: check dataEndpoint, and its keys if any.";

function made<T>(make: () => T, undo: () => void = () => undefined): T {
  try {
    return make();
  } catch (error) {
    undo();
    throw new InvalidArgument("endpoint or keys refused", { cause: String(error) });
  }
}
