/**
 * What a slow application did not get to read, and how it is told. No I/O.
 *
 * When the queue is full, everything that waits is skipped but the newest value of each state topic
 * and the client's own events. What was skipped is kept here, as ranges of sequences, until the
 * application reads on: it then gets an Overrun and one Gap for each range.
 */

import { Gap, Overrun, type Event } from "./events.js";
import { MessageType } from "./messages.js";
import { joined, without, type Range } from "./ranges.js";
import { Pending, type Route } from "./routes.js";

/** Ranges told one by one; what is skipped beyond that is counted by the Overrun. */
export const RANGES_MAX = 1_000;
/** Events of the client's own that survive a skip. */
export const EVENTS_MAX = 1_000;

interface Ranges {
  readonly topic: string;
  readonly epoch: number;
  readonly ranges: [number, number][];
}

/** Everything skipped since the application last looked. */
export class Skipped {
  /** Of every message skipped; empty text stands for events that belong to none. */
  readonly topics = new Set<string>();
  /** Messages, and events of the client that found no room. */
  count = 0;
  private readonly topicsWithValue = new Set<string>();
  private readonly ranges = new Map<string, Ranges>();
  private rangeCount = 0;
  private namedCount = 0;

  /** Note messages that are not delivered, oldest first. */
  addAll(entries: Iterable<Pending>): void {
    const runs = new Map<Route, [number, number, number]>();
    for (const entry of entries) {
      this.count += 1;
      const { route } = entry;
      const [number, epoch, sequence] = entry.items as number[] as [number, number, number];
      if (entry.isSnapshot || number === MessageType.STATE) {
        this.topics.add(route.topic); // An answer: it has no sequence of its own.
        continue;
      }
      const run = runs.get(route);
      if (run?.[0] === epoch && run[2] + 1 === sequence) {
        run[2] = sequence;
        continue;
      }
      if (run !== undefined) this.addRun(route, run);
      runs.set(route, [epoch, sequence, sequence]);
    }
    for (const [route, run] of runs) this.addRun(route, run);
  }

  private addRun(route: Route, [epoch, first, last]: readonly [number, number, number]): void {
    this.topics.add(route.topic);
    if (route.hasValue) this.topicsWithValue.add(route.topic);
    if (this.addRange(route.topic, epoch, first, last)) this.namedCount += last - first + 1;
  }

  /** Note what found no room, a message or an event of the client's own. */
  addAny(entry: Pending | Event): void {
    if (entry instanceof Pending) {
      if (!entry.isState) {
        this.addAll([entry]);
        return;
      }
      this.topics.add(entry.route.topic);
      this.count += 1 + entry.mergedAdd;
      return;
    }
    this.topics.add(entry instanceof Gap ? entry.topic : "");
    this.count += 1;
    if (entry instanceof Gap && entry.isFinal) {
      // It is the only word on these messages, so it must not vanish.
      const { topic, epoch, firstMissing, lastMissing } = entry;
      if (this.addRange(topic, epoch, firstMissing, lastMissing)) this.namedCount += 1;
    }
  }

  private addRange(topic: string, epoch: number, first: number, last: number): boolean {
    const key = `${epoch} ${topic}`;
    let entry = this.ranges.get(key);
    if (entry === undefined) {
      entry = { topic, epoch, ranges: [] };
      this.ranges.set(key, entry);
    }
    const previous = entry.ranges.at(-1);
    if (previous !== undefined && previous[1] + 1 === first) {
      previous[1] = last;
    } else if (this.rangeCount < RANGES_MAX) {
      this.rangeCount += 1;
      entry.ranges.push([first, last]);
    } else {
      return false;
    }
    return true;
  }

  /** Cut what was skipped out of a Gap that still waits: the last word on it is another. */
  cut(gap: Gap): Gap[] {
    const taken = this.ranges.get(`${gap.epoch} ${gap.topic}`)?.ranges;
    if (taken === undefined || gap.isFinal || this.topicsWithValue.has(gap.topic)) return [gap];
    const whole: Range = [gap.firstMissing, gap.lastMissing];
    return without(whole, taken).map(
      ([first, last]) => new Gap(gap.topic, first, last, gap.epoch, { healed: gap.healed }),
    );
  }

  /** Spell it: the event that stands for all of it, and one for each range. */
  told(): readonly [Overrun, Gap[]] {
    const gaps = [...this.ranges.values()].flatMap(({ topic, epoch, ranges }) => {
      const isFinal = !this.topicsWithValue.has(topic);
      return joined(ranges).map(([first, last]) => new Gap(topic, first, last, epoch, { isFinal }));
    });
    const [only = ""] = this.topics.size === 1 ? this.topics : [];
    const overrun = new Overrun(only || null, this.count, this.count - this.namedCount);
    return [overrun, gaps];
  }
}

/** What the queue holds. */
export type Entry = Pending | Event | Skipped;

/** What a skip leaves. */
export interface Rest {
  /** What still waits, oldest first. */
  readonly entries: readonly Entry[];
  /** The one among them, if anything was skipped. */
  readonly skipped: Skipped | null;
  /** Messages and events skipped. */
  readonly droppedCount: number;
  /** State messages that a newer one of their topic stands for now. */
  readonly mergedCount: number;
}

/**
 * Reduce what waits to what is current: the client's own events and the gateway's, and the newest
 * value of each state topic. What was skipped stands where the first message waited.
 *
 * @param entries - What waits, oldest first.
 * @param valuesMax - Values of state topics that may stay; the oldest beyond that are skipped too.
 */
export function skip(entries: Iterable<Entry>, valuesMax: number): Rest {
  let skipped = new Skipped();
  const kept: (Pending | Event)[] = [];
  const events: Pending[] = [];
  let lead = -1;
  let valueCount = 0;
  let mergedCount = 0;
  for (const entry of entries) {
    if (entry instanceof Skipped) {
      lead = kept.length;
      skipped = entry;
    } else if (!(entry instanceof Pending)) {
      kept.push(entry);
    } else {
      if (lead < 0) lead = kept.length;
      const newest = entry.route.pending;
      if (entry.route.kind === "sys") {
        kept.push(entry);
      } else if (!entry.isState) {
        events.push(entry);
      } else if (newest === entry || newest === null) {
        kept.push(entry);
        valueCount += 1;
      } else {
        newest.standFor(entry);
        mergedCount += 1;
      }
    }
  }
  const countBefore = skipped.count;
  skipped.addAll(events);
  if (lead < 0) lead = kept.length;
  const over = { events: kept.length - valueCount - EVENTS_MAX, values: valueCount - valuesMax };
  const head = within(kept.slice(0, lead), skipped, over);
  const tail = within(kept.slice(lead), skipped, over);
  const droppedCount = skipped.count - countBefore;
  if (skipped.count === 0) {
    return { entries: [...head, ...tail], skipped: null, droppedCount, mergedCount };
  }
  return { entries: [...head, skipped, ...tail], skipped, droppedCount, mergedCount };
}

/** Let go of the oldest events and values there is no room for; `over` is counted down. */
function within(
  kept: readonly (Pending | Event)[],
  skipped: Skipped,
  over: { events: number; values: number },
): (Pending | Event)[] {
  const left: (Pending | Event)[] = [];
  for (const entry of kept) {
    const what = entry instanceof Pending && entry.isState ? "values" : "events";
    over[what] -= 1;
    if (over[what] >= 0) {
      skipped.addAny(entry);
      if (entry instanceof Pending) entry.route.pending = null;
    } else if (entry instanceof Gap) {
      left.push(...skipped.cut(entry));
    } else {
      left.push(entry);
    }
  }
  return left;
}
