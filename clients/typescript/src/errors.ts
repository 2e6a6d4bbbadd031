/**
 * Every error the client throws, as one tree.
 *
 *     GatewayClientError
 *     ├── InvalidArgument
 *     │   └── SecurityValidationError
 *     ├── NotConnected
 *     ├── RequestError: RequestTimedOut, RequestRefused
 *     ├── CodecError: DecodeError, UnknownMessage
 *     └── SequenceGap
 *
 * An error holds facts by name; they are quoted in its message, bounded and escaped, so that a
 * hostile value can neither flood nor forge a log line.
 */

import type { Details } from "./messages.js";

const FACT_CHARACTERS_MAX = 200;

/** Values that show what happened, by name. */
export type Facts = Readonly<Record<string, unknown>>;

/** Quote a value: printable ASCII, at most 200 characters and an ellipsis. */
function bounded(value: unknown): string {
  const text = escaped(typeof value === "string" ? JSON.stringify(cut(value)) : plain(value));
  return text.length <= FACT_CHARACTERS_MAX ? text : `${text.slice(0, FACT_CHARACTERS_MAX)}...`;
}

function plain(value: unknown): string {
  if (value instanceof Uint8Array) {
    const start = value.subarray(0, FACT_CHARACTERS_MAX + 1);
    return JSON.stringify(Buffer.from(start).toString("latin1"));
  }
  if (Array.isArray(value)) {
    return `[${value.slice(0, FACT_CHARACTERS_MAX).map(brief).join(", ")}]`;
  }
  return brief(value);
}

function brief(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(cut(value));
  return typeof value === "object" && value !== null ? "{...}" : cut(String(value));
}

function cut(text: string): string {
  return text.slice(0, FACT_CHARACTERS_MAX + 1);
}

function escaped(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Base of everything the client throws on purpose. */
export class GatewayClientError extends Error {
  /** Stable: the gateway's own error code where it answered, a name of ours elsewhere. */
  readonly code: string = "client";
  /** What to do next. */
  readonly hint: string;
  /** The values that show what happened. */
  readonly facts: Facts;

  constructor(text: string, facts: Facts = {}, hint?: string) {
    const quoted = Object.entries(facts).map(([name, value]) => `${name}=${bounded(value)}`);
    super(quoted.length === 0 ? text : `${text} (${quoted.join(", ")})`);
    this.name = new.target.name;
    this.facts = facts;
    this.hint = hint ?? "Read the facts beside this message; they name what was being done.";
  }
}

/** An argument that can never be right; nothing was sent. */
export class InvalidArgument extends GatewayClientError {
  override readonly code: string = "invalid_argument";

  constructor(text: string, facts: Facts = {}, hint = "Correct the named argument.") {
    super(text, facts, hint);
  }
}

/** A symbol that must not reach the gateway; nothing was sent. */
export class SecurityValidationError extends InvalidArgument {
  override readonly code = "symbol_invalid";

  constructor(text: string, facts: Facts = {}, hint?: string) {
    const rule =
      "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 characters, " +
      "no comma and no blank at either end.";
    super(text, facts, hint ?? rule);
  }
}

/** The client is not connected, or lost the gateway while the call was under way. */
export class NotConnected extends GatewayClientError {
  override readonly code = "not_connected";

  constructor(text: string, facts: Facts = {}, hint?: string) {
    super(text, facts, hint ?? "Call connect() first; when it returned false, read lastError.");
  }
}

/** A control request that brought no result. */
export class RequestError extends GatewayClientError {
  override readonly code: string = "request";
}

/** The answer did not come before the deadline; the gateway may still have acted on it. */
export class RequestTimedOut extends RequestError {
  override readonly code = "timeout";

  constructor(text: string, facts: Facts = {}, hint?: string) {
    const advice = "Retry; if it repeats, check that the gateway runs, and getHealthStatus().";
    super(text, facts, hint ?? advice);
  }
}

/** What a refusal says. */
export interface Refusal {
  /** The gateway's stable error code, for example `unknown_method`. */
  readonly code: string;
  /** The gateway's text. */
  readonly message: string;
  /** What the gateway advises. */
  readonly hint: string;
  /** Milliseconds after which a retry may succeed; null when a retry is pointless. */
  readonly retryMs: number | null;
  /** What the gateway adds, by name. */
  readonly details: Details;
  /** The method that was called. */
  readonly method: string;
}

/** The gateway answered with an error. */
export class RequestRefused extends RequestError {
  override readonly code: string;
  /** Milliseconds after which a retry may succeed; null when a retry is pointless. */
  readonly retryMs: number | null;
  /** What the gateway adds, by name. */
  readonly details: Details;
  /** The method that was called. */
  readonly method: string;

  constructor(refusal: Refusal) {
    const { code, method, hint } = refusal;
    super(escaped(cut(refusal.message)), { code, method }, escaped(cut(hint)));
    this.code = refusal.code;
    this.retryMs = refusal.retryMs;
    this.details = refusal.details;
    this.method = refusal.method;
  }
}

/** Bytes and messages do not fit each other. */
export class CodecError extends GatewayClientError {
  override readonly code: string = "codec";

  constructor(text: string, facts: Facts = {}, hint?: string) {
    const advice =
      "Compare the bytes with the wire contract; gateway and client may differ in version.";
    super(text, facts, hint ?? advice);
  }
}

/** Bytes that are not a message of the wire contract. */
export class DecodeError extends CodecError {
  override readonly code = "malformed";
}

/** A message number or a kind this version does not know. */
export class UnknownMessage extends CodecError {
  override readonly code = "unknown_message";

  constructor(text: string, facts: Facts = {}) {
    super(text, facts, "A newer gateway may send it; skip the message or update the client.");
  }
}

/** Updates of a book are missing; its mirror is not current until an image comes. */
export class SequenceGap extends GatewayClientError {
  override readonly code = "sequence_gap";
  /** The topic they were published on. */
  readonly topic: string;
  /** Sequence of the first one that is missing. */
  readonly firstMissing: number;
  /** Sequence of the last one that is missing; not below `firstMissing`. */
  readonly lastMissing: number;

  constructor(topic: string, firstMissing: number, lastMissing: number) {
    const advice = "Ask for an image of the topic and apply it; updates may be applied meanwhile.";
    super("updates are missing", { topic, firstMissing, lastMissing }, advice);
    this.topic = topic;
    this.firstMissing = firstMissing;
    this.lastMissing = lastMissing;
  }

  /** The fact in a few words, as a mirror tells why it is not current. */
  get reason(): string {
    return missingReason(this.firstMissing, this.lastMissing);
  }
}

/** Spell which updates are missing. */
export function missingReason(first: number, last: number): string {
  return first === last ? `update ${first} is missing` : `updates ${first} to ${last} are missing`;
}
