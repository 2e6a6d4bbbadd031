/**
 * Frames in, messages and loss events out. No I/O, no clock.
 *
 * The reader hands every frame to `Intake.receive`. It unpacks the body, checks the header and the
 * sequence, and leaves the rest (item types, building the record) to whoever reads the message:
 * what is conflated away is then never decoded, and the socket is drained faster.
 */

import { carriedBy, isKnown, RESENT_FLAGS, splitFrame, type Split } from "./codec.js";
import { CodecError } from "./errors.js";
import { Gap, GatewayRestarted, type Event } from "./events.js";
import type { Joins } from "./joins.js";
import { Flag, MessageType, type Items } from "./messages.js";
import type { Replays } from "./replays.js";
import { Pending, Route } from "./routes.js";
import { RouteTable } from "./route_table.js";
import { isMap } from "./rpc_codec.js";

const HEARTBEAT = "sys,heartbeat,";
const TAILS = "sys,tails,";
/** The gateway's own topics that every client listens to. */
export const SYS_TOPICS: readonly string[] = [
  HEARTBEAT,
  TAILS,
  "sys,alert,",
  "sys,feed,",
  "sys,goodbye,",
];

/** The data side of one client, between the socket and the queue. */
export class Intake {
  private readonly joins: Joins;
  private readonly replays: Replays;
  private readonly routes = new RouteTable();
  private readonly tails = this.routes.add(TAILS) ?? new Route(TAILS);
  /** What the application is to get, in order; the engine takes it after every frame. */
  out: (Pending | Event)[] = [];
  /** Private topics to unsubscribe from; the engine takes them after every frame. */
  answered: string[] = [];
  /** The gateway run last heard, Unix milliseconds; -1 before. */
  epoch = -1;
  /** Set when a new epoch was noticed; the engine clears it. */
  hasRestarted = false;
  heartbeatCount = 0;
  /** When the gateway published the last heartbeat, microseconds UTC. */
  heartbeatUs = 0;
  receivedCount = 0;
  gapCount = 0;
  missingCount = 0;
  repeatCount = 0;
  badFrameCount = 0;
  unknownCount = 0;
  unroutedCount = 0;
  restartCount = 0;

  constructor(joins: Joins, replays: Replays) {
    this.joins = joins;
    this.replays = replays;
    for (const topic of SYS_TOPICS) this.add(topic);
  }

  /** Accept a topic, or everything under a kind prefix such as `news,`. */
  add(topic: string): void {
    this.routes.add(topic);
  }

  /**
   * Stop accepting a topic, or everything under a prefix that was not added by itself.
   *
   * @returns The private topics to unsubscribe from: what they would bring nobody wishes any more.
   */
  remove(topic: string): string[] {
    const secrets: string[] = [];
    for (const name of this.routes.remove(topic)) {
      this.out.push(...this.replays.giveUp(name));
      const secret = this.joins.forget(name);
      if (secret !== null) secrets.push(secret);
    }
    return secrets;
  }

  /** Let the image that is asked for be told as what heals the rows that were skipped. */
  noteSkipped(gaps: readonly Gap[]): void {
    for (const gap of gaps) {
      const route = this.routes.get(gap.topic);
      if (route?.hasValue && gap.epoch === route.tracker.epoch) {
        route.widen(gap.firstMissing, gap.lastMissing);
      }
    }
  }

  /** Want a fresh snapshot of a topic, if it has any. */
  askAgain(topic: string): void {
    const route = this.routes.get(topic);
    if (route !== undefined) this.ask(route);
  }

  /** Want a fresh snapshot of every topic that has one, except those of some symbols. */
  askAllAgain(unless: (symbol: string) => boolean = () => false): void {
    for (const route of this.routes.values()) {
      if (!unless(route.symbol)) this.ask(route);
    }
  }

  /** Want a fresh image of every book. */
  askImagesAgain(): void {
    for (const route of this.routes.values()) {
      if (route.hasImage) this.ask(route);
    }
  }

  private ask(route: Route): void {
    if (!route.hasSnapshot) return;
    route.wantImage();
    this.joins.ask(route.topic);
  }

  /** Ask for a snapshot of a topic whose message could not be decoded. */
  heal(topic: string): void {
    const route = this.routes.get(topic);
    if (!route?.hasValue) return;
    route.widen(route.tracker.sequence, route.tracker.sequence);
    this.ask(route);
  }

  /** Take one frame from the socket; whatever it holds, this never throws. */
  receive(frame: Buffer): void {
    this.receivedCount += 1;
    let split: Split;
    try {
      split = splitFrame(frame);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.badFrameCount += 1;
      return;
    }
    const route = this.routes.get(split.topic);
    if (route !== undefined) this.take(route, split.items);
    else this.takeOther(split.topic, split.items);
  }

  /** Count a frame that is not one of the contract's. */
  refuse(): void {
    this.receivedCount += 1;
    this.badFrameCount += 1;
  }

  private take(route: Route, items: Items): void {
    const [number, epoch, sequence, flags] = items as [number, number, number, number];
    if (number !== route.type && !this.isAllowed(route, number)) return;
    if (epoch !== this.epoch) this.noteEpoch(epoch, flags);
    const { verdict, firstMissing, lastMissing } = route.tracker.update(epoch, sequence, flags);
    if (verdict === "gap") {
      this.noteGap(route, epoch, firstMissing, lastMissing);
    } else if (verdict === "restart") {
      route.beginAnew();
      this.fetchStart(route, epoch, sequence - 1);
    } else if (
      verdict === "repeat" ||
      // What is sent again to everybody and was asked for already comes once.
      (verdict === "replayed" && this.replays.isAwaited(route.topic, epoch, sequence))
    ) {
      this.repeatCount += 1;
      return;
    }
    if (route.kind === "sys" && this.takeSys(items)) return;
    if (isKnown(number)) {
      this.out.push(new Pending(route, items, route.isState && number === route.type));
    }
    if (route.needsImage || (route.hasImage && number !== route.type)) {
      this.followBook(route, items);
    }
  }

  /**
   * Have an image by the time updates come: they are of no use without.
   *
   * The answer to the first request may have been a state, because there was no book yet, and
   * answers get lost. Only an image, or the first message of a run, ends the asking; the pauses
   * grow, so that a gateway without an image is not asked at every update.
   */
  private followBook(route: Route, items: Items): void {
    const [number, epoch, sequence] = items as [number, number, number];
    if (route.tracker.epoch !== epoch || route.tracker.sequence !== sequence) {
      return; // Sent again: the position has not moved.
    }
    if (number === MessageType.IMAGE) {
      if (!route.canRead(items)) return; // Whoever reads it has it asked for again.
      route.needsImage = false;
      this.noteHealed(route, epoch);
    } else if (number !== route.type) {
      // A change that cannot be understood is a change lost.
      this.noteGap(route, epoch, sequence, sequence);
    } else if (sequence === 1) {
      route.needsImage = false;
    } else if (sequence >= route.askAt && this.joins.ask(route.topic)) {
      route.askAt = sequence + route.askStep;
      route.askStep *= 2;
    }
  }

  /** Judge a number other than the kind's own; unknown ones are skipped, not lost. */
  private isAllowed(route: Route, number: number): boolean {
    if (route.hasImage && number === MessageType.IMAGE) return true;
    if (route.kind === "sys" && carriedBy(route.symbol).includes(number)) return true;
    if (isKnown(number)) {
      this.badFrameCount += 1;
      return false;
    }
    this.unknownCount += 1;
    return true;
  }

  /** Take a private answer, a topic under a prefix, or what was unsubscribed a moment ago. */
  private takeOther(topic: string, items: Items): void {
    if (topic.startsWith("~")) {
      const base = this.joins.awaits(topic);
      const route = base === null ? undefined : this.routes.get(base);
      if (route?.canRead(items) === false) {
        // As good as none: it stays awaited, and is asked for again when it is overdue.
        this.badFrameCount += 1;
        return;
      }
      if (this.joins.answered(topic) !== null) this.answered.push(topic);
      if (route !== undefined) {
        this.takeAnswer(route, items);
        return;
      }
    } else {
      const route = this.routes.addOfPrefix(topic);
      if (route !== null) {
        this.take(route, items);
        return;
      }
    }
    this.unroutedCount += 1;
  }

  /** Apply the answer to a snapshot request. */
  private takeAnswer(route: Route, items: Items): void {
    const [number, epoch, sequence, flags] = items as [number, number, number, number];
    if (number === MessageType.STATE && !(flags & Flag.SNAPSHOT)) {
      // Not a snapshot but why there is none; it says nothing of the sequence.
      route.needsImage = route.hasImage;
      this.out.push(new Pending(route, items, false));
      if (route.isBaseline && epoch === this.epoch && epoch !== route.tracker.epoch) {
        // Most likely nothing was published in this run; certain it is not.
        route.isFromStart = true;
        route.tracker.snapshot(epoch, 0);
      }
      return;
    }
    if (number !== route.type && !(route.hasImage && number === MessageType.IMAGE)) {
      this.badFrameCount += 1;
      return;
    }
    if (epoch !== this.epoch) this.noteEpoch(epoch, 0);
    const { verdict, firstMissing, lastMissing } = route.tracker.snapshot(epoch, sequence);
    if (verdict === "repeat") {
      this.repeatCount += 1;
      if (route.gapFirst > 0 || route.needsImage) this.joins.ask(route.topic);
      return;
    }
    if (verdict === "gap") {
      this.addGap(route, epoch, firstMissing, lastMissing);
    } else if (verdict === "restart") {
      route.beginAnew();
      this.fetchStart(route, epoch, sequence);
    }
    if (route.isBaseline) return;
    route.needsImage = false;
    this.out.push(new Pending(route, items, route.isState, true));
    this.noteHealed(route, epoch);
  }

  /** Tell that a snapshot stands for what was lost. */
  private noteHealed(route: Route, epoch: number): void {
    if (route.gapFirst === 0) return;
    this.out.push(new Gap(route.topic, route.gapFirst, route.gapLast, epoch, { healed: true }));
    route.gapFirst = route.gapLast = 0;
  }

  /** Handle heartbeats and tails; returns whether the message ends here. */
  private takeSys(items: Items): boolean {
    const [number, epoch] = items as [number, number];
    if (number !== MessageType.HEARTBEAT && number !== MessageType.TAILS) return false;
    const details = items[6];
    if (!isMap(details)) {
      this.badFrameCount += 1;
      return true;
    }
    if (number === MessageType.TAILS) {
      this.takeTails(epoch, details["topics"]);
      return true;
    }
    this.heartbeatCount += 1;
    this.heartbeatUs = Number(items[4]);
    const announced = details["tails_sequence"];
    if (!isSequence(announced)) return true;
    if (this.tails.tracker.epoch !== epoch) {
      this.tails.tracker.snapshot(epoch, announced);
    } else if (this.tails.tracker.tail(epoch, announced).verdict === "gap") {
      // Which topics fell quiet is unknown, so every position is asked for.
      this.askAllAgain();
    }
    return true;
  }

  private takeTails(epoch: number, tails: unknown): void {
    if (!isMap(tails)) {
      this.badFrameCount += 1;
      return;
    }
    for (const [topic, sequence] of Object.entries(tails)) {
      if (!isSequence(sequence)) {
        this.badFrameCount += 1;
        continue;
      }
      const route = this.routes.get(topic);
      if (route !== undefined) this.takeTail(route, epoch, sequence);
    }
  }

  private takeTail(route: Route, epoch: number, sequence: number): void {
    if (route.tracker.epoch !== epoch) {
      // Whatever was published so far did not arrive; how much that is nobody can tell.
      if (route.tracker.snapshot(epoch, sequence).verdict === "restart") {
        this.fetchStart(route, epoch, sequence);
      }
      route.beginAnew();
      if (!route.isBaseline) this.ask(route);
      return;
    }
    const { verdict, firstMissing, lastMissing } = route.tracker.tail(epoch, sequence);
    if (verdict === "gap") this.noteGap(route, epoch, firstMissing, lastMissing);
  }

  /** Tell of lost messages and ask for what replaces them. */
  private noteGap(route: Route, epoch: number, first: number, last: number): void {
    if (route.topic === HEARTBEAT) return; // The next one is as good.
    if (route.kind === "sys" && (route.symbol === "tails" || route.symbol === "client")) {
      // What fell quiet is unknown, so every position is asked for.
      this.askAllAgain();
      if (route === this.tails) return;
    }
    this.addGap(route, epoch, first, last);
    if (!route.isBaseline) this.ask(route);
  }

  /** Fetch what a run published before we heard of it, as far as it did and still has it. */
  private fetchStart(route: Route, epoch: number, last: number): void {
    if (route.isBaseline && last > 0 && epoch === this.epoch) {
      this.replays.ask(route, epoch, 1, last, false);
    }
  }

  /** Tell of lost messages, and have those fetched that nothing newer stands for. */
  private addGap(route: Route, epoch: number, first: number, last: number): void {
    if (route.isFromStart) {
      route.isFromStart = false;
      if (first === 1) {
        this.fetchStart(route, epoch, last);
        return;
      }
    }
    this.gapCount += 1;
    this.missingCount += last - first + 1;
    if (route.hasValue) {
      route.widen(first, last);
    } else if (!this.isFetched(route, epoch, first, last)) {
      this.out.push(this.replays.lost(route, epoch, first, last));
      return;
    }
    this.out.push(new Gap(route.topic, first, last, epoch));
  }

  private isFetched(route: Route, epoch: number, first: number, last: number): boolean {
    const canBe = route.isBaseline && epoch === this.epoch;
    return canBe && this.replays.ask(route, epoch, first, last);
  }

  /** Notice another run of the gateway; re-sent messages of an earlier one do not count. */
  private noteEpoch(epoch: number, flags: number): void {
    const old = this.epoch;
    if (old < 0) {
      this.epoch = epoch;
    } else if (epoch > old || !(flags & RESENT_FLAGS)) {
      this.epoch = epoch;
      this.hasRestarted = true;
      this.restartCount += 1;
      this.out.push(...this.replays.restart(), new GatewayRestarted(old, epoch));
    }
  }
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
