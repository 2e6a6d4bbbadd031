/**
 * Data frames to typed messages: strict about what is there, open to what is appended.
 *
 * A frame is `kind,symbol,body` with a msgpack array for a body. Extra items at its end are
 * ignored, missing ones are null; a wrong type, NaN or a number out of range is a DecodeError, and
 * so is a kind whose message number belongs to another kind. A message number this version does not
 * know throws UnknownMessage.
 */

import { DecodeError, UnknownMessage } from "./errors.js";
import { HEADER_COUNT, Layout, ROW_LAYOUTS } from "./layouts.js";
import {
  FIELDS,
  Flag,
  FRAME_BYTES_MAX,
  KIND_TYPES,
  MESSAGES,
  MESSAGE_NAMES,
  MessageType,
  NESTING_LEVELS_MAX,
  SYS_NAMES,
  TOPIC_BYTES_MAX,
  TOPIC_TYPES,
  type Items,
  type Message,
} from "./messages.js";
import { readValue } from "./msgpack_reader.js";
import { isVariant, splitPrivate } from "./topics.js";

type MessageClass = new (kind: string, symbol: string, items: Items) => Message;

/** Message number of a kind without variant, or of a `sys` topic's name. */
export const TYPE_OF_KIND: ReadonlyMap<string, number> = new Map([
  ...Object.entries(KIND_TYPES),
  ...Object.entries(SYS_NAMES),
]);
/** Flags of messages that are sent again with their own sequence. */
export const RESENT_FLAGS = Flag.REPLAY | Flag.BACKFILL;

const CLASSES: ReadonlyMap<number, MessageClass> = new Map(
  Object.entries(MESSAGES).map(([number, type]) => [Number(number), type]),
);
const LAYOUTS: ReadonlyMap<number, Layout> = new Map(
  Object.entries(FIELDS).map(([number, fields]) => [
    Number(number),
    new Layout(MESSAGE_NAMES[Number(number)] ?? "", fields),
  ]),
);
const CARRIED: ReadonlyMap<string, readonly number[]> = new Map(Object.entries(TOPIC_TYPES));
const MERGED_INDEX: ReadonlyMap<number, number> = new Map(
  Object.entries(FIELDS).flatMap(([number, fields]) => {
    const index = fields.findIndex((field) => field.name === "merged");
    return index < 0 ? [] : [[Number(number), index]];
  }),
);
const KIND =
  /^(?:~([0-9A-Za-z]{14,32})\.)?([a-z][a-z0-9_]{0,15})(?:@([1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?))?$/;
const SYMBOL = /^[!-+\--~](?:[ -+\--~]{0,62}[!-+\--~])?$/;
const COMMA = 0x2c;
const PLACES_MAX = 50_000;

/** A frame cut into its topic and the items of its body. */
export interface Split {
  /** Everything up to and including the second comma, one character a byte. */
  readonly topic: string;
  /** The items, of which the first four are integers: type, epoch, sequence, flags. */
  readonly items: unknown[];
}

/** Whether this version knows a message number. */
export function isKnown(number: number): boolean {
  return CLASSES.has(number);
}

/** The item that counts merged updates; -1 where a message has none. */
export function mergedIndexOf(number: number): number {
  return MERGED_INDEX.get(number) ?? -1;
}

/** The numbers that a kind's, or a `sys` name's, topics may carry. */
export function carriedBy(name: string): readonly number[] {
  return CARRIED.get(name) ?? [];
}

/**
 * Spell a price as the exact decimal number the vendor sent, without exponent.
 *
 * @param price - A price from a message.
 * @returns The shortest decimal that reads back as the same double, for example `"188.35"`: the
 *   vendor's text without trailing zeros.
 * @throws DecodeError - NaN or infinity, which no message holds.
 */
export function toDecimal(price: number): string {
  if (!Number.isFinite(price)) throw new DecodeError("price is not finite", { price });
  const [mantissa = "0", exponent] = String(price).split("e");
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole = "0", fraction = ""] = mantissa.slice(sign.length).split(".");
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Cut a frame into topic and items, and check what sequence tracking needs.
 *
 * @throws DecodeError - Not a frame of the contract.
 */
export function splitFrame(frame: Buffer): Split {
  const end = frame.indexOf(COMMA, frame.indexOf(COMMA) + 1) + 1;
  if (end < 3 || end > TOPIC_BYTES_MAX) {
    throw new DecodeError("frame does not begin with a topic", { frame });
  }
  const items = readBody(readValue(frame, end, NESTING_LEVELS_MAX));
  return { topic: frame.toString("latin1", 0, end), items };
}

/**
 * Take a body's items: an array that begins with the whole header.
 *
 * @throws DecodeError - Something else, or a header that says nothing of the sequence.
 */
export function readBody(body: unknown): unknown[] {
  if (!Array.isArray(body) || body.length < HEADER_COUNT) {
    throw new DecodeError("body is not an array with a header", { body });
  }
  for (let index = 0; index < 4; index += 1) {
    const item: unknown = body[index];
    if (!Number.isSafeInteger(item) || (item as number) < 0) {
      throw new DecodeError("header item is not an integer of its range", { index, item });
    }
  }
  return body;
}

/** What a topic says of the frames on it. */
interface Place {
  readonly kind: string;
  readonly symbol: string;
  readonly name: string;
  readonly isPrivate: boolean;
}

const places = new Map<string, Place>();

/**
 * Decode one frame.
 *
 * @param frame - One message of the data socket.
 * @returns The message; `kind` and `symbol` are the frame's, nonce and variant included.
 * @throws DecodeError - Not a frame of the contract, or a kind with another kind's number.
 * @throws UnknownMessage - A kind or a message number this version does not know: skip it.
 */
export function decodeFrame(frame: Uint8Array): Message {
  if (frame.length > FRAME_BYTES_MAX) {
    throw new DecodeError("frame is too long", { bytes: frame.length });
  }
  const bytes = Buffer.isBuffer(frame)
    ? frame
    : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const end = bytes.indexOf(COMMA, bytes.indexOf(COMMA) + 1) + 1;
  if (end < 3 || end > TOPIC_BYTES_MAX) {
    throw new DecodeError("frame does not begin with a topic", { frame });
  }
  const place = placeOf(bytes.toString("latin1", 0, end));
  const items = readBody(readValue(bytes, end, NESTING_LEVELS_MAX));
  const number = items[0] as number;
  if (!CLASSES.has(number)) throw new UnknownMessage("unknown message number", { number });
  const isAnswer = place.isPrivate && number === MessageType.STATE;
  if (!isAnswer && !carriedBy(place.name).includes(number)) {
    throw new DecodeError("kind and message number do not match", { kind: place.kind, number });
  }
  return build(place.kind, place.symbol, items);
}

/** Read a topic, or remember what it said: symbols are few, frames are many. */
function placeOf(topic: string): Place {
  const known = places.get(topic);
  if (known !== undefined) return known;
  const [kind = "", symbol = ""] = topic.split(",");
  const match = KIND.exec(kind);
  if (match === null || !SYMBOL.test(symbol)) {
    throw new DecodeError("topic is malformed", { topic });
  }
  const [, nonce, base = "", variant] = match;
  const isSys = base === "sys";
  if (isSys ? !Object.hasOwn(SYS_NAMES, symbol) : !Object.hasOwn(KIND_TYPES, base)) {
    throw new UnknownMessage("unknown kind", { topic });
  }
  if (variant !== undefined && !isVariant(base, variant)) {
    throw new DecodeError("kind has no such variant", { topic });
  }
  const place = { kind, symbol, name: isSys ? symbol : base, isPrivate: nonce !== undefined };
  if (!place.isPrivate) {
    if (places.size >= PLACES_MAX) places.clear();
    places.set(topic, place);
  }
  return place;
}

/**
 * Build the message from the items of a known message number.
 *
 * @param kind - What the message is to say as its kind; `order` decides how image rows are laid
 *   out.
 * @param symbol - The symbol.
 * @param items - From `splitFrame` or `readBody`; left as they are.
 * @param flagsAdd - Flags to set besides those sent.
 * @param mergedAdd - Updates to add to `merged`, where the message has it.
 * @throws DecodeError - An item is wrong.
 */
export function build(
  kind: string,
  symbol: string,
  items: readonly unknown[],
  flagsAdd = 0,
  mergedAdd = 0,
): Message {
  const number = items[0] as number;
  const type = CLASSES.get(number);
  const layout = LAYOUTS.get(number);
  if (type === undefined || layout === undefined) {
    throw new UnknownMessage("unknown message number", { number });
  }
  const rows = number === MessageType.IMAGE ? ROW_LAYOUTS.get(splitPrivate(kind)) : undefined;
  const checked = layout.check(items, rows, isEmpty(items, layout.count));
  // One bit at a time: `|` would cut a newer gateway's bits above 2^31.
  for (let bit = 1; bit <= flagsAdd; bit *= 2) {
    const flags = checked[3] as number;
    if (flagsAdd & bit && !(flags & bit)) checked[3] = flags + bit;
  }
  const merged = mergedIndexOf(number);
  if (mergedAdd > 0 && merged >= 0) checked[merged] = Number(checked[merged] ?? 1) + mergedAdd;
  return new type(kind, symbol, checked);
}

/** Whether nothing is known of the topic: flag SNAPSHOT and nothing behind the header. */
function isEmpty(items: readonly unknown[], count: number): boolean {
  if (!((items[3] as number) & Flag.SNAPSHOT)) return false;
  const last = Math.min(items.length, count);
  for (let index = HEADER_COUNT; index < last; index += 1) {
    if (items[index] !== null) return false;
  }
  return true;
}
