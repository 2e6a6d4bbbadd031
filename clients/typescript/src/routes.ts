/** What is known of one topic, and what of it waits for the application. No I/O. */

import { build, isKnown, mergedIndexOf, TYPE_OF_KIND } from "./codec.js";
import { CodecError } from "./errors.js";
import { Flag, MessageType, type Items } from "./messages.js";
import {
  baseKind,
  BASELINE_KINDS,
  BOOK_EVENT_KINDS,
  splitPrivate,
  splitTopic,
  STATE_KINDS,
} from "./topics.js";
import { TopicTracker } from "./tracker.js";

/** Everything known of one topic. */
export class Route {
  /** The topic, second comma included. */
  readonly topic: string;
  /** Its kind, variant included, nonce excluded. */
  readonly kind: string;
  /** Its symbol. */
  readonly symbol: string;
  /** The kind's own message number; 0 for a kind this version does not know. */
  readonly type: number;
  /** The body's item that counts merged updates; -1 when there is none. */
  readonly mergedIndex: number;
  /** Whether a newer message stands for the older ones. */
  readonly isState: boolean;
  /** Whether its snapshot is an image of a book. */
  readonly hasImage: boolean;
  /** Whether a snapshot only tells where the sequence stands: lost messages are replayed. */
  readonly isBaseline: boolean;
  /** Whether a newer message, or an image, stands for those that were lost. */
  readonly hasValue: boolean;
  /** Whether a private topic tells anything of it. */
  readonly hasSnapshot: boolean;
  /** The position. */
  readonly tracker = new TopicTracker();
  /** Its state message that waits in the queue, if any. */
  pending: Pending | null = null;
  /** Whether it is followed only because a kind prefix is. */
  isOfPrefix = false;
  /** Whether nothing was published yet, as far as we know: what comes first has no number. */
  isFromStart = false;
  /** The hole a snapshot is awaited for; 0 when there is none. */
  gapFirst = 0;
  gapLast = 0;
  /** Whether updates are of no use before an image has come. */
  needsImage = false;
  /** The sequence at which an image is asked for again, and the pause after that. */
  askAt = 0;
  askStep = 1;

  constructor(topic: string) {
    const [kind, symbol] = splitTopic(topic) ?? ["", ""];
    this.topic = topic;
    this.kind = splitPrivate(kind);
    this.symbol = symbol;
    const base = baseKind(this.kind);
    this.type = TYPE_OF_KIND.get(base === "sys" ? symbol : base) ?? 0;
    this.mergedIndex = mergedIndexOf(this.type);
    this.isState = STATE_KINDS.has(base);
    this.hasImage = BOOK_EVENT_KINDS.has(base);
    this.isBaseline = BASELINE_KINDS.has(base);
    this.hasValue = this.isState || this.hasImage;
    this.hasSnapshot = this.hasValue || this.isBaseline;
    this.wantImage();
  }

  /** Follow another run of the gateway; holes of the earlier one are past healing. */
  beginAnew(): void {
    this.gapFirst = this.gapLast = 0;
    this.isFromStart = false;
    this.wantImage();
  }

  /** Await a snapshot for a hole, and for those it is awaited for already. */
  widen(first: number, last: number): void {
    this.gapFirst = Math.min(this.gapFirst || first, first);
    this.gapLast = Math.max(this.gapLast, last);
  }

  /** Whether the application will be able to read what a snapshot, or the lack of one, says. */
  canRead(items: Items): boolean {
    const [number, , , flags] = items as [number, number, number, number];
    const isState = number === MessageType.STATE && !(flags & Flag.SNAPSHOT);
    // Of a baseline only the position counts; what nobody knows is judged elsewhere.
    if (!isKnown(number) || (this.isBaseline && !isState)) return true;
    try {
      build(this.kind, this.symbol, items);
      return true;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return false;
    }
  }

  /** Have an image asked for by the next update that finds none asked for. */
  wantImage(): void {
    this.needsImage = this.hasImage;
    this.askAt = 0;
    this.askStep = 1;
  }
}

/** A message on its way to the application, decoded only when it gets there. */
export class Pending {
  readonly route: Route;
  items: Items;
  /** Whether a newer one may take its place while it waits. */
  readonly isState: boolean;
  /** Updates of the messages it took the place of. */
  mergedAdd = 0;
  /** Whether it answers a snapshot request. */
  isSnapshot: boolean;

  constructor(route: Route, items: Items, isState: boolean, isSnapshot = false) {
    this.route = route;
    this.items = items;
    this.isState = isState;
    this.isSnapshot = isSnapshot;
  }

  /** Take the newer message's value, adding up how many updates it stands for. */
  replace(newer: Pending): void {
    this.mergedAdd += newer.mergedAdd + mergedOf(this);
    this.items = newer.items;
    this.isSnapshot = newer.isSnapshot;
  }

  /** Count an older message's updates too: it will not be delivered. */
  standFor(older: Pending): void {
    this.mergedAdd += older.mergedAdd + mergedOf(older);
  }
}

function mergedOf(entry: Pending): number {
  const value = entry.route.mergedIndex < 0 ? null : entry.items[entry.route.mergedIndex];
  return typeof value === "number" && value > 0 ? value : 1;
}
