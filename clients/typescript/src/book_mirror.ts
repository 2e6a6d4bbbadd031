/**
 * A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
 *
 * Subscribe to the topic, ask for an image, hand everything that comes to `apply`. The image
 * carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and so on
 * are applied, and a hole makes the copy not current until another image comes. Updates that arrive
 * while it is not current are kept: an image that was published before them, but is handed over
 * after them, is brought up to date with them. So neither the order in which image and updates
 * arrive nor a late image matters; what is current is equal to the gateway's own book at
 * `sequence`.
 *
 * `GatewayClient` asks for images by itself, when it joins and after every kind of loss. With
 * another source, ask for one whenever `isCurrent` is false.
 */

import { BookRows, keyOf, type BookSide, type Row } from "./book_rows.js";
import { InvalidArgument, missingReason, SequenceGap } from "./errors.js";
import type { Event, Gap, GatewayRestarted } from "./events.js";
import {
  Action,
  DepthRow,
  Flag,
  MessageType,
  OrderRow,
  type Depth,
  type Image,
  type Message,
  type Order,
  type PriceLevel,
  type State,
} from "./messages.js";
import { BOOK_EVENT_KINDS, splitPrivate, topicOf } from "./topics.js";

/** Rows a mirror keeps unless told otherwise. */
export const ROWS_MAX = 1_000_000;
/** Updates kept while an image is awaited; beyond that the oldest are dropped. */
export const WAITING_MAX = 100_000;
const RESENT = Flag.REPLAY | Flag.BACKFILL;
const FRESH_STATES: ReadonlySet<string> = new Set(["live", "pending"]);

type Update = Order | Depth;

/** One symbol's `order` or `depth` topic, followed. */
export class BookMirror {
  /** `order` (orders, or market makers' best rows) or `depth` (price levels). */
  readonly kind: string;
  /** The vendor's spelling. */
  readonly symbol: string;
  /** What is followed. */
  readonly topic: string;
  private readonly rowsMax: number;
  private readonly held: BookRows;
  private runEpoch: number | null = null;
  private position = 0;
  private why: string | null = "no image has come yet";
  private isHeardOf = false;
  private level2State: string | null = null;
  private flags = 0;
  private isToldStale = false; // By the symbol's `state`.
  private isFlaggedStale = false; // By the last message since then.
  private isBased = false; // Whether the rows are those of `sequence` in `epoch`.
  private readonly waiting = new Map<number, Update>();

  /**
   * @param kind - `order` or `depth`.
   * @param symbol - The vendor's spelling.
   * @param rowsMax - Rows kept; a bigger book makes the mirror not current.
   * @throws InvalidArgument - Another kind, or no room for rows.
   */
  constructor(kind: string, symbol: string, rowsMax = ROWS_MAX) {
    if (!BOOK_EVENT_KINDS.has(kind)) {
      throw new InvalidArgument("no kind of rows", { kind }, "Use order or depth.");
    }
    if (!(rowsMax >= 1)) throw new InvalidArgument("a mirror needs rows", { rowsMax });
    this.kind = kind;
    this.symbol = symbol;
    this.topic = topicOf(kind, symbol);
    this.rowsMax = rowsMax;
    this.held = new BookRows(rowsMax);
  }

  // What the book holds.

  /** The gateway run the rows belong to, Unix milliseconds; null before anything was heard. */
  get epoch(): number | null {
    return this.runEpoch;
  }

  /** The last update the rows contain. */
  get sequence(): number {
    return this.position;
  }

  /** Why it is not current; null while it is. */
  get reason(): string | null {
    return this.why;
  }

  /** Whether the rows are the gateway's own at `sequence`, and nothing is known to be lost. */
  get isCurrent(): boolean {
    return this.why === null;
  }

  /** Whether anything was heard of the book: if not, that it is empty means nothing. */
  get isKnown(): boolean {
    return this.isHeardOf;
  }

  /**
   * Whether the upstream is not live, so that the book may be old although it is current. The
   * symbol's `state` says so, and so does the flag STALE of the last message.
   */
  get isStale(): boolean {
    return this.isToldStale || this.isFlaggedStale;
  }

  /** State of the symbol's Level 2 data as last told by a `state`; null before. */
  get state(): string | null {
    return this.level2State;
  }

  /** Flags of the last message that was applied; LAST marks the end of an atomic group. */
  get lastFlags(): number {
    return this.flags;
  }

  /** Bid levels, best first; of orders, `orderCount` is the number of rows at the price. */
  bids(levelsMax = Infinity): PriceLevel[] {
    return this.held.levels("B", levelsMax);
  }

  /** Ask levels, best first; of orders, `orderCount` is the number of rows at the price. */
  asks(levelsMax = Infinity): PriceLevel[] {
    return this.held.levels("A", levelsMax);
  }

  /** Highest bid level; null when nobody buys. */
  get bestBid(): PriceLevel | null {
    return this.held.best("B");
  }

  /** Lowest ask level; null when nobody sells. */
  get bestAsk(): PriceLevel | null {
    return this.held.best("A");
  }

  /** Whether the best bid is above the best ask. */
  get isCrossed(): boolean {
    const { bestBid, bestAsk } = this;
    return bestBid !== null && bestAsk !== null && bestBid.price > bestAsk.price;
  }

  /**
   * List the orders of a side, best price first, then by their place in the queue.
   *
   * @throws InvalidArgument - No side, or a mirror of `depth`, which has no orders.
   */
  orders(side: string): OrderRow[] {
    if (!isSide(side)) throw new InvalidArgument("not a side", { side }, "Use B or A.");
    if (this.kind !== "order") {
      throw new InvalidArgument("a mirror of depth has no orders", {}, "Follow kind order.");
    }
    return this.held.inOrder(side).filter((row) => row instanceof OrderRow);
  }

  /** List all rows as an Image does: bids best first, then asks best first. */
  rows(): Row[] {
    return [...this.held.inOrder("B"), ...this.held.inOrder("A")];
  }

  // Following.

  /**
   * Take whatever the stream brings; what is not about this book is ignored.
   *
   * @param item - A message or an event of a client's stream, or a message from `decodeFrame`,
   *   `snapshot` or any other source.
   * @returns Whether the rows may have changed.
   * @throws SequenceGap - Updates are missing. The mirror is not current any more: ask for an image
   *   and hand it over. A client's own stream tells of a loss before, by a Gap, so this is not
   *   thrown there, and the image is on its way.
   */
  apply(item: Message | Event): boolean {
    switch (item.type) {
      case MessageType.ORDER:
      case MessageType.DEPTH:
        return this.isOurs(item) && this.takeUpdate(item);
      case MessageType.IMAGE:
        return this.isOurs(item) && this.takeImage(item);
      case MessageType.STATE:
        if (item.symbol === this.symbol) this.takeState(item);
        return false;
      case "gateway_restarted":
        return this.takeRestart(item);
      case "gap":
        this.takeGap(item);
        return false;
      case "overrun":
        // When several topics lost messages, the Gaps that follow say which, as far as they go.
        if (item.topic === this.topic || (item.topic === null && item.unnamed > 0)) {
          this.lose(`${item.dropped} messages were dropped unread`);
        }
        return false;
      case "disconnected":
        this.isFlaggedStale = true;
        this.lose("the gateway is not heard");
        return false;
      default:
        return false;
    }
  }

  private isOurs(item: Update | Image): boolean {
    return item.symbol === this.symbol && splitPrivate(item.kind) === this.kind;
  }

  /** Stop being current until an image comes. */
  private lose(reason: string): void {
    if (this.isBased) this.why = reason;
  }

  /** One that comes late, after messages of a newer run, tells nothing new. */
  private takeRestart({ oldEpoch, newEpoch }: GatewayRestarted): boolean {
    const { runEpoch } = this;
    if (runEpoch !== null && newEpoch <= runEpoch && oldEpoch !== runEpoch) return false;
    this.restart(newEpoch);
    return true;
  }

  /** Begin anew with another run of the gateway: what was known is of no use there. */
  private restart(epoch: number): void {
    if (this.runEpoch !== null) this.why = "the gateway was restarted";
    this.runEpoch = epoch;
    this.position = 0;
    this.isHeardOf = this.isBased = false;
    this.level2State = null;
    this.isToldStale = this.isFlaggedStale = false;
    this.held.clear();
    this.waiting.clear();
  }

  /** Follow the newest run; what comes from an earlier one, or is sent again, changes none. */
  private isOfThisRun(epoch: number, flags: number): boolean {
    if (epoch === this.runEpoch) return true;
    if (flags & RESENT || (this.runEpoch !== null && epoch < this.runEpoch)) return false;
    this.restart(epoch);
    return true;
  }

  private takeUpdate(update: Update): boolean {
    const { epoch, sequence, flags } = update;
    if (!this.isOfThisRun(epoch, flags)) return false;
    if (this.why === null && sequence === this.position + 1) return this.change(update);
    if (sequence <= this.position) return false;
    if (!this.isBased && sequence === 1) {
      // The first message of a run finds the book empty.
      this.held.clear();
      this.isBased = true;
      this.why = null;
      const isChanged = this.change(update);
      return this.catchUp() || isChanged;
    }
    if (this.why === null && flags & RESENT) return false;
    this.keep(update);
    if (this.why === null) this.throwGap(sequence);
    return false;
  }

  private keep(update: Update): void {
    if (this.waiting.size >= WAITING_MAX && !this.waiting.has(update.sequence)) {
      for (const oldest of this.waiting.keys()) {
        this.waiting.delete(oldest);
        break;
      }
    }
    this.waiting.set(update.sequence, update);
  }

  /** Refuse to skip what is missing before a sequence. */
  private throwGap(sequence: number): never {
    const gap = new SequenceGap(this.topic, this.position + 1, sequence - 1);
    this.why = gap.reason;
    throw gap;
  }

  private takeImage(image: Image): boolean {
    if (!this.isOfThisRun(image.epoch, image.flags)) return false;
    if (this.isBased && image.sequence < this.position) {
      return false; // The rows are newer already, and never go back.
    }
    this.held.clear();
    this.position = image.sequence;
    this.isHeardOf = image.rows !== null;
    this.isBased = true;
    this.why = null;
    this.note(image.flags - (image.flags & Flag.SNAPSHOT));
    for (const row of image.rows ?? []) {
      if (!this.put(row)) break;
    }
    if (this.isCurrent) this.catchUp();
    return true;
  }

  /** Apply the updates that were kept, as far as they follow the rows without a hole. */
  private catchUp(): boolean {
    let isChanged = false;
    const kept = [...this.waiting.values()].sort((a, b) => a.sequence - b.sequence);
    for (const update of kept) {
      if (!this.isCurrent) return isChanged;
      if (update.sequence > this.position + 1) this.throwGap(update.sequence);
      this.waiting.delete(update.sequence);
      if (update.sequence > this.position) isChanged = this.change(update) || isChanged;
    }
    return isChanged;
  }

  private takeGap(gap: Gap): void {
    if (gap.topic !== this.topic || gap.healed) return;
    if (gap.epoch !== 0 && gap.epoch !== this.runEpoch) return;
    if (gap.lastMissing > this.position) {
      this.lose(missingReason(gap.firstMissing, gap.lastMissing));
    }
  }

  private takeState(state: State): void {
    if (!this.isOfThisRun(state.epoch, state.flags)) return;
    const isPublic = splitPrivate(state.kind) === "state";
    const level2 = state.details?.["level2"];
    // A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
    const told = typeof level2 === "string" ? level2 : isPublic ? "closed" : state.state;
    this.level2State = told;
    const isStale = told === null || !FRESH_STATES.has(told);
    if (isPublic) {
      this.isToldStale = isStale;
      this.isFlaggedStale &&= isStale;
    } else {
      // The answer on a private topic of the book: nothing will take it back but a message.
      this.isFlaggedStale = isStale;
    }
  }

  // The rows.

  private note(flags: number): void {
    this.flags = flags;
    this.isFlaggedStale = (flags & Flag.STALE) !== 0;
  }

  /** Apply the update that is next. */
  private change(update: Update): boolean {
    this.position = update.sequence;
    this.isHeardOf = true;
    this.note(update.flags);
    const { action, side } = update;
    if (!isSide(side)) return this.spoil("a row has an unknown side");
    if (action === Action.CLEAR) return this.held.clearSide(side);
    const row = rowOf(update, side);
    if (action === Action.DELETE) return this.held.remove(keyOf(row));
    if (action !== Action.ADD && action !== Action.UPDATE) {
      return this.spoil("a row has an unknown action");
    }
    this.put(row);
    return true;
  }

  private put(row: Row): boolean {
    if (!isSide(row.side) || row.price === null) {
      return this.spoil("a row has no side or no price");
    }
    if (!this.held.put(row, row.side, row.price)) {
      return this.spoil(`the book has more than ${this.rowsMax} rows`);
    }
    return true;
  }

  /** Give the rows up: what they say is not what the gateway's book says. */
  private spoil(reason: string): boolean {
    this.held.clear();
    this.why = reason;
    return false;
  }
}

function isSide(side: string | null): side is BookSide {
  return side === "B" || side === "A";
}

function rowOf(update: Update, side: BookSide): Row {
  if (update.type === MessageType.DEPTH) {
    const { price, size, orderCount, precision } = update;
    return new DepthRow([Action.ADD, side, price, size, orderCount, precision]);
  }
  const { orderId, marketMaker, price, size, priority, precision } = update;
  return new OrderRow([Action.ADD, side, orderId, marketMaker, price, size, priority, precision]);
}
