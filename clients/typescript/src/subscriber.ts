/**
 * The data socket: made, made anew, and always drained.
 *
 * It is an XSUB, because a subscription is a message there, and its queue can be unbounded: libzmq
 * keeps subscriptions in a queue of SNDHWM messages and silently drops what is above the mark, at
 * the start as well as after every reconnect. ZMTP heartbeats stay off: with a full receive queue
 * they abort the process inside libzmq.
 */

import { XSubscriber } from "zeromq";

import { curveOptions, type CurveKeys } from "./keys.js";
import { FRAME_BYTES_MAX } from "./messages.js";

/** Frames libzmq may hold for us (RCVHWM) while the event loop is busy with something else. */
export const RECEIVE_MESSAGES_MAX = 200_000;
export const RECONNECT_MS = 100;
export const RECONNECT_MS_MAX = 5_000;
/** Pause before another try when the system gave no new socket. */
export const REOPEN_MS = 1_000;
const CONNECT_MS_MAX = 1_000;
const SUBSCRIBE = 1;
const UNSUBSCRIBE = 0;

/** Where the frames of a data socket go. */
export interface FrameSink {
  /** Takes one frame; null for a message of several, which the contract does not have. */
  readonly onFrame: (frame: Buffer | null) => void;
  /** Told once when reading failed for good. */
  readonly onFailure: (error: unknown) => void;
}

/** One data connection. */
export class Subscriber {
  private readonly endpoint: string;
  private readonly curve: CurveKeys | null;
  private readonly receiveMax: number;
  private readonly sink: FrameSink;
  private readonly topics = new Set<string>();
  private readonly tasks = new Set<Promise<void>>();
  private socket: XSubscriber | null;
  /**
   * Messages read. The socket's `readable` must never be asked: it takes the wake-up that the
   * pending `receive` waits for, which then waits for good while frames lie there.
   */
  readCount = 0;
  /** Times the socket was made anew. */
  reopenCount = 0;
  /** Times the system gave no new socket, and the old one was kept. */
  failedReopenCount = 0;

  constructor(endpoint: string, curve: CurveKeys | null, receiveMax: number, sink: FrameSink) {
    this.endpoint = endpoint;
    this.curve = curve;
    this.receiveMax = receiveMax;
    this.sink = sink;
    this.socket = this.open();
  }

  private open(): XSubscriber {
    const socket = new XSubscriber({
      linger: 0,
      sendHighWaterMark: 0,
      // Never waits: an XSUB without a mark takes every subscription at once.
      sendTimeout: 0,
      receiveHighWaterMark: this.receiveMax,
      maxMessageSize: FRAME_BYTES_MAX,
      reconnectInterval: RECONNECT_MS,
      reconnectMaxInterval: RECONNECT_MS_MAX,
      // Else an attempt made while the way is cut waits for the system's own repeats, up to seconds
      // after it has healed.
      connectTimeout: CONNECT_MS_MAX,
      ...curveOptions(this.curve),
    });
    try {
      for (const topic of this.topics) {
        if (!isSnapshot(topic)) this.tell(socket, SUBSCRIBE, topic);
      }
      socket.connect(this.endpoint);
    } catch (error) {
      socket.close();
      throw error;
    }
    const task = this.read(socket);
    this.tasks.add(task);
    void task.finally(() => this.tasks.delete(task));
    return socket;
  }

  /** Subscribe once, however often it is asked for. */
  subscribe(topic: string): void {
    if (this.topics.has(topic)) return;
    this.topics.add(topic);
    this.tell(this.socket, SUBSCRIBE, topic);
  }

  /** Take a subscription back. */
  unsubscribe(topic: string): void {
    if (this.topics.delete(topic)) this.tell(this.socket, UNSUBSCRIBE, topic);
  }

  /** Send a subscription again that the gateway has not seen; false when it is not ours. */
  repair(topic: string): boolean {
    if (!this.topics.has(topic)) return false;
    this.tell(this.socket, UNSUBSCRIBE, topic);
    this.tell(this.socket, SUBSCRIBE, topic);
    return true;
  }

  /**
   * Replace the socket; all subscriptions go with it, those for snapshots excepted.
   *
   * @returns Whether that was possible; false keeps the old one, when the system gives no other.
   */
  reopen(): boolean {
    if (this.socket === null) return false;
    const old = this.socket;
    try {
      this.socket = this.open();
    } catch {
      this.failedReopenCount += 1;
      return false;
    }
    old.close();
    for (const topic of this.topics) {
      if (isSnapshot(topic)) this.topics.delete(topic);
    }
    this.reopenCount += 1;
    return true;
  }

  /** Close for good. */
  close(): void {
    this.socket?.close();
    this.socket = null;
  }

  /** Resolves once nothing reads any more, after `close`. */
  async closed(): Promise<void> {
    await Promise.all(this.tasks);
  }

  private tell(socket: XSubscriber | null, what: number, topic: string): void {
    if (socket === null) return;
    const frame = Buffer.alloc(1 + topic.length);
    frame[0] = what;
    frame.write(topic, 1, "latin1");
    socket.send(frame).catch((error: unknown) => {
      if (this.socket === socket) this.sink.onFailure(error);
    });
  }

  /** Read for as long as the socket is open, whatever the application does. */
  private async read(socket: XSubscriber): Promise<void> {
    for (;;) {
      let frames: Buffer[];
      try {
        frames = await socket.receive();
      } catch (error) {
        if (!socket.closed) this.sink.onFailure(error);
        return;
      }
      this.readCount += 1;
      if (this.socket !== socket) return; // Replaced: what it still held comes again, if at all.
      try {
        this.sink.onFrame(frames.length === 1 ? (frames[0] ?? null) : null);
      } catch (error) {
        this.sink.onFailure(error);
        return;
      }
    }
  }
}

function isSnapshot(topic: string): boolean {
  return topic.startsWith("~") && !topic.endsWith(".sys,client,");
}
