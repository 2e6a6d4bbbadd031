/**
 * What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.
 *
 * Nothing here waits: requests bring their answers to callbacks, retries are timers.
 */

import type { DeliveryQueue } from "./delivery.js";
import { CodecError, GatewayClientError, RequestRefused } from "./errors.js";
import { SubscriptionRefused } from "./events.js";
import { Greeter } from "./greeter.js";
import { Intake, SYS_TOPICS } from "./intake.js";
import { Joins } from "./joins.js";
import { LeaseBook, type Group, type Lease } from "./leases.js";
import type { Options } from "./options.js";
import { Replays, type ReplayRequest } from "./replays.js";
import { readSubscribed, type SymbolResult } from "./results.js";
import type { OnDone, Outcome, RpcClient } from "./rpc_client.js";
import { isMap, Reply } from "./rpc_codec.js";
import type { Subscriber } from "./subscriber.js";
import { Timers } from "./timers.js";
import { chunks, expandKinds, newNonce, topicOf } from "./topics.js";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 10_000;

/** The subscriptions of one client over its two sockets. */
export class Session {
  private readonly options: Options;
  private readonly rpc: RpcClient;
  private readonly subscriber: Subscriber;
  private readonly queue: DeliveryQueue;
  readonly joins = new Joins();
  readonly replays = new Replays();
  readonly intake = new Intake(this.joins, this.replays);
  readonly leases: LeaseBook;
  readonly greeter: Greeter;
  private readonly token = newNonce();
  private readonly timers = new Timers();
  private reportedReceived = 0;
  private reportedMissing = 0;
  /** Topics that were subscribed again because the gateway had not seen them. */
  repairedCount = 0;
  /** Age of the last heartbeat when it was read, microseconds, by this machine's clock. */
  heartbeatLagUs: number | null = null;

  constructor(options: Options, rpc: RpcClient, subscriber: Subscriber, queue: DeliveryQueue) {
    this.options = options;
    this.rpc = rpc;
    this.subscriber = subscriber;
    this.queue = queue;
    this.leases = new LeaseBook(options.leaseS);
    const call = (method: string, params: object, timeoutMs: number, onDone: OnDone): void =>
      this.call(method, params, timeoutMs, onDone);
    this.greeter = new Greeter(options.clientName, this.token, call, this.timers);
    for (const topic of [...SYS_TOPICS, `~${this.token}.sys,client,`]) this.listen(topic);
  }

  private get requestTimeoutMs(): number {
    return this.options.requestTimeoutS * 1_000;
  }

  /** Send one request; `onDone` gets its outcome exactly once. */
  call(method: string, params: object, timeoutMs: number, onDone: OnDone): void {
    const named = params as Readonly<Record<string, unknown>>;
    this.rpc.request(method, named, timeoutMs, performance.now(), onDone);
  }

  /** Tell how far behind we are: the way to us, or the application, whichever is worse. */
  lagUs(nowMs: number): number | null {
    const waitingUs = Math.floor(this.queue.ageMs(nowMs) * 1_000);
    if (this.heartbeatLagUs === null) return waitingUs || null;
    return Math.max(this.heartbeatLagUs, waitingUs, 0);
  }

  // Subscriptions.

  /**
   * Take leases, then listen, then ask for snapshots; symbols and kinds are checked already.
   *
   * @throws GatewayClientError - One request failed. What others brought stays subscribed; the
   *   caller may simply ask again.
   */
  async subscribe(
    symbols: readonly string[],
    kinds: readonly string[],
    timeoutMs: number,
  ): Promise<Map<string, SymbolResult>> {
    const parts = await Promise.all(
      chunks(symbols).map(
        (part) =>
          new Promise<Map<string, SymbolResult>>((resolve, reject) => {
            this.lease({ symbols: part, kinds }, timeoutMs, (outcome) => {
              const taken = this.take({ symbols: part, kinds }, true, outcome);
              if (taken instanceof GatewayClientError) reject(taken);
              else resolve(taken);
            });
          }),
      ),
    );
    return new Map(parts.flatMap((part) => [...part]));
  }

  private lease(group: Group, timeoutMs: number, onDone: OnDone): void {
    const params = {
      client: this.options.clientName,
      symbols: group.symbols,
      kinds: group.kinds,
      lease_s: this.options.leaseS,
      data_token: this.token,
    };
    this.call("subscribe", params, timeoutMs, onDone);
  }

  /** Act on the answer to `subscribe`; `isNew` unless all of it was wanted before. */
  private take(
    group: Group,
    isNew: boolean,
    outcome: Outcome,
  ): Map<string, SymbolResult> | GatewayClientError {
    if (!(outcome instanceof Reply)) return outcome;
    let subscribed: ReturnType<typeof readSubscribed>;
    try {
      subscribed = readSubscribed(outcome.result, group.symbols);
    } catch (error) {
      if (error instanceof CodecError) return error;
      throw error;
    }
    const { leaseId, results } = subscribed;
    const accepted = group.symbols.filter((symbol) => results.get(symbol)?.isAccepted);
    if (isNew) this.leases.want(accepted, group.kinds);
    // What was given up while the gateway was asked again stays given up.
    const kept = accepted.filter((symbol) => this.leases.isWanted(symbol));
    if (leaseId !== null && kept.length > 0) this.leases.add(leaseId, kept, performance.now());
    for (const symbol of kept) {
      const wanted = this.leases.kindsOf(symbol);
      for (const kind of group.kinds) {
        if (wanted.includes(kind)) this.listen(topicOf(kind, symbol));
      }
    }
    if (leaseId !== null) this.giveBack(leaseId, accepted, group.kinds);
    this.startJoins(performance.now());
    return results;
  }

  /** Give back what of a lease just granted nobody wants any more. */
  private giveBack(leaseId: string, symbols: readonly string[], kinds: readonly string[]): void {
    for (const unwanted of this.leases.unwanted(symbols, kinds)) {
      const params = { client: this.options.clientName, lease_id: leaseId, ...unwanted };
      // Without an answer the gateway keeps it for as long as the lease lives.
      this.call("unsubscribe", params, this.requestTimeoutMs, () => undefined);
    }
  }

  /** Subscribe to a topic first, then want its snapshot: the order makes it free of races. */
  private listen(topic: string): void {
    this.intake.add(topic);
    this.subscriber.subscribe(topic);
    this.intake.askAgain(topic);
  }

  /**
   * Stop listening at once, then tell the gateway.
   *
   * @param symbols - Symbols, checked.
   * @param kinds - Kinds, `l1` or `l2`, checked; null for all. `state` in a level stays while other
   *   kinds of the symbol do.
   * @throws GatewayClientError - The gateway has not confirmed.
   */
  async giveUp(
    symbols: readonly string[],
    kinds: readonly string[] | null,
    timeoutMs: number,
  ): Promise<void> {
    const groups = new Map<string, { symbols: string[]; kinds: readonly string[] | null }>();
    for (const symbol of symbols) {
      const chosen = kinds === null ? null : this.withoutShared(symbol, kinds);
      this.forgetTopics(this.leases.drop([symbol], chosen));
      const key = chosen?.join(" ") ?? "*";
      const group = groups.get(key) ?? { symbols: [], kinds: chosen };
      group.symbols.push(symbol);
      groups.set(key, group);
    }
    this.leases.prune();
    const requests = [...groups.values()].flatMap((group) =>
      chunks(group.symbols).map((part) => this.tellGivenUp(part, group.kinds, timeoutMs)),
    );
    await Promise.all(requests);
  }

  private tellGivenUp(
    symbols: readonly string[],
    kinds: readonly string[] | null,
    timeoutMs: number,
  ): Promise<void> {
    const client = this.options.clientName;
    const params = kinds === null ? { client, symbols } : { client, symbols, kinds };
    return new Promise((resolve, reject) => {
      this.call("unsubscribe", params, timeoutMs, (outcome) => {
        if (outcome instanceof Reply) resolve();
        else reject(outcome);
      });
    });
  }

  private withoutShared(symbol: string, kinds: readonly string[]): string[] {
    const chosen = expandKinds(kinds);
    const hasRest = this.leases.kindsOf(symbol).some((kind) => !chosen.includes(kind));
    if (hasRest && !kinds.includes("state")) return chosen.filter((kind) => kind !== "state");
    return chosen;
  }

  /** Listen to topics or kind prefixes without a lease. */
  listenTo(names: readonly string[]): void {
    for (const name of names) this.listen(name);
    this.startJoins(performance.now());
  }

  /** Stop listening to topics or kind prefixes, except to those this client itself lives by. */
  forgetTopics(names: readonly string[]): void {
    for (const name of names) {
      if (SYS_TOPICS.includes(name)) continue;
      this.subscriber.unsubscribe(name);
      for (const secret of this.intake.remove(name)) this.subscriber.unsubscribe(secret);
    }
  }

  // Keeping what is held.

  /** Follow up on what the frame or the reply just read brought. */
  followUp(nowMs: number): void {
    if (this.intake.answered.length > 0) {
      for (const secret of this.intake.answered) this.subscriber.unsubscribe(secret);
      this.intake.answered = [];
    }
    if (this.intake.hasRestarted) {
      this.intake.hasRestarted = false;
      this.greeter.greetAgain(this.requestTimeoutMs);
      this.intake.askAllAgain((symbol) => this.leases.isWanted(symbol));
      this.leaseAgain(this.leases.startOver());
    }
    this.startJoins(nowMs);
    this.startReplays(nowMs);
  }

  /** Ask for nothing while nothing is heard: it would only use up the attempts. */
  disconnected(): void {
    this.replays.isPaused = true;
  }

  /** Begin anew on a fresh data socket. */
  reopened(): void {
    this.joins.restart();
  }

  /** Fetch what may have been missed while nothing was heard, by a connection with a name. */
  reconnected(): void {
    this.replays.isPaused = false;
    this.greeter.greetAgain(this.requestTimeoutMs);
    this.intake.askAllAgain();
  }

  /** Tell of what is still being fetched that it never comes. */
  close(): void {
    this.intake.out.push(...this.replays.giveUpAll());
  }

  /** Do what is due: retries, renewals, overdue snapshots. */
  tick(nowMs: number): void {
    this.timers.run(nowMs);
    for (const secret of this.joins.overdue(nowMs)) this.subscriber.unsubscribe(secret);
    this.startJoins(nowMs);
    this.startReplays(nowMs);
    const due = this.leases.due(nowMs);
    if (due.length > 0 && this.leases.hasTooMany()) {
      this.leaseAgain(this.leases.startOver());
      return;
    }
    for (const lease of due) this.renew(lease, nowMs);
  }

  /** Monotonic time at which `tick` has something to do; Infinity for never. */
  deadlineMs(): number {
    return Math.min(
      this.timers.deadlineMs(),
      this.joins.deadlineMs(),
      this.replays.deadlineMs(),
      this.leases.deadlineMs(),
    );
  }

  private startJoins(nowMs: number): void {
    if (!this.joins.canStart) return;
    for (const secret of this.joins.start(nowMs)) this.subscriber.subscribe(secret);
  }

  /**
   * Ask for lost events. While the application does not keep up nothing is asked for: what came
   * would push out what is current.
   */
  private startReplays(nowMs: number): void {
    if (!this.replays.hasReady || !this.queue.hasRoom) return;
    for (const request of this.replays.start(nowMs)) {
      const params = {
        topic: request.route.topic,
        from_sequence: request.first,
        to_sequence: request.last,
        epoch: request.epoch,
      };
      const onDone = (outcome: Outcome): void => this.replayed(request, outcome);
      this.call("replay", params, this.requestTimeoutMs, onDone);
    }
  }

  private replayed(request: ReplayRequest, outcome: Outcome): void {
    this.intake.out.push(...this.replays.answered(request, outcome, performance.now()));
  }

  private renew(lease: Lease, nowMs: number): void {
    const { receivedCount, missingCount } = this.intake;
    const lagUs = this.lagUs(nowMs);
    const params = {
      client: this.options.clientName,
      lease_id: lease.leaseId,
      received: receivedCount - this.reportedReceived,
      gaps: missingCount - this.reportedMissing,
      data_token: this.token,
      ...(lagUs === null ? {} : { lag_us: lagUs }),
    };
    this.reportedReceived = receivedCount;
    this.reportedMissing = missingCount;
    this.call("renew", params, this.requestTimeoutMs, (outcome) => this.renewed(lease, outcome));
  }

  private renewed(lease: Lease, outcome: Outcome): void {
    const nowMs = performance.now();
    if (outcome instanceof RequestRefused && outcome.code === "lease_expired") {
      if (this.leases.expire(lease.leaseId)) this.leaseAgain(this.leases.groups(lease.symbols));
      return;
    }
    if (!(outcome instanceof Reply)) {
      this.leases.retry(lease.leaseId, nowMs);
      return;
    }
    const missing = isMap(outcome.result) ? outcome.result["missing_subscriptions"] : null;
    const repaired = (Array.isArray(missing) ? (missing as unknown[]) : []).filter(
      (topic): topic is string => typeof topic === "string" && this.subscriber.repair(topic),
    );
    this.repairedCount += repaired.length;
    this.leases.renewed(lease.leaseId, nowMs, repaired.length > 0);
    for (const topic of repaired) this.intake.askAgain(topic);
    this.startJoins(nowMs);
  }

  /** Subscribe in the background, again and again until the gateway has answered. */
  private leaseAgain(groups: readonly Group[], delayMs = RETRY_MS_MIN): void {
    for (const group of groups) {
      this.lease(group, this.requestTimeoutMs, (outcome) => {
        const taken = this.take(group, false, outcome);
        if (taken instanceof GatewayClientError) {
          this.retry(group, taken, delayMs);
          return;
        }
        for (const { symbol, code, hint } of taken.values()) {
          if (code !== null) {
            this.intake.out.push(new SubscriptionRefused(symbol, code, hint ?? ""));
          }
        }
      });
    }
  }

  private retry(group: Group, error: GatewayClientError, delayMs: number): void {
    const retryMs = error instanceof RequestRefused ? (error.retryMs ?? 0) : 0;
    const nextMs = Math.min(delayMs * 2, RETRY_MS_MAX);
    this.timers.later(performance.now() + Math.max(delayMs, retryMs), () =>
      this.leaseAgain(this.leases.groups(group.symbols), nextMs),
    );
  }
}
