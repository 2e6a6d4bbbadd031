/** Counts what of a topic's events was delivered, repeated, named as lost, or neither. */

import { Gap } from "../events.js";
import { MessageType } from "../messages.js";
import type { StreamItem } from "../gateway_client.js";
import type { Json } from "./spelling.js";

const EVENT_TYPES: ReadonlySet<unknown> = new Set([
  MessageType.TRADE,
  MessageType.CORRECTION,
  MessageType.NEWS,
]);

interface Run {
  readonly delivered: Map<number, number>;
  readonly named: Set<number>;
}

/** The events of all topics, by topic and run of the gateway. */
export class Ledger {
  private readonly topics = new Map<string, Map<number, Run>>();

  /** Note an item that was consumed. */
  note(item: StreamItem): void {
    if (item instanceof Gap) {
      if (!item.isFinal) return;
      const { named } = this.runOf(item.topic, item.epoch);
      for (let at = item.firstMissing; at <= item.lastMissing; at += 1) named.add(at);
    } else if (typeof item.type === "number" && EVENT_TYPES.has(item.type) && "sequence" in item) {
      const { delivered } = this.runOf(`${item.kind},${item.symbol},`, item.epoch);
      delivered.set(item.sequence, (delivered.get(item.sequence) ?? 0) + 1);
    }
  }

  /** Tell what is known of a topic. */
  told(topic: string): { [key: string]: Json } {
    let delivered = 0;
    let repeated = 0;
    let lost = 0;
    let holes = 0;
    for (const run of this.topics.get(topic)?.values() ?? []) {
      delivered += run.delivered.size;
      for (const count of run.delivered.values()) repeated += count > 1 ? 1 : 0;
      lost += run.named.size;
      holes += holesOf(run);
    }
    return {
      delivered: String(delivered),
      repeated: String(repeated),
      lost: String(lost),
      holes: String(holes),
    };
  }

  private runOf(topic: string, epoch: number): Run {
    const runs = this.topics.get(topic) ?? new Map<number, Run>();
    this.topics.set(topic, runs);
    const run = runs.get(epoch) ?? { delivered: new Map(), named: new Set() };
    runs.set(epoch, run);
    return run;
  }
}

function holesOf({ delivered, named }: Run): number {
  let first = Infinity;
  let last = -Infinity;
  for (const sequence of delivered.keys()) {
    first = Math.min(first, sequence);
    last = Math.max(last, sequence);
  }
  for (const sequence of named) last = Math.max(last, sequence);
  let holes = 0;
  for (let at = first; at <= last; at += 1) {
    if (!delivered.has(at) && !named.has(at)) holes += 1;
  }
  return holes;
}
