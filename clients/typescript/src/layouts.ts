/** Checks the items of a body, a level or a row against the contract's tables. */

import { DecodeError } from "./errors.js";
import {
  DepthRow,
  FIELDS,
  LEVEL_FIELDS,
  MessageType,
  OrderRow,
  PriceLevel,
  type FieldSpec,
  type Items,
} from "./messages.js";

const COUNT_MAX = 2n ** 63n - 1n;
/** Items of the header. */
export const HEADER_COUNT = 6;

/** How the rows of an image are laid out, and what they become. */
export interface RowLayout {
  readonly layout: Layout;
  readonly type: new (items: Items) => DepthRow | OrderRow;
}

/** Checks arrays of one shape. */
export class Layout {
  /** Items the contract names. */
  readonly count: number;
  private readonly name: string;
  private readonly fields: readonly FieldSpec[];

  constructor(name: string, fields: readonly FieldSpec[]) {
    this.name = name;
    this.fields = fields;
    this.count = fields.length;
  }

  /**
   * Check items: as many come back as the contract names, null for those missing at the end.
   *
   * @param items - Items from outside.
   * @param rows - Layout of an image's rows.
   * @param mayBeEmpty - Whether mandatory items may be nil, as in an empty snapshot.
   * @throws DecodeError - Naming the first item that is wrong.
   */
  check(items: Items, rows: RowLayout | undefined, mayBeEmpty: boolean): unknown[] {
    const checked: unknown[] = new Array(this.count);
    for (let index = 0; index < this.count; index += 1) {
      const field = this.fields[index] as FieldSpec;
      const item = index < items.length ? items[index] : null;
      if (item === null) {
        if (field.isMandatory && !(mayBeEmpty && index >= HEADER_COUNT)) {
          this.refuse("mandatory item is missing", field, item);
        }
        checked[index] = null;
      } else {
        checked[index] = this.value(field, item, rows);
      }
    }
    return checked;
  }

  private value(field: FieldSpec, item: unknown, rows: RowLayout | undefined): unknown {
    switch (field.type) {
      case "price":
        return typeof item === "number" ? item : this.refuse("not a price", field, item);
      case "uint":
      case "time_us":
        if (Number.isSafeInteger(item) && (item as number) >= 0) return item;
        return this.refuse("not an integer of its range", field, item);
      case "count":
        if (typeof item === "bigint" ? item > 0n && item <= COUNT_MAX : isCount(item)) return item;
        return this.refuse("not an integer of its range", field, item);
      case "id":
        if (typeof item === "bigint" && item >= 0n) return item;
        return isCount(item) ? BigInt(item) : this.refuse("not a number", field, item);
      case "text":
        if (typeof item === "string" && item !== "") return item;
        return this.refuse("not a text", field, item);
      case "boolean":
        return typeof item === "boolean" ? item : this.refuse("not a boolean", field, item);
      case "map":
        if (typeof item === "object" && !Array.isArray(item)) return item;
        return this.refuse("not a map", field, item);
      default:
        return this.list(field, item, rows);
    }
  }

  private list(field: FieldSpec, item: unknown, rows: RowLayout | undefined): unknown {
    if (!Array.isArray(item)) return this.refuse("not an array", field, item);
    if (field.type === "texts") {
      if (item.every((text) => typeof text === "string" && text !== "")) return item;
      return this.refuse("not an array of texts", field, item);
    }
    if (field.type === "levels") {
      const checked = item.map((level) => LEVEL_LAYOUT.check(asRow(level), undefined, false));
      return checked.map((level) => new PriceLevel(level));
    }
    if (rows === undefined) return this.refuse("rows of no book", field, item);
    return item.map((row) => new rows.type(rows.layout.check(asRow(row), undefined, false)));
  }

  private refuse(text: string, field: FieldSpec, item: unknown): never {
    throw new DecodeError(text, { message: this.name, field: field.name, item });
  }
}

function isCount(item: unknown): item is number {
  return Number.isSafeInteger(item) && (item as number) >= 0;
}

function asRow(row: unknown): Items {
  if (!Array.isArray(row)) throw new DecodeError("row is not an array", { row });
  return row;
}

function rowFields(number: number): readonly FieldSpec[] {
  return (FIELDS[number] ?? []).slice(HEADER_COUNT);
}

const LEVEL_LAYOUT = new Layout("level", LEVEL_FIELDS);

/** Kind of a book to the layout of its image's rows. */
export const ROW_LAYOUTS: ReadonlyMap<string, RowLayout> = new Map([
  ["depth", { layout: new Layout("row", rowFields(MessageType.DEPTH)), type: DepthRow }],
  ["order", { layout: new Layout("row", rowFields(MessageType.ORDER)), type: OrderRow }],
]);
