/** What the client answers: typed, and lenient about what a gateway leaves out. */

import { build, isKnown, readBody } from "./codec.js";
import { DecodeError, type GatewayClientError } from "./errors.js";
import type { Message, Value } from "./messages.js";
import { isMap } from "./rpc_codec.js";
import { splitPrivate, splitTopic } from "./topics.js";

/** A map of a method's result, by the contract's key names. */
export type ResultMap = Record<string, Value>;

/** One topic of a subscription. */
export interface TopicState {
  /** The topic, for example `quote,AAPL,`. */
  readonly topic: string;
  /** `pending`, `live`, `stale`, `recovering`, `closed` or `refused`. */
  readonly state: string;
  /** Sequence of the last message published on it; null when the gateway did not say. */
  readonly sequence: number | null;
}

/** What became of one symbol of a subscription. */
export interface SymbolResult {
  /** The symbol, verbatim. */
  readonly symbol: string;
  /** Whether messages will come. */
  readonly isAccepted: boolean;
  /** Its topics; empty when rejected. */
  readonly topics: readonly TopicState[];
  /** Why it was rejected, for example `symbol_limit`; null when it was accepted. */
  readonly code: string | null;
  /** What to do about a rejection. */
  readonly hint: string | null;
}

/** Whether the gateway, and this client's way to it, are well. */
export interface HealthStatus {
  /** `healthy`, `warning` or `critical`. */
  readonly healthLevel: string;
  /** Whether the level is `healthy`. */
  readonly isHealthy: boolean;
  /** Maps with code, level, message, since_us and hint. */
  readonly issues: readonly ResultMap[];
  /** The gravest issue in plain words; null when there is none. */
  readonly errorMessage: string | null;
  /** Whether the gateway's process works. */
  readonly live: boolean;
  /** Whether it can serve data. */
  readonly ready: boolean;
  /** Upstream port to the state of its connection. */
  readonly upstream: ResultMap;
}

/** Why a symbol is in its state. */
export interface SymbolLineage {
  /** The symbol, verbatim. */
  readonly symbol: string;
  /** `pending`, `live`, `stale`, `recovering`, `closed` or `refused`. */
  readonly state: string;
  /** Why; null when nothing is wrong. */
  readonly cause: string | null;
  /** Demand, watch, last line, link, cause and last messages, one sentence each. */
  readonly lines: readonly string[];
}

/** Lost events that were fetched again. */
export interface ReplayResult {
  /** The messages, oldest first. */
  readonly messages: readonly Message[];
  /** Whether none is missing. */
  readonly isComplete: boolean;
}

/** What one client has counted since `connect`. */
export interface Statistics {
  /** Frames read from the data socket, heartbeats included. */
  readonly received: number;
  /** Messages and events handed to the application. */
  readonly delivered: number;
  /** Holes found. */
  readonly gaps: number;
  /** Messages those holes stand for. */
  readonly missing: number;
  /** Messages dropped because they were seen before. */
  readonly repeats: number;
  /** Messages skipped because the application was too slow; each is told by an Overrun. */
  readonly dropped: number;
  /** State messages replaced by newer ones while they waited for the application. */
  readonly conflated: number;
  /** Frames that break the contract. */
  readonly badFrames: number;
  /** Frames of a type this version does not know. */
  readonly unknownMessages: number;
  /** Frames on topics not subscribed (any more). */
  readonly unrouted: number;
  /** Times the gateway came back with a new epoch. */
  readonly restarts: number;
  /** Times the data socket was made anew after silence. */
  readonly reconnects: number;
  /** Private topics subscribed. */
  readonly snapshotsRequested: number;
  /** Private topics given up. */
  readonly snapshotsUnanswered: number;
  /** Control requests sent. */
  readonly requests: number;
  /** Control requests that ran into their deadline. */
  readonly requestTimeouts: number;
  /** Replies dropped because their request had ended. */
  readonly lateReplies: number;
  /** Replies that break the contract. */
  readonly badReplies: number;
  /** Times the control socket was made anew. */
  readonly controlReconnects: number;
  /** Times a socket could not be made anew, or a timer failed; a second later it is tried again. */
  readonly failedReopens: number;
  /** Leases renewed. */
  readonly renewals: number;
  /** Leases the gateway no longer knew. */
  readonly leasesExpired: number;
  /** Topics the gateway had not seen on the data socket, subscribed again. */
  readonly subscriptionsRepaired: number;
  /** Requests for lost events. */
  readonly replaysRequested: number;
  /** Such requests sent again, because the gateway was busy or did not answer. */
  readonly replaysRetried: number;
  /** Holes for which there was no room; what is in them is lost for good. */
  readonly replaysRefused: number;
  /** Answers to such requests that nobody waited for any more. */
  readonly replaysLate: number;
  /** Lost events that came by replay. */
  readonly replayed: number;
  /** Messages in such answers that were not what was asked for. */
  readonly replayedBad: number;
  /** Messages lost for good; each is named by a Gap with `isFinal`. */
  readonly lost: number;
  /** Holes being fetched. */
  readonly holes: number;
  /** Times that everything waiting for a slow application was skipped. */
  readonly skips: number;
  /**
   * How far behind this client is, microseconds: the age of the last heartbeat when it was read, by
   * this machine's clock, or the time the oldest message has waited for the application.
   */
  readonly lagUs: number | null;
  /** Messages waiting for the application. */
  readonly queueSize: number;
  /** Messages that may wait. */
  readonly queueCapacity: number;
  /** Control requests outstanding. */
  readonly requestsSize: number;
  /** Control requests that may be outstanding. */
  readonly requestsCapacity: number;
}

/**
 * Take a method's result that must be a map.
 *
 * @throws DecodeError - It is something else.
 */
export function asMap(result: unknown): ResultMap {
  if (!isMap(result)) throw new DecodeError("result is not a map", { result });
  return result as ResultMap;
}

/** Take the list of maps out of a result: the result itself, or the first name it has. */
export function rowsOf(result: unknown, ...names: readonly string[]): ResultMap[] {
  let rows: unknown = result;
  if (isMap(result)) {
    const name = names.find((candidate) => candidate in result);
    rows = name === undefined ? [] : result[name];
  }
  if (!Array.isArray(rows)) throw new DecodeError("result is not a list", { result });
  return rows.filter(isMap) as ResultMap[];
}

/** Read the gateway's verdict and add what this client sees for itself. */
export function healthOf(result: unknown, localIssues: readonly ResultMap[]): HealthStatus {
  const fields = asMap(result);
  const [local] = localIssues;
  const reported = fields["level"];
  const told = typeof reported === "string" ? reported : "critical";
  const healthLevel = local === undefined ? told : "critical";
  const message = local?.["message"] ?? fields["error_message"];
  const upstream = fields["upstream"];
  return {
    healthLevel,
    isHealthy: healthLevel === "healthy",
    issues: [...localIssues, ...rowsOf(fields, "issues")],
    errorMessage: typeof message === "string" ? message : null,
    live: fields["live"] === true,
    ready: fields["ready"] === true,
    upstream: isMap(upstream) ? (upstream as ResultMap) : {},
  };
}

/** Say that the gateway could not be asked: that is an answer too. */
export function healthWithout(error: GatewayClientError): HealthStatus {
  const { code, message, hint } = error;
  return {
    healthLevel: "critical",
    isHealthy: false,
    issues: [{ code, level: "critical", message, since_us: null, hint }],
    errorMessage: message,
    live: false,
    ready: false,
    upstream: {},
  };
}

/** Say that a symbol was not subscribed to. */
export function rejected(symbol: string, code: string, hint: string): SymbolResult {
  return { symbol, isAccepted: false, topics: [], code, hint };
}

/**
 * Read what `subscribe` answered: the lease, if one was granted, and what became of each symbol.
 *
 * @throws DecodeError - The result is not a map.
 */
export function readSubscribed(
  result: unknown,
  symbols: readonly string[],
): { readonly leaseId: string | null; readonly results: Map<string, SymbolResult> } {
  const fields = asMap(result);
  const topics = new Map<string, TopicState[]>();
  for (const { topic, state, sequence } of rowsOf(fields, "topics") as Record<string, Value>[]) {
    const parts = typeof topic === "string" ? splitTopic(topic) : null;
    if (parts === null) continue;
    const entries = topics.get(parts[1]) ?? [];
    entries.push({
      topic: topic as string,
      state: typeof state === "string" ? state : "pending",
      sequence: typeof sequence === "number" ? sequence : null,
    });
    topics.set(parts[1], entries);
  }
  const refusals = new Map(rowsOf(fields, "rejected").map((row) => [row["symbol"], row]));
  const results = new Map<string, SymbolResult>();
  for (const symbol of symbols) {
    const refusal = topics.has(symbol) ? undefined : refusals.get(symbol);
    results.set(
      symbol,
      refusal !== undefined
        ? rejected(symbol, textOf(refusal["code"]), textOf(refusal["hint"]))
        : { symbol, isAccepted: true, topics: topics.get(symbol) ?? [], code: null, hint: null },
    );
  }
  const leaseId = fields["lease_id"];
  return { leaseId: typeof leaseId === "string" ? leaseId : null, results };
}

/** Read what `errors` answered: oldest first, each with a `timestamp` that people can read. */
export function errorsOf(result: unknown): ResultMap[] {
  const rows = rowsOf(result, "errors").map((row) => {
    const atUs = row["at_us"];
    if (typeof atUs !== "number" || "timestamp" in row) return row;
    return { ...row, timestamp: new Date(Math.floor(atUs / 1_000)).toISOString() };
  });
  return rows.sort((a, b) => Number(a["at_us"] ?? 0) - Number(b["at_us"] ?? 0));
}

/**
 * Read what `why` answered.
 *
 * @throws DecodeError - The result is not a map.
 */
export function lineageOf(result: unknown): SymbolLineage {
  const { symbol = null, state = null, cause = null, lines = null } = asMap(result);
  return {
    symbol: textOf(symbol),
    state: textOf(state),
    cause: typeof cause === "string" ? cause : null,
    lines: Array.isArray(lines) ? lines.map(textOf) : [],
  };
}

/** Read what the method `snapshot` answered. */
export function readSnapshots(result: unknown): Message[] {
  return rowsOf(result, "snapshots").map((row) => readMessage(row["topic"], row["body"]));
}

/** Read what the method `replay` answered. */
export function readReplay(topic: string, result: unknown): ReplayResult {
  const { bodies, complete } = asMap(result);
  if (!Array.isArray(bodies)) throw new DecodeError("replay without bodies", { topic });
  const messages = (bodies as unknown[]).map((body) => readMessage(topic, body));
  return { messages, isComplete: complete === true };
}

function readMessage(topic: unknown, body: unknown): Message {
  const parts = typeof topic === "string" ? splitTopic(topic) : null;
  if (parts === null) throw new DecodeError("message without a topic", { topic });
  const items = readBody(body);
  if (!isKnown(items[0] as number)) {
    throw new DecodeError("unknown message number", { topic, number: items[0] });
  }
  return build(splitPrivate(parts[0]), parts[1], items);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}
