/**
 * Lost events: which are wanted again, asked for, recovered, given up. No I/O.
 *
 * Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
 * fetched with the method `replay`. Every hole ends in one of two ways, and says which: its
 * messages are delivered and a Gap with `healed` follows, or a Gap with `isFinal` says that they
 * never come. A hole may end partly this way and partly that way.
 *
 * Each topic has one request under way at a time, so what is recovered comes in order, and only so
 * many topics have one. Holes close to each other share a request: of its answer only what is
 * missing is taken. When the gateway is busy or does not answer, everything pauses; a topic whose
 * requests fail too often is given up.
 */

import { build, readBody } from "./codec.js";
import {
  CodecError,
  DecodeError,
  NotConnected,
  RequestRefused,
  RequestTimedOut,
  type GatewayClientError,
} from "./errors.js";
import { Gap, type Event } from "./events.js";
import { Flag, REPLAY_MESSAGES_MAX, type Items } from "./messages.js";
import { joined, without, type Range } from "./ranges.js";
import { Pending, type Route } from "./routes.js";
import { Reply } from "./rpc_codec.js";

/** Requests under way at a time. */
export const OUTSTANDING_MAX = 8;
/** Messages asked for at a time: while they are taken in, nothing else is read. */
export const MESSAGES_MAX = Math.min(1_000, REPLAY_MESSAGES_MAX);
/** Holes waiting at a time; what is lost beyond that is lost for good. */
export const HOLES_MAX = 20_000;
/** After so many requests in a row that failed, a topic's first hole is given up. */
export const ATTEMPTS_MAX = 5;
/** Messages between two holes that are fetched again, and ignored, to save a request. */
export const APART_MAX = 50;
/** Pause after a failure, milliseconds; twice as long after each further one. */
export const PAUSE_MS = 500;
/** A gateway that asks for a longer pause will not have the messages then: they are given up. */
export const PAUSE_MS_MAX = 60_000;
const BUSY_CODES: ReadonlySet<string> = new Set([
  "rate_limited",
  "busy",
  "timeout",
  "upstream_down",
]);

/** One request to be sent. */
export interface ReplayRequest {
  /** The topic. */
  readonly route: Route;
  /** The run the sequences belong to. */
  readonly epoch: number;
  /** First and last sequence asked for. */
  readonly first: number;
  readonly last: number;
  /** Last sequence of the hole that `last` is in: it may be longer than one request. */
  readonly holeLast: number;
}

/** The holes of one topic, in one run of the gateway. */
interface Line {
  readonly route: Route;
  readonly epoch: number;
  /** Ascending, apart from each other. */
  readonly holes: Range[];
  /** Up to here it is not known whether the sequences were ever published. */
  unsureLast: number;
  /** Requests that failed since the last one that did not. */
  attempts: number;
  request: ReplayRequest | null;
}

/** The holes of all topics of one client. */
export class Replays {
  private readonly holesMax: number;
  private readonly lines = new Map<string, Line>();
  /** Topics without a request under way, in their order. */
  private ready = new Set<string>();
  private outstandingCount = 0;
  private resumeAtMs = 0;
  private unansweredInRow = 0;
  private isSupported = true;
  /** Set while the gateway is not heard: asking would only use up attempts. */
  isPaused = false;
  /** Holes being fetched. */
  holeCount = 0;
  requestedCount = 0;
  retriedCount = 0;
  /** Messages delivered by replay. */
  recoveredCount = 0;
  /** Messages lost for good. */
  lostCount = 0;
  /** Holes that found no room. */
  refusedCount = 0;
  /** Bodies that were not what was asked for. */
  badCount = 0;
  /** Answers nobody waited for any more. */
  lateCount = 0;

  constructor(holesMax = HOLES_MAX) {
    this.holesMax = holesMax;
  }

  /** Whether `start` may have anything to give. */
  get hasReady(): boolean {
    return this.ready.size > 0;
  }

  /**
   * Want messages again that were lost; they come after all that is wanted already.
   *
   * @param isSure - Whether they were published; if not, those that do not come are not told.
   * @returns Whether it will be tried; false when the gateway has no replay, or too much waits.
   */
  ask(route: Route, epoch: number, first: number, last: number, isSure = true): boolean {
    if (!this.isSupported) return false;
    let line = this.lines.get(route.topic);
    const latest = line?.holes.at(-1);
    if (line !== undefined && latest?.[1] === first - 1 && isSure) {
      line.holes[line.holes.length - 1] = [latest[0], last];
      return true;
    }
    if (this.holeCount >= this.holesMax) {
      this.refusedCount += 1;
      return false;
    }
    if (line === undefined) {
      line = { route, epoch, holes: [], unsureLast: 0, attempts: 0, request: null };
      this.lines.set(route.topic, line);
      this.ready.add(route.topic);
    }
    line.holes.push([first, last]);
    if (!isSure) line.unsureLast = last;
    this.holeCount += 1;
    return true;
  }

  /** Whether a message is still to come by replay. */
  isAwaited(topic: string, epoch: number, sequence: number): boolean {
    const line = this.lines.get(topic);
    if (line === undefined || line.epoch !== epoch) return false;
    return line.holes.some(([first, last]) => first <= sequence && sequence <= last);
  }

  /** Count messages that never come, and spell the event that says so. */
  lost(route: Route, epoch: number, first: number, last: number): Gap {
    this.lostCount += last - first + 1;
    return new Gap(route.topic, first, last, epoch, { isFinal: true });
  }

  /** Take the requests that are to be sent now. */
  start(nowMs: number): ReplayRequest[] {
    const started: ReplayRequest[] = [];
    if (this.isPaused || nowMs < this.resumeAtMs) return started;
    this.resumeAtMs = 0;
    for (const topic of this.ready) {
      if (this.outstandingCount >= OUTSTANDING_MAX) break;
      this.ready.delete(topic);
      const line = this.lines.get(topic);
      if (line === undefined) continue;
      line.request = nextRequest(line);
      this.outstandingCount += 1;
      this.requestedCount += 1;
      started.push(line.request);
    }
    return started;
  }

  /** Monotonic time at which a pause is over; Infinity when nothing waits for that. */
  deadlineMs(): number {
    return this.resumeAtMs || Infinity;
  }

  /**
   * Note how a request ended.
   *
   * @returns What the application is to get, in order.
   */
  answered(
    request: ReplayRequest,
    outcome: Reply | GatewayClientError,
    nowMs: number,
  ): (Pending | Event)[] {
    const { topic } = request.route;
    const line = this.lines.get(topic);
    if (line?.request !== request) {
      this.lateCount += 1;
      return [];
    }
    line.request = null;
    this.outstandingCount -= 1;
    this.unansweredInRow = isUnanswered(outcome) ? this.unansweredInRow + 1 : 0;
    let out: (Pending | Event)[];
    if (outcome instanceof Reply) {
      line.attempts = 0;
      out = this.take(line, request, outcome.result);
    } else if (this.isToBeTriedAgain(line, outcome, nowMs)) {
      this.ready = new Set([topic, ...this.ready]);
      return [];
    } else if (this.unansweredInRow >= ATTEMPTS_MAX || outcome.code === "unknown_method") {
      // Others would fare no better: a gateway without replay, or one that does not answer.
      if (outcome.code === "unknown_method") this.isSupported = false;
      return this.giveUpAll();
    } else {
      line.attempts = 0;
      out = this.end(line, request.holeLast, []);
    }
    if (line.holes.length > 0) this.ready.add(topic);
    else this.lines.delete(topic);
    return out;
  }

  /** Stop wanting what a topic lost; returns what is to be told of it. */
  giveUp(topic: string): Event[] {
    const line = this.lines.get(topic);
    if (line === undefined) return [];
    this.lines.delete(topic);
    this.ready.delete(topic);
    if (line.request !== null) this.outstandingCount -= 1;
    this.holeCount -= line.holes.length;
    return line.holes.flatMap((hole) => this.lostPiece(line, hole));
  }

  /** Stop wanting anything; returns what is to be told. */
  giveUpAll(): Event[] {
    return [...this.lines.keys()].flatMap((topic) => this.giveUp(topic));
  }

  /** Follow another run of the gateway: what the earlier one kept went with it. */
  restart(): Event[] {
    const out = this.giveUpAll();
    this.isSupported = true;
    this.unansweredInRow = this.resumeAtMs = 0;
    return out;
  }

  private lostPiece(line: Line, piece: Range): Gap[] {
    const first = Math.max(piece[0], line.unsureLast + 1);
    return first <= piece[1] ? [this.lost(line.route, line.epoch, first, piece[1])] : [];
  }

  /** Judge a failure; when another try makes sense, everything pauses before it. */
  private isToBeTriedAgain(line: Line, error: GatewayClientError, nowMs: number): boolean {
    const retryMs = error instanceof RequestRefused ? error.retryMs : null;
    // Who says when to ask again means that it will help.
    const isBusy = isUnanswered(error) || BUSY_CODES.has(error.code) || retryMs !== null;
    line.attempts += 1;
    if (!isBusy || line.attempts >= ATTEMPTS_MAX) return false;
    const pauseMs = retryMs ?? PAUSE_MS * 2 ** (line.attempts - 1);
    if (pauseMs > PAUSE_MS_MAX) return false;
    this.retriedCount += 1;
    this.resumeAtMs = Math.max(this.resumeAtMs, nowMs + pauseMs);
    return true;
  }

  /** Sort an answer into what came and what never will. */
  private take(line: Line, request: ReplayRequest, result: unknown): (Pending | Event)[] {
    const fields = (typeof result === "object" ? result : null) as Record<string, unknown> | null;
    const bodies = fields?.["bodies"];
    const oldest = fields?.["oldest"];
    if (!Array.isArray(bodies)) this.badCount += 1;
    const found = this.read(line, request, Array.isArray(bodies) ? bodies : []);
    let end = request.last;
    if (fields?.["complete"] !== true) {
      const latest = found.at(-1);
      if (typeof oldest !== "number") {
        end = request.holeLast;
      } else if (oldest > request.last) {
        end = Math.min(oldest - 1, line.holes.at(-1)?.[1] ?? request.last);
      } else if (latest !== undefined && sequenceOf(latest) < request.last) {
        // As much as one reply holds; the rest is still there.
        end = Math.max(sequenceOf(latest), oldest - 1);
      }
    }
    return this.end(line, end, found);
  }

  /** Take the bodies that were lost; what is not as asked for is counted. */
  private read(line: Line, request: ReplayRequest, bodies: readonly unknown[]): Items[] {
    const found: Items[] = [];
    let at = 0;
    let position = request.first - 1;
    for (const body of bodies) {
      let items: Items;
      try {
        items = checked(request, body, position);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        this.badCount += 1;
        continue;
      }
      position = sequenceOf(items);
      while (at + 1 < line.holes.length && (line.holes[at]?.[1] ?? 0) < position) at += 1;
      const hole = line.holes[at];
      if (hole !== undefined && hole[0] <= position && position <= hole[1]) found.push(items);
    }
    return found;
  }

  /** Take everything up to a sequence out of the holes and tell what became of it. */
  private end(line: Line, end: number, found: readonly Items[]): (Pending | Event)[] {
    const came = joined(found.map((items) => [sequenceOf(items), sequenceOf(items)] as const));
    const out: (Pending | Event)[] = [];
    let at = 0;
    for (let hole = line.holes[0]; hole !== undefined && hole[0] <= end; hole = line.holes[0]) {
      line.holes.shift();
      const ended: Range = [hole[0], Math.min(hole[1], end)];
      const lost = without(ended, came);
      const recovered = without(ended, lost).map((piece) => [piece, true] as const);
      const pieces = [...lost.map((piece) => [piece, false] as const), ...recovered];
      for (const [piece, isHere] of pieces.sort((a, b) => a[0][0] - b[0][0])) {
        if (!isHere) {
          out.push(...this.lostPiece(line, piece));
          continue;
        }
        const count = piece[1] - piece[0] + 1;
        this.recoveredCount += count;
        for (const items of found.slice(at, at + count)) {
          out.push(new Pending(line.route, items, false));
        }
        at += count;
        out.push(new Gap(line.route.topic, piece[0], piece[1], line.epoch, { healed: true }));
      }
      if (ended[1] < hole[1]) {
        line.holes.unshift([ended[1] + 1, hole[1]]);
        break;
      }
      this.holeCount -= 1;
    }
    return out;
  }
}

/** Ask for the first hole, or as much of it as one request may, and for what is close to it. */
function nextRequest(line: Line): ReplayRequest {
  const [[first, firstLast] = [0, 0], ...others] = line.holes;
  const limit = first + MESSAGES_MAX - 1;
  let last = Math.min(firstLast, limit);
  let holeLast = firstLast;
  for (const [laterFirst, laterLast] of others) {
    if (laterLast > limit || laterFirst - last - 1 > APART_MAX) break;
    last = holeLast = laterLast;
  }
  return { route: line.route, epoch: line.epoch, first, last, holeLast };
}

/**
 * Read one body of an answer.
 *
 * @throws DecodeError - It is not one of those asked for, not behind `position`, or unreadable.
 */
function checked(request: ReplayRequest, body: unknown, position: number): Items {
  const items = readBody(body);
  const [number, epoch, sequence, flags] = items as number[];
  if (number !== request.route.type || epoch !== request.epoch || !((flags ?? 0) & Flag.REPLAY)) {
    throw new DecodeError("another type or run, or not marked as sent again", { items });
  }
  if (sequence === undefined || sequence <= position || sequence > request.last) {
    throw new DecodeError("not the sequence asked for", { items });
  }
  build(request.route.kind, request.route.symbol, items);
  return items;
}

function sequenceOf(items: Items): number {
  return items[2] as number;
}

function isUnanswered(outcome: Reply | GatewayClientError): boolean {
  return outcome instanceof RequestTimedOut || outcome instanceof NotConnected;
}
