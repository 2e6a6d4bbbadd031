/**
 * What is held at the gateway, and when it is to be renewed. No I/O.
 *
 * Every `subscribe` brings one lease. A lease is renewed at half its life, and every ten seconds at
 * least; when so many have gathered that renewing them one by one would be a burden, everything is
 * subscribed anew in few requests and the old leases are left to lapse.
 */

import { chunks, topicOf } from "./topics.js";

/** A lease is renewed so often at least: it is how the gateway learns of loss and lag. */
export const RENEW_MS_MAX = 10_000;
/** When subscriptions were missing and were sent again, the next renewal is this soon. */
export const DOUBT_MS = 2_000;
/** So many renewals in a row come early for that. */
export const DOUBTS_MAX = 3;
/** More leases than this are replaced by as few as possible at the next renewal. */
export const LEASES_MAX = 32;

/** Symbols and the kinds wanted of each. */
export interface Group {
  readonly symbols: readonly string[];
  readonly kinds: readonly string[];
}

/** One lease. */
export interface Lease {
  /** The gateway's name for it. */
  readonly leaseId: string;
  /** The symbols it keeps. */
  readonly symbols: readonly string[];
  /** Monotonic time of the next renewal. */
  renewAtMs: number;
  /** Renewals in a row that came early, because subscriptions were missing. */
  doubts: number;
  /** Whether an answer is awaited. */
  isRenewing: boolean;
}

/** Everything wanted and every lease that keeps it. */
export class LeaseBook {
  private readonly halfLifeMs: number;
  private readonly renewMs: number;
  private readonly wanted = new Map<string, Set<string>>();
  private readonly leases = new Map<string, Lease>();
  renewedCount = 0;
  expiredCount = 0;

  /** @param leaseS - Life of a lease in seconds. */
  constructor(leaseS: number) {
    this.halfLifeMs = leaseS * 500;
    this.renewMs = Math.min(this.halfLifeMs, RENEW_MS_MAX);
  }

  /** Leases held. */
  get size(): number {
    return this.leases.size;
  }

  /** Remember what the gateway accepted. */
  want(symbols: Iterable<string>, kinds: readonly string[]): void {
    for (const symbol of symbols) {
      const held = this.wanted.get(symbol) ?? new Set();
      for (const kind of kinds) held.add(kind);
      this.wanted.set(symbol, held);
    }
  }

  /** Forget symbols, or only some of their kinds; returns the topics no longer wanted. */
  drop(symbols: Iterable<string>, kinds: readonly string[] | null): string[] {
    const dropped: string[] = [];
    for (const symbol of symbols) {
      const held = this.wanted.get(symbol);
      if (held === undefined) continue;
      for (const kind of kinds ?? [...held]) {
        if (held.delete(kind)) dropped.push(topicOf(kind, symbol));
      }
      if (held.size === 0) this.wanted.delete(symbol);
    }
    return dropped;
  }

  /** Forget the leases that keep nothing wanted; the caller tells the gateway. */
  prune(): void {
    for (const [leaseId, lease] of this.leases) {
      if (!lease.symbols.some((symbol) => this.wanted.has(symbol))) this.leases.delete(leaseId);
    }
  }

  /** Kinds wanted of a symbol. */
  kindsOf(symbol: string): string[] {
    return [...(this.wanted.get(symbol) ?? [])];
  }

  /** Whether a symbol is wanted with any kind. */
  isWanted(symbol: string): boolean {
    return this.wanted.has(symbol);
  }

  /** Remember a lease just granted. */
  add(leaseId: string, symbols: readonly string[], nowMs: number): void {
    const renewAtMs = nowMs + this.renewMs;
    this.leases.set(leaseId, { leaseId, symbols, renewAtMs, doubts: 0, isRenewing: false });
  }

  /** Take the leases to be renewed now; each is out until `renewed` or `retry`. */
  due(nowMs: number): Lease[] {
    const due = [...this.leases.values()].filter(
      (lease) => !lease.isRenewing && lease.renewAtMs <= nowMs,
    );
    for (const lease of due) lease.isRenewing = true;
    return due;
  }

  /** Whether subscribing anew beats renewing one by one. */
  hasTooMany(): boolean {
    return this.leases.size > LEASES_MAX;
  }

  /**
   * Note a successful renewal.
   *
   * @param isInDoubt - Whether the gateway missed subscriptions of it; then the next one is soon.
   */
  renewed(leaseId: string, nowMs: number, isInDoubt = false): void {
    this.renewedCount += 1;
    const lease = this.leases.get(leaseId);
    if (lease === undefined) return;
    const isEarly = isInDoubt && lease.doubts < DOUBTS_MAX;
    lease.doubts = isInDoubt ? lease.doubts + 1 : 0;
    lease.renewAtMs = nowMs + (isEarly ? Math.min(this.renewMs, DOUBT_MS) : this.renewMs);
    lease.isRenewing = false;
  }

  /** Note a renewal that failed for the moment; several tries fit in what life is left. */
  retry(leaseId: string, nowMs: number): void {
    const lease = this.leases.get(leaseId);
    if (lease === undefined) return;
    lease.renewAtMs = nowMs + Math.max(this.halfLifeMs / 8, 1_000);
    lease.isRenewing = false;
  }

  /** Note that the gateway no longer knows a lease; returns whether it was held. */
  expire(leaseId: string): boolean {
    this.expiredCount += 1;
    return this.leases.delete(leaseId);
  }

  /** Forget every lease; returns groups that together are all wanted. */
  startOver(): Group[] {
    this.leases.clear();
    return this.groups(this.wanted.keys());
  }

  /** Group symbols by the kinds wanted of them, in pieces that one request may carry. */
  groups(symbols: Iterable<string>): Group[] {
    const byKinds = new Map<string, { symbols: string[]; kinds: string[] }>();
    for (const symbol of symbols) {
      const kinds = this.kindsOf(symbol);
      if (kinds.length === 0) continue;
      const key = kinds.join(" ");
      const group = byKinds.get(key) ?? { symbols: [], kinds };
      group.symbols.push(symbol);
      byKinds.set(key, group);
    }
    return [...byKinds.values()].flatMap((group) =>
      chunks(group.symbols).map((part) => ({ symbols: part, kinds: group.kinds })),
    );
  }

  /** Group what of a lease is not wanted any more: given up while the gateway was asked. */
  unwanted(symbols: readonly string[], kinds: readonly string[]): Group[] {
    const byKinds = new Map<string, { symbols: string[]; kinds: string[] }>();
    for (const symbol of symbols) {
      const held = this.wanted.get(symbol);
      const rest = kinds.filter((kind) => held?.has(kind) !== true);
      if (rest.length === 0) continue;
      const key = rest.join(" ");
      const group = byKinds.get(key) ?? { symbols: [], kinds: rest };
      group.symbols.push(symbol);
      byKinds.set(key, group);
    }
    return [...byKinds.values()];
  }

  /** Monotonic time of the next renewal; Infinity when there is none. */
  deadlineMs(): number {
    let deadlineMs = Infinity;
    for (const lease of this.leases.values()) {
      if (!lease.isRenewing) deadlineMs = Math.min(deadlineMs, lease.renewAtMs);
    }
    return deadlineMs;
  }
}
