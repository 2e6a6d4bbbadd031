/**
 * Messages and events in the spelling of the test vectors: contract names, integers as decimal
 * strings (JSON numbers lose precision above 2^53), floats as numbers, nil as null.
 */

import type { Event } from "../events.js";
import {
  FIELDS,
  LEVEL_FIELDS,
  MAP_KEYS,
  MESSAGE_NAMES,
  MessageType,
  OrderRow,
  type FieldSpec,
  type Message,
} from "../messages.js";

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const INTEGERS: ReadonlySet<string> = new Set(["uint", "count", "id", "time_us", "integer"]);
const FLOATS: ReadonlySet<string> = new Set(["price", "number"]);
const ROWS: Readonly<Record<string, readonly FieldSpec[]>> = {
  order: (FIELDS[MessageType.ORDER] ?? []).slice(6),
  depth: (FIELDS[MessageType.DEPTH] ?? []).slice(6),
};

/** Spell a value without a type: a whole number counts as an integer. */
export function spellPlain(value: unknown): Json {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value;
  if (Array.isArray(value)) return value.map(spellPlain);
  if (typeof value === "object" && value !== null) return spellMap(value, {});
  return value as null | boolean | string;
}

function spellMap(map: object, types: Readonly<Record<string, string>>): { [key: string]: Json } {
  const spelled: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(map) as [string, unknown][]) {
    const isFloat = typeof value === "number" && FLOATS.has(types[key] ?? "");
    spelled[key] = isFloat ? value : spellPlain(value);
  }
  return spelled;
}

function spellFields(record: object, fields: readonly FieldSpec[], name: string): Json[] {
  const values = record as Readonly<Record<string, unknown>>;
  return fields.map((field) => spellField(values[field.property], field, name));
}

function spellField(value: unknown, field: FieldSpec, name: string): Json {
  if (value === null || value === undefined) return null;
  if (INTEGERS.has(field.type)) return String(value as number | bigint);
  if (field.type === "map") return spellMap(value, MAP_KEYS[name] ?? {});
  if (field.type === "levels" || field.type === "rows") {
    return (value as object[]).map((row) => spellFields(row, rowFields(row, field.type), name));
  }
  return value as Json;
}

function rowFields(row: object, type: string): readonly FieldSpec[] {
  if (type === "levels") return LEVEL_FIELDS;
  return (row instanceof OrderRow ? ROWS["order"] : ROWS["depth"]) ?? [];
}

/** Spell a message as the vectors do. */
export function spellMessage(message: Message): { [key: string]: Json } {
  const name = MESSAGE_NAMES[message.type] ?? "";
  const fields = FIELDS[message.type] ?? [];
  const values = spellFields(message, fields, name);
  const spelled: { [key: string]: Json } = { kind: message.kind, symbol: message.symbol };
  fields.forEach((field, index) => (spelled[field.name] = values[index] ?? null));
  return spelled;
}

/** Spell an item of the stream: its name as `item`, then its fields, and for messages `topic`. */
export function spellItem(item: Message | Event): { [key: string]: Json } {
  if (typeof item.type === "number") {
    const message = item as Message;
    const topic = `${message.kind},${message.symbol},`;
    return { item: MESSAGE_NAMES[message.type] ?? "", topic, ...spellMessage(message) };
  }
  const spelled: { [key: string]: Json } = { item: item.type };
  for (const [property, value] of Object.entries(item) as [string, Json][]) {
    if (property === "type") continue;
    const isFloat = property === "silentS";
    spelled[snake(property)] = typeof value === "number" && !isFloat ? String(value) : value;
  }
  return spelled;
}

/** Spell a property as the contract would: `silentS` becomes `silent_s`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
