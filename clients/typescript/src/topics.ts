/**
 * Symbols, kinds and topics: their grammar, in one place.
 *
 * A topic is `kind,symbol,`. A kind may carry a variant (`quote@250`), and a private snapshot topic
 * is `~<nonce>.kind,symbol,`: subscribing to it is the request for a snapshot.
 */

import { randomInt } from "node:crypto";

import { InvalidArgument, SecurityValidationError } from "./errors.js";
import {
  EVENT_KINDS,
  L1_KINDS,
  L2_KINDS,
  STATE_KINDS as STATES,
  SYMBOLS_MAX,
  VARIANT_KINDS as VARIANTS,
} from "./messages.js";

/** Kinds whose newest value replaces the older ones. */
export const STATE_KINDS: ReadonlySet<string> = new Set(STATES);
/** Kinds whose snapshot is an `image` of the whole book. */
export const BOOK_EVENT_KINDS: ReadonlySet<string> = new Set(["depth", "order"]);
/** Kinds whose snapshot only tells where the sequence stands. */
export const BASELINE_KINDS: ReadonlySet<string> = new Set(["trade", "correction", "news"]);
/** Everything a symbol can be subscribed to, without variants. */
export const KINDS: ReadonlySet<string> = new Set([...STATES, ...EVENT_KINDS]);

const VARIANT_KINDS: ReadonlySet<string> = new Set(VARIANTS);
const LEVEL_KINDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["l1", L1_KINDS],
  ["l2", L2_KINDS],
]);
const SYMBOL = /^(?! )[A-Z0-9@+#$=./!&^_%\- ]{1,48}(?<! )$/;
const VARIANT = /^[1-9][0-9]{0,4}$/;
const BOOK_VARIANT = /^[1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?$/;
const TOPIC = /^([a-z]+)(?:@([1-9][0-9x]{0,8}))?,(?:[!-+\--~ ]{1,64},)?$/;
const NONCE_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** About 119 random bits; the contract asks for 14 to 32 characters and at least 80 bits. */
const NONCE_CHARACTERS = 20;

/**
 * Refuse a symbol that must not reach the gateway; it is never re-spelled.
 *
 * @throws SecurityValidationError - Not 1 to 48 characters of the vendor's alphabet. For another
 *   spelling the hint offers the upper-case one; it is for the caller to decide.
 */
export function checkSymbol(symbol: string): string {
  if (typeof symbol !== "string") {
    throw new SecurityValidationError("symbol is not text", { type: typeof symbol });
  }
  if (SYMBOL.test(symbol)) return symbol;
  const upper = symbol.slice(0, 200).trim().toUpperCase();
  const hint = SYMBOL.test(upper) ? `Try "${upper}".` : undefined;
  throw new SecurityValidationError("symbol is not spelled as IQFeed does", { symbol }, hint);
}

/**
 * Spell out `l1` and `l2`, and check every kind.
 *
 * @returns Each kind once, in the order asked.
 * @throws InvalidArgument - No kind, or one that cannot be subscribed to.
 */
export function expandKinds(kinds: readonly string[]): string[] {
  if (typeof kinds === "string") {
    throw new InvalidArgument("kinds is a text", { kinds }, 'Pass an array: ["l1"].');
  }
  const expanded = new Set<string>();
  for (const kind of kinds) {
    for (const name of LEVEL_KINDS.get(kind) ?? [kind]) {
      const base = baseKind(name);
      if (!KINDS.has(base) || (base !== name && !isVariant(base, name.slice(base.length + 1)))) {
        const names = [...KINDS].sort().join(", ");
        throw new InvalidArgument("unknown kind", { kind }, `Use l1, l2 or one of ${names}.`);
      }
      expanded.add(name);
    }
  }
  if (expanded.size === 0) {
    throw new InvalidArgument("no kinds", {}, 'Pass at least one, for example ["l1"].');
  }
  return [...expanded];
}

/** Whether a kind may carry a variant: `250`, and for books `250x5` too. */
export function isVariant(kind: string, variant: string): boolean {
  if (!VARIANT_KINDS.has(kind)) return false;
  return (kind === "book" ? BOOK_VARIANT : VARIANT).test(variant);
}

/** Spell the topic of a kind and a symbol. */
export function topicOf(kind: string, symbol: string): string {
  return `${kind},${symbol},`;
}

/** Cut a topic into its kind and its symbol; null when it is none. */
export function splitTopic(topic: string): readonly [string, string] | null {
  const parts = topic.split(",");
  return parts.length === 3 && parts[2] === "" ? [parts[0] ?? "", parts[1] ?? ""] : null;
}

/**
 * Refuse what is neither a complete topic (`bar,AAPL,`) nor a kind prefix (`news,`).
 *
 * @throws InvalidArgument - Anything else, private topics and the empty prefix included.
 */
export function checkTopic(topic: string): string {
  const match = TOPIC.exec(topic);
  if (match === null || (match[2] !== undefined && !isVariant(match[1] ?? "", match[2]))) {
    const hint = "Write `kind,symbol,` or the prefix `kind,`.";
    throw new InvalidArgument("not a topic", { topic }, hint);
  }
  return topic;
}

/** Strip the variant: `quote@250` becomes `quote`. */
export function baseKind(kind: string): string {
  const at = kind.indexOf("@");
  return at < 0 ? kind : kind.slice(0, at);
}

/** Draw a fresh nonce; two snapshot requests must never share one. */
export function newNonce(): string {
  let nonce = "";
  for (let count = 0; count < NONCE_CHARACTERS; count += 1) {
    nonce += NONCE_ALPHABET.charAt(randomInt(NONCE_ALPHABET.length));
  }
  return nonce;
}

/** Strip the nonce of a private kind: `~Zk3….quote` becomes `quote`; others stay as they are. */
export function splitPrivate(kind: string): string {
  return kind.startsWith("~") ? kind.slice(kind.indexOf(".") + 1) : kind;
}

/** Cut a list of symbols or topics into pieces that one request may carry. */
export function chunks<T>(items: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let start = 0; start < items.length; start += SYMBOLS_MAX) {
    parts.push(items.slice(start, start + SYMBOLS_MAX));
  }
  return parts;
}
