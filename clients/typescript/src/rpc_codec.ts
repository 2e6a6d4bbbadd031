/** Control requests to bytes, bytes to replies. */

import { encode } from "@msgpack/msgpack";

import { DecodeError, InvalidArgument, RequestRefused } from "./errors.js";
import {
  DEADLINE_MS_MAX,
  PROTOCOL_VERSION,
  REQUEST_BYTES_MAX,
  type Details,
} from "./messages.js";
import { readValue } from "./msgpack_reader.js";

/** Longest reply that is read: 5,000 snapshots of books fit. */
export const REPLY_BYTES_MAX = 64 * 1024 * 1024;
const RETRY_MS_MAX = 3_600_000;
const REPLY_LEVELS_MAX = 32;

/** Parameters of a method. */
export type Params = Readonly<Record<string, unknown>>;

/** One answer of the gateway that brought a result. */
export class Reply {
  /** The request's id. */
  readonly id: number;
  /** The method's result. */
  readonly result: unknown;

  constructor(id: number, result: unknown) {
    this.id = id;
    this.result = result;
  }
}

/** One answer of the gateway that is a refusal. */
export interface RefusedReply {
  /** The request's id. */
  readonly id: number;
  /** Spell the refusal of a method. */
  readonly refusal: (method: string) => RequestRefused;
}

/**
 * Pack one request.
 *
 * @param id - Comes back in the reply.
 * @param method - Name of the method.
 * @param params - Its parameters; a bigint is sent as an integer.
 * @param deadlineMs - How long we wait; the gateway drops what it finds too late.
 * @throws InvalidArgument - The parameters cannot be packed, or are longer than the gateway reads.
 */
export function encodeRequest(
  id: number,
  method: string,
  params: Params,
  deadlineMs: number,
): Uint8Array {
  const deadline_ms = Math.max(1, Math.min(Math.floor(deadlineMs), DEADLINE_MS_MAX));
  const request = { v: PROTOCOL_VERSION, id, method, params: packable(params), deadline_ms };
  let data: Uint8Array;
  try {
    data = encode(request, { useBigInt64: true, ignoreUndefined: true });
  } catch (error) {
    throw new InvalidArgument("parameters cannot be packed", { method, cause: String(error) });
  }
  if (data.length > REQUEST_BYTES_MAX) {
    const facts = { method, bytes: data.length, bytesMax: REQUEST_BYTES_MAX };
    throw new InvalidArgument("request is too long", facts, "Split the request.");
  }
  return data;
}

/**
 * Spell integers so that the encoder writes them as such: it makes a float of every number above 32
 * bits, an epoch for one, and takes 64 bits for every bigint.
 */
function packable(value: unknown): unknown {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    const number = Number(value);
    return Math.abs(number) > 0x7fffffff ? BigInt(value as number | bigint) : number;
  }
  if (Array.isArray(value)) return value.map(packable);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, packable(item)]));
}

/**
 * Read one reply.
 *
 * @throws DecodeError - Not a reply of the contract.
 */
export function decodeReply(data: Uint8Array): Reply | RefusedReply {
  if (data.length > REPLY_BYTES_MAX) {
    throw new DecodeError("reply is too long", { bytes: data.length });
  }
  const reply = readValue(data, 0, REPLY_LEVELS_MAX);
  if (!isMap(reply)) throw new DecodeError("reply is not a map", { data });
  const { id, ok } = reply;
  if (typeof id !== "number" || typeof ok !== "boolean") {
    throw new DecodeError("reply lacks id or ok", { data });
  }
  if (ok) return new Reply(id, reply["result"]);
  return { id, refusal: (method) => refusalOf(reply["error"], method) };
}

function refusalOf(error: unknown, method: string): RequestRefused {
  const fields: Record<string, unknown> = isMap(error) ? error : {};
  const { retry_ms: retryMs, details } = fields;
  return new RequestRefused({
    code: textOr(fields["code"], "internal"),
    message: textOr(fields["message"], "the gateway refused without saying why"),
    hint: textOr(fields["hint"], "Read the gateway's log."),
    retryMs: typeof retryMs === "number" ? Math.min(Math.max(retryMs, 0), RETRY_MS_MAX) : null,
    details: isMap(details) ? (details as Details) : {},
    method,
  });
}

function textOr(value: unknown, instead: string): string {
  return typeof value === "string" ? value : instead;
}

/** Whether a value is a map. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
