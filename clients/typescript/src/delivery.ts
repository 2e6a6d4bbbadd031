/**
 * The bounded queue between the reader and the application.
 *
 * A fast application gets every message in order. When it is slow and more than `conflateAbove`
 * entries wait, a state message replaces the one of the same topic that still waits (flag
 * CONFLATED, `merged` added up). When the queue is full, or what waits is too old, all of it is
 * skipped but the newest values: an Overrun says how much, Gaps say what exactly, and what is read
 * next is current. The reader never waits for the application, so the socket is always drained.
 */

import { Deque } from "./deque.js";
import { Gap, type Event, type Overrun } from "./events.js";
import { Pending } from "./routes.js";
import { skip, Skipped, type Entry } from "./skips.js";

/** How exactly the age of what waits is known, milliseconds. */
const MARK_MS = 10;
/** What a timer can wait, 24.8 days; one that is to wait longer would come at once. */
const WAIT_MS_MAX = 2 ** 31 - 1;

/**
 * Gets an Overrun, the topics of the messages skipped and the Gaps that follow, when the
 * application has reached the place.
 */
export type OnOverrun = (
  overrun: Overrun,
  topics: ReadonlySet<string>,
  gaps: readonly Gap[],
) => void;

/** Bounds of a queue. */
export interface QueueBounds {
  /**
   * Entries that may wait, above 0; while more than half of them are what a skip must leave, half
   * as many may come on top.
   */
  readonly capacity: number;
  /** Entries from which on state messages are conflated. */
  readonly conflateAbove: number;
  /** Age of the oldest entry, milliseconds, at which everything is skipped; null for any age. */
  readonly skipAfterMs: number | null;
}

/** Many readers, one writer. */
export class DeliveryQueue {
  /** Entries that may wait. */
  readonly capacity: number;
  private readonly conflateAbove: number;
  private readonly skipAfterMs: number | null;
  private readonly onOverrun: OnOverrun;
  private limit: number;
  private entries = new Deque<Entry>();
  /** The one among the entries, if any. */
  private skipped: Skipped | null = null;
  /** How many entries had ever come by the end of a moment, and when it began. */
  private marks = new Deque<{ end: number; readonly sinceMs: number }>();
  private takenCount = 0;
  private waiters = new Set<() => void>();
  private isFinished = false;
  deliveredCount = 0;
  droppedCount = 0;
  conflatedCount = 0;
  skipCount = 0;

  constructor(bounds: QueueBounds, onOverrun: OnOverrun) {
    this.capacity = bounds.capacity;
    this.conflateAbove = bounds.conflateAbove;
    this.skipAfterMs = bounds.skipAfterMs;
    this.limit = bounds.capacity;
    this.onOverrun = onOverrun;
  }

  /** Entries that wait. */
  get length(): number {
    return this.entries.length;
  }

  /** Whether nothing will be added any more. */
  get isClosed(): boolean {
    return this.isFinished;
  }

  /** Whether the application keeps up, so that more than live messages may come. */
  get hasRoom(): boolean {
    return this.entries.length < this.conflateAbove;
  }

  /** Add entries in order. */
  extend(batch: readonly (Pending | Event)[], nowMs: number): void {
    this.skipIfOld(nowMs);
    for (const entry of batch) this.put(entry, nowMs);
    this.mark(nowMs);
    this.wake();
  }

  private put(entry: Pending | Event, nowMs: number): void {
    const size = this.entries.length;
    const isState = entry instanceof Pending && entry.isState;
    if (isState && size >= this.conflateAbove && entry.route.pending !== null) {
      entry.route.pending.replace(entry);
      this.conflatedCount += 1;
      return;
    }
    if (size >= this.limit) this.skip(nowMs);
    if (isState) entry.route.pending = entry;
    if (this.skipped !== null && entry instanceof Gap) {
      // What it says was recovered may have been skipped a moment ago.
      for (const piece of this.skipped.cut(entry)) this.entries.push(piece);
    } else {
      this.entries.push(entry);
    }
  }

  /** How long the oldest entry has waited, milliseconds; 0 when none waits. */
  ageMs(nowMs: number): number {
    let mark = this.marks.peek();
    while (mark !== undefined && mark.end <= this.takenCount) {
      this.marks.shift();
      mark = this.marks.peek();
    }
    return mark === undefined ? 0 : Math.max(0, nowMs - mark.sinceMs);
  }

  /** Note when the newest entries came, which costs nothing while the queue stays empty. */
  private mark(nowMs: number): void {
    const end = this.takenCount + this.entries.length;
    const last = this.marks.last();
    if (last !== undefined && nowMs - last.sinceMs < MARK_MS) {
      last.end = end;
    } else if (last === undefined || last.end < end) {
      this.ageMs(nowMs);
      this.marks.push({ end, sinceMs: nowMs });
    }
  }

  /** Skip what has waited too long, if that was asked for. */
  skipIfOld(nowMs: number): void {
    if (this.skipAfterMs !== null && this.ageMs(nowMs) > this.skipAfterMs) this.skip(nowMs);
  }

  private skip(nowMs: number): void {
    const rest = skip(this.entries.toArray(), Math.floor(this.capacity / 2));
    this.entries = new Deque(rest.entries);
    this.skipped = rest.skipped;
    this.limit = Math.max(this.capacity, rest.entries.length + Math.ceil(this.capacity / 2));
    this.marks = new Deque();
    this.mark(nowMs);
    if (rest.droppedCount > 0) this.skipCount += 1;
    this.droppedCount += rest.droppedCount;
    this.conflatedCount += rest.mergedCount;
  }

  /** Take the oldest entry; null when there is none. */
  pop(): Pending | Event | null {
    const entry = this.entries.shift();
    if (entry === undefined) return null;
    this.takenCount += 1;
    this.deliveredCount += 1;
    if (entry instanceof Pending) {
      if (entry.route.pending === entry) entry.route.pending = null;
      return entry;
    }
    if (!(entry instanceof Skipped)) return entry;
    this.skipped = null;
    const [overrun, gaps] = entry.told();
    this.entries.putBack(gaps);
    this.takenCount -= gaps.length;
    this.onOverrun(overrun, entry.topics, gaps);
    return overrun;
  }

  /**
   * Wait until an entry is there.
   *
   * @param waitMs - Milliseconds to wait at most; Infinity waits until the queue is closed.
   * @returns Whether an entry may be there; false at the deadline, after 24.8 days, or when closed
   *   and empty.
   */
  async wait(waitMs: number): Promise<boolean> {
    if (this.entries.length > 0) return true;
    if (this.isFinished || waitMs <= 0) return false;
    await new Promise<void>((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const waiter = (): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve();
      };
      if (waitMs !== Infinity) timer = setTimeout(waiter, Math.min(waitMs, WAIT_MS_MAX));
      this.waiters.add(waiter);
    });
    return this.entries.length > 0;
  }

  /** Let waiting readers go once what is queued has been read. */
  close(): void {
    this.isFinished = true;
    this.wake();
  }

  private wake(): void {
    if (this.waiters.size === 0) return;
    for (const waiter of [...this.waiters]) waiter();
  }
}
