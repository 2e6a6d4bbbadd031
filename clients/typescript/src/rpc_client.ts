/**
 * The DEALER socket: many requests outstanding, each with its own deadline.
 *
 * A request waits in our own outbox until the connection stands (IMMEDIATE), and one whose deadline
 * passes there is never sent late: its socket is replaced. When a request ran into its deadline and
 * nothing was heard from the peer for `silenceMs` since it was sent, the peer counts as vanished
 * and the socket is made anew as well.
 */

import { Dealer } from "zeromq";

import {
  CodecError,
  GatewayClientError,
  InvalidArgument,
  NotConnected,
  RequestRefused,
  RequestTimedOut,
} from "./errors.js";
import { curveOptions, type CurveKeys } from "./keys.js";
import { decodeReply, encodeRequest, Reply, REPLY_BYTES_MAX, type Params } from "./rpc_codec.js";
import { RECONNECT_MS, RECONNECT_MS_MAX, REOPEN_MS } from "./subscriber.js";

/** Requests that may wait for their replies. */
export const OUTSTANDING_MAX = 1_000;

/** How a request ended. */
export type Outcome = Reply | GatewayClientError;
/** Gets the outcome of a request, exactly once. */
export type OnDone = (outcome: Outcome) => void;

/** What a control connection tells of itself. */
export interface ReplySink {
  /** Told when a reply was handed over. */
  readonly onSettled: () => void;
  /** Told once when reading failed for good. */
  readonly onFailure: (error: unknown) => void;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly data: Uint8Array;
  readonly deadlineMs: number;
  readonly onDone: OnDone;
  sentMs: number | null;
}

/** One control connection. */
export class RpcClient {
  private readonly endpoint: string;
  private readonly curve: CurveKeys | null;
  private readonly silenceMs: number;
  private readonly sink: ReplySink;
  private readonly requests = new Map<number, Request>();
  private outbox: Request[] = [];
  private socket: Dealer | null;
  private isSending = false;
  private nextId = 1;
  private heardMs = 0;
  private unansweredSinceMs: number | null = null;
  /** When a replacement that failed is tried again; Infinity when none has. */
  private reopenAtMs = Infinity;
  private readonly tasks = new Set<Promise<void>>();
  requestCount = 0;
  timeoutCount = 0;
  lateReplyCount = 0;
  badReplyCount = 0;
  reopenCount = 0;
  /** Times the system gave no new socket, and the old one was kept. */
  failedReopenCount = 0;

  /**
   * @param silenceMs - Silence after which an unanswered request means that the peer is gone.
   * @param sink - Is told what happens.
   */
  constructor(
    endpoint: string,
    curve: CurveKeys | null,
    silenceMs: number,
    sink: ReplySink,
  ) {
    this.endpoint = endpoint;
    this.curve = curve;
    this.silenceMs = silenceMs;
    this.sink = sink;
    this.socket = this.open();
  }

  /** Requests waiting for their replies. */
  get outstandingCount(): number {
    return this.requests.size;
  }

  private open(): Dealer {
    const socket = new Dealer({
      linger: 0,
      immediate: true,
      maxMessageSize: REPLY_BYTES_MAX,
      reconnectInterval: RECONNECT_MS,
      reconnectMaxInterval: RECONNECT_MS_MAX,
      ...curveOptions(this.curve),
    });
    try {
      socket.connect(this.endpoint);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.follow(this.read(socket));
    return socket;
  }

  private follow(task: Promise<void>): void {
    this.tasks.add(task);
    void task.finally(() => this.tasks.delete(task));
  }

  /**
   * Send a request; `onDone` is called exactly once, at the deadline at the latest.
   *
   * @param timeoutMs - Time to wait.
   * @param nowMs - Monotonic time.
   * @param onDone - Gets the reply or the error; called at once when nothing can be sent.
   */
  request(method: string, params: Params, timeoutMs: number, nowMs: number, onDone: OnDone): void {
    if (this.socket === null) {
      onDone(new NotConnected("disconnected", { method }));
      return;
    }
    if (this.requests.size >= OUTSTANDING_MAX) {
      onDone(tooMany(method));
      return;
    }
    let data: Uint8Array;
    try {
      data = encodeRequest(this.nextId, method, params, timeoutMs);
    } catch (error) {
      if (!(error instanceof InvalidArgument)) throw error;
      onDone(error);
      return;
    }
    const id = this.nextId;
    this.nextId += 1;
    const request = { id, method, data, deadlineMs: nowMs + timeoutMs, onDone, sentMs: null };
    this.requests.set(id, request);
    this.outbox.push(request);
    this.requestCount += 1;
    const sinceMs = this.unansweredSinceMs;
    const isTimely = this.reopenAtMs === Infinity; // Else the next try has its time.
    if (sinceMs !== null && nowMs - sinceMs >= this.silenceMs && isTimely) {
      this.reopen(new NotConnected("the gateway does not answer any more", { method }));
    }
    this.flush();
  }

  /** End the requests whose deadline has passed. */
  expire(nowMs: number): void {
    let hasUnsent = false;
    for (const request of [...this.requests.values()]) {
      if (request.deadlineMs > nowMs) continue;
      this.timeoutCount += 1;
      hasUnsent ||= request.sentMs === null;
      this.finish(request, this.expired(request));
    }
    if (this.reopenAtMs === Infinity ? hasUnsent : nowMs >= this.reopenAtMs) {
      // It may be in libzmq's hands already, and must not be sent late. Besides, libzmq gives an
      // address up for good when the other end has refused our key, which it may take tomorrow.
      this.reopen(new NotConnected("no connection to the gateway"));
      this.flush();
    }
  }

  private expired(request: Request): RequestTimedOut {
    const { method, sentMs } = request;
    if (sentMs === null) {
      const hint = "Check that the gateway runs, and that endpoint and keys are right.";
      const facts = { method, endpoint: this.endpoint };
      return new RequestTimedOut("no connection to the gateway", facts, hint);
    }
    if (this.heardMs < sentMs) this.unansweredSinceMs ??= sentMs;
    return new RequestTimedOut("no reply in time", { method });
  }

  /** Monotonic time of the next deadline; Infinity when nothing is outstanding. */
  deadlineMs(): number {
    let deadlineMs = this.reopenAtMs;
    for (const request of this.requests.values()) {
      deadlineMs = Math.min(deadlineMs, request.deadlineMs);
    }
    return deadlineMs;
  }

  /** Close for good; every outstanding request ends with the error. */
  close(error: GatewayClientError): void {
    this.socket?.close();
    this.socket = null;
    this.outbox = [];
    for (const request of [...this.requests.values()]) this.finish(request, error);
  }

  /** Resolves once nothing reads or writes any more, after `close`. */
  async closed(): Promise<void> {
    await Promise.all(this.tasks);
  }

  /**
   * Replace the socket; replies to what was sent on the old one cannot come any more. When the
   * system gives no other, the old one stays, and `expire` tries again a second later.
   */
  private reopen(error: GatewayClientError): void {
    if (this.socket === null) return; // An outcome just told made the client close.
    const old = this.socket;
    try {
      this.socket = this.open();
    } catch {
      this.failedReopenCount += 1;
      this.reopenAtMs = performance.now() + REOPEN_MS;
      return;
    }
    old.close();
    this.reopenAtMs = Infinity;
    this.isSending = false;
    this.reopenCount += 1;
    this.unansweredSinceMs = null;
    for (const request of [...this.requests.values()]) {
      if (request.sentMs !== null) this.finish(request, error);
    }
  }

  private flush(): void {
    if (this.socket !== null && !this.isSending && this.outbox.length > 0) {
      this.isSending = true;
      this.follow(this.write(this.socket));
    }
  }

  /** Send what waits, one after the other, as the connection takes it. */
  private async write(socket: Dealer): Promise<void> {
    while (this.socket === socket) {
      const request = this.outbox[0];
      if (request === undefined) {
        this.isSending = false;
        return;
      }
      if (this.requests.has(request.id)) {
        try {
          await socket.send(request.data);
        } catch (error) {
          if (this.socket !== socket) return; // Replaced or closed meanwhile.
          this.finish(request, new NotConnected("request not sent", { cause: String(error) }));
        }
        if (this.socket !== socket) return;
        request.sentMs = performance.now();
      }
      this.outbox.shift();
    }
  }

  /** Read replies for as long as the socket is open. */
  private async read(socket: Dealer): Promise<void> {
    for (;;) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch (error) {
        if (!socket.closed) this.sink.onFailure(error);
        return;
      }
      if (this.socket !== socket) return;
      try {
        this.take(frames.at(-1) ?? Buffer.alloc(0));
      } catch (error) {
        this.sink.onFailure(error);
        return;
      }
    }
  }

  private take(data: Buffer): void {
    this.heardMs = performance.now();
    this.unansweredSinceMs = null;
    let reply: ReturnType<typeof decodeReply>;
    try {
      reply = decodeReply(data);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.badReplyCount += 1;
      return;
    }
    const request = this.requests.get(reply.id);
    if (request === undefined) {
      this.lateReplyCount += 1;
      return;
    }
    this.finish(request, reply instanceof Reply ? reply : reply.refusal(request.method));
    this.sink.onSettled();
  }

  private finish(request: Request, outcome: Outcome): void {
    if (this.requests.delete(request.id)) request.onDone(outcome);
  }
}

function tooMany(method: string): RequestRefused {
  return new RequestRefused({
    code: "busy",
    message: "too many requests outstanding",
    hint: "Wait for replies before asking more.",
    retryMs: 100,
    details: {},
    method,
  });
}
