/**
 * Which snapshots are asked for, which are awaited, which are overdue. No I/O.
 *
 * Subscribing to a private topic is the request, the one message on it the answer, unsubscribing
 * the end. Only so many are outstanding at a time: a peer may hold a limited number of
 * subscriptions, and the gateway answers a limited number a second (by delaying, never by
 * refusing).
 */

import { newNonce } from "./topics.js";

/** Private topics subscribed at a time. */
export const OUTSTANDING_MAX = 256;
/**
 * An answer later than this is asked for again with a fresh nonce, as often as it takes: who was
 * told of a gap waits for its end.
 */
export const ANSWER_MS_MAX = 10_000;

interface Join {
  readonly topic: string;
  readonly deadlineMs: number;
}

/** The requests for snapshots of one data connection. */
export class Joins {
  private readonly outstandingMax: number;
  /** Base topics, in the order they were wanted. */
  private readonly waiting = new Set<string>();
  /** By private topic, oldest first. */
  private readonly outstanding = new Map<string, Join>();
  /** Base topic to private topic. */
  private readonly asked = new Map<string, string>();
  /** Private topics subscribed so far. */
  requestedCount = 0;
  /** Private topics given up so far. */
  unansweredCount = 0;

  constructor(outstandingMax = OUTSTANDING_MAX) {
    this.outstandingMax = outstandingMax;
  }

  /** Snapshots waited for, asked or not. */
  get openCount(): number {
    return this.waiting.size + this.outstanding.size;
  }

  /** Whether `start` has anything to give. */
  get canStart(): boolean {
    return this.waiting.size > 0 && this.outstanding.size < this.outstandingMax;
  }

  /**
   * Want a snapshot of a base topic; asking again before the answer changes nothing: an answer that
   * is still outstanding travels behind whatever made us wish, so it is newer.
   *
   * @returns Whether it was not wanted already.
   */
  ask(topic: string): boolean {
    if (this.asked.has(topic) || this.waiting.has(topic)) return false;
    this.waiting.add(topic);
    return true;
  }

  /** Take the private topics that are to be subscribed now, each with a fresh nonce. */
  start(nowMs: number): string[] {
    const started: string[] = [];
    for (const topic of this.waiting) {
      if (this.outstanding.size >= this.outstandingMax) break;
      this.waiting.delete(topic);
      const secret = `~${newNonce()}.${topic}`;
      this.outstanding.set(secret, { topic, deadlineMs: nowMs + ANSWER_MS_MAX });
      this.asked.set(topic, secret);
      this.requestedCount += 1;
      started.push(secret);
    }
    return started;
  }

  /** Tell the base topic that a private topic awaits an answer for; null when it does not. */
  awaits(secret: string): string | null {
    return this.outstanding.get(secret)?.topic ?? null;
  }

  /**
   * Note an answer; the caller then unsubscribes from the private topic.
   *
   * @returns The base topic, or null when nobody waits for this answer any more.
   */
  answered(secret: string): string | null {
    const join = this.outstanding.get(secret);
    if (join === undefined) return null;
    this.outstanding.delete(secret);
    this.asked.delete(join.topic);
    return join.topic;
  }

  /** Take the private topics to be given up; their base topics wait for another turn. */
  overdue(nowMs: number): string[] {
    const late: string[] = [];
    for (const [secret, join] of this.outstanding) {
      if (join.deadlineMs > nowMs) break; // The rest were asked later.
      this.answered(secret);
      this.unansweredCount += 1;
      this.waiting.add(join.topic);
      late.push(secret);
    }
    return late;
  }

  /** Drop the wish for a base topic; returns the private topic to unsubscribe from, if any. */
  forget(topic: string): string | null {
    this.waiting.delete(topic);
    const secret = this.asked.get(topic);
    if (secret === undefined) return null;
    this.answered(secret);
    return secret;
  }

  /** Begin anew after the data socket was replaced: what was outstanding waits again. */
  restart(): void {
    for (const join of this.outstanding.values()) this.waiting.add(join.topic);
    this.outstanding.clear();
    this.asked.clear();
  }

  /** Monotonic time of the next overdue answer; Infinity when none is awaited. */
  deadlineMs(): number {
    for (const join of this.outstanding.values()) return join.deadlineMs;
    return Infinity;
  }
}
