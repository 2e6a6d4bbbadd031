/** The rows of one book, added up to price levels that are always in order. No I/O. */

import { DepthRow, OrderRow, PriceLevel, type Count } from "./messages.js";

/** A row as an Image holds it. */
export type Row = DepthRow | OrderRow;
/** Side of a book: buyers or sellers. */
export type BookSide = "B" | "A";
/** What a row is known by: the order number, or a text of side and price or market maker. */
type RowKey = bigint | string;

/** Tell what a row is known by. */
export function keyOf(row: Row): RowKey {
  if (row instanceof DepthRow) return `${row.side} ${row.price ?? ""}`;
  return row.orderId ?? `${row.side} ${row.marketMaker ?? ""}`;
}

/** One price of one side, with the rows that stand there. */
class Level {
  readonly rows = new Map<RowKey, Row>();
  /** Exact, whatever the sizes. */
  size: Count = 0;
}

/** One side: its levels by price, and its prices in ascending order. */
class Side {
  readonly isBid: boolean;
  readonly levels = new Map<number, Level>();
  private readonly prices: number[] = [];

  constructor(isBid: boolean) {
    this.isBid = isBid;
  }

  add(key: RowKey, row: Row, price: number): void {
    let level = this.levels.get(price);
    if (level === undefined) {
      level = new Level();
      this.levels.set(price, level);
      this.prices.splice(this.placeOf(price), 0, price);
    }
    level.rows.set(key, row);
    level.size = sum(level.size, row.size ?? 0, 1n);
  }

  remove(key: RowKey, price: number): void {
    const level = this.levels.get(price);
    const row = level?.rows.get(key);
    if (level === undefined || row === undefined) return;
    level.rows.delete(key);
    level.size = sum(level.size, row.size ?? 0, -1n);
    if (level.rows.size === 0) {
      this.levels.delete(price);
      this.prices.splice(this.placeOf(price), 1);
    }
  }

  /** Index of the first price that is not below this one. */
  private placeOf(price: number): number {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.prices[middle] as number) < price) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  best(): PriceLevel | null {
    const price = this.isBid ? this.prices.at(-1) : this.prices[0];
    return price === undefined ? null : this.total(price);
  }

  *bestFirst(): Generator<number> {
    const count = this.prices.length;
    for (let index = 0; index < count; index += 1) {
      yield this.prices[this.isBid ? count - 1 - index : index] as number;
    }
  }

  total(price: number): PriceLevel {
    const level = this.levels.get(price) ?? new Level();
    const [row] = level.rows.values();
    const count = row instanceof DepthRow ? row.orderCount : level.rows.size;
    return new PriceLevel([price, level.size, count]);
  }
}

/** Both sides of one book. */
export class BookRows {
  private readonly rowsMax: number;
  private readonly rows = new Map<RowKey, Row>();
  private sides: Record<BookSide, Side> = { B: new Side(true), A: new Side(false) };

  /** @param rowsMax - Rows kept, both sides together. */
  constructor(rowsMax: number) {
    this.rowsMax = rowsMax;
  }

  /**
   * Add a row, or replace the one with its key, on whichever side that stands.
   *
   * @returns False when it is new and there is no place for it.
   */
  put(row: Row, side: BookSide, price: number): boolean {
    const key = keyOf(row);
    if (!this.remove(key) && this.rows.size >= this.rowsMax) return false;
    this.rows.set(key, row);
    this.sides[side].add(key, row, price);
    return true;
  }

  /** Remove a row; returns whether there was one. */
  remove(key: RowKey): boolean {
    const row = this.rows.get(key);
    if (row === undefined || row.price === null) return false;
    this.rows.delete(key);
    this.sides[row.side as BookSide].remove(key, row.price);
    return true;
  }

  /** Remove all rows of a side; returns whether there were any. */
  clearSide(side: BookSide): boolean {
    const old = this.sides[side];
    for (const level of old.levels.values()) {
      for (const key of level.rows.keys()) this.rows.delete(key);
    }
    this.sides[side] = new Side(old.isBid);
    return old.levels.size > 0;
  }

  /** Remove everything. */
  clear(): void {
    this.clearSide("B");
    this.clearSide("A");
  }

  /** Add up the best price of a side; null when it is empty. */
  best(side: BookSide): PriceLevel | null {
    return this.sides[side].best();
  }

  /** Add up the prices of a side, best first, at most so many. */
  levels(side: BookSide, levelsMax: number): PriceLevel[] {
    const chosen = this.sides[side];
    const found: PriceLevel[] = [];
    for (const price of chosen.bestFirst()) {
      if (found.length >= levelsMax) break;
      found.push(chosen.total(price));
    }
    return found;
  }

  /** The rows of a side as an Image lists them. */
  inOrder(side: BookSide): Row[] {
    const chosen = this.sides[side];
    const found: Row[] = [];
    for (const price of chosen.bestFirst()) {
      const rows = [...(chosen.levels.get(price)?.rows.values() ?? [])];
      for (const row of rows.sort(comparePlaces)) found.push(row);
    }
    return found;
  }
}

/** Add or subtract sizes exactly. */
function sum(left: Count, right: Count, sign: 1n | -1n): Count {
  if (typeof left === "number" && typeof right === "number") {
    const total = left + Number(sign) * right;
    if (Number.isSafeInteger(total)) return total;
  }
  const total = BigInt(left) + sign * BigInt(right);
  const number = Number(total);
  return Number.isSafeInteger(number) ? number : total;
}

/** Order rows of one price: by priority, then number (none last), then name (none first). */
function comparePlaces(left: Row, right: Row): number {
  if (left instanceof DepthRow || right instanceof DepthRow) return 0;
  return (
    compareIds(left.priority, right.priority) ||
    compareIds(left.orderId, right.orderId) ||
    compareNames(left.marketMaker, right.marketMaker)
  );
}

function compareIds(left: bigint | null, right: bigint | null): number {
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  return left < right ? -1 : 1;
}

function compareNames(left: string | null, right: string | null): number {
  if (left === right) return 0;
  if (left === null) return -1;
  return right !== null && left < right ? -1 : 1;
}
