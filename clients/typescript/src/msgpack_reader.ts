/**
 * msgpack to JavaScript values, with integers exact and nothing else than the contract's types.
 *
 * An integer is a number up to 2^53-1 and a bigint above, whatever width it was written in: a
 * decoder that returns bigint for every 64-bit encoding would allocate three for the header of each
 * frame. Binary, extensions, NaN, infinity, text that is not UTF-8, keys that are not text and
 * counts larger than the bytes left are refused while reading.
 */

import { DecodeError } from "./errors.js";

const SHORT_TEXT_BYTES = 24;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/**
 * Read exactly one value from `start` to the end of the bytes.
 *
 * @param data - The bytes.
 * @param start - Where the value begins.
 * @param levelsMax - Deepest nesting of arrays and maps.
 * @returns The value; maps have no prototype.
 * @throws DecodeError - Anything else.
 */
export function readValue(data: Uint8Array, start: number, levelsMax: number): unknown {
  const reader = new Reader(data, start, levelsMax);
  const value = reader.value(1);
  reader.finish();
  return value;
}

class Reader {
  private readonly data: Uint8Array;
  private readonly levelsMax: number;
  private at: number;

  constructor(data: Uint8Array, at: number, levelsMax: number) {
    this.data = data;
    this.at = at;
    this.levelsMax = levelsMax;
  }

  finish(): void {
    if (this.at !== this.data.length) this.refuse("bytes behind the value");
  }

  value(level: number): unknown {
    const first = this.byte();
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first >= 0xa0 && first < 0xc0) return this.text(first & 0x1f);
    if (first < 0x90) return this.map(first & 0x0f, level);
    if (first < 0xa0) return this.array(first & 0x0f, level);
    return this.long(first, level);
  }

  private long(first: number, level: number): unknown {
    switch (first) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.float32();
      case 0xcb:
        return this.float64();
      case 0xcc:
        return this.byte();
      case 0xcd:
        return this.uint16();
      case 0xce:
        return this.uint32();
      case 0xcf:
        return this.wide(this.uint32());
      case 0xd0:
        return (this.byte() << 24) >> 24;
      case 0xd1:
        return (this.uint16() << 16) >> 16;
      case 0xd2:
        return this.uint32() | 0;
      case 0xd3:
        return this.wide(this.uint32() | 0);
      case 0xd9:
        return this.text(this.byte());
      case 0xda:
        return this.text(this.uint16());
      case 0xdb:
        return this.text(this.uint32());
      case 0xdc:
        return this.array(this.uint16(), level);
      case 0xdd:
        return this.array(this.uint32(), level);
      case 0xde:
        return this.map(this.uint16(), level);
      case 0xdf:
        return this.map(this.uint32(), level);
      default:
        return this.refuse("value has no type of the contract");
    }
  }

  private byte(): number {
    const value = this.data[this.at];
    if (value === undefined) return this.refuse("bytes end within a value");
    this.at += 1;
    return value;
  }

  /** Claim bytes; returns where they begin. */
  private take(count: number): number {
    const at = this.at;
    if (count > this.data.length - at) this.refuse("bytes end within a value");
    this.at = at + count;
    return at;
  }

  private uint16(): number {
    const at = this.take(2);
    return ((this.data[at] as number) << 8) | (this.data[at + 1] as number);
  }

  private uint32(): number {
    const at = this.take(4);
    const data = this.data;
    const high = ((data[at] as number) << 8) | (data[at + 1] as number);
    return high * 0x10000 + (((data[at + 2] as number) << 8) | (data[at + 3] as number));
  }

  /** The rest of a 64-bit integer whose upper half, signed or not, was read. */
  private wide(high: number): number | bigint {
    const low = this.uint32();
    if (high < 0x200000 && high >= -0x200000) {
      const value = high * 0x100000000 + low;
      if (Number.isSafeInteger(value)) return value;
    }
    return (BigInt(high) << 32n) | BigInt(low);
  }

  private float32(): number {
    this.copy(4);
    return this.finite(scratch.getFloat32(0));
  }

  private float64(): number {
    this.copy(8);
    return this.finite(scratch.getFloat64(0));
  }

  private copy(count: number): void {
    const at = this.take(count);
    for (let index = 0; index < count; index += 1) {
      scratchBytes[index] = this.data[at + index] as number;
    }
  }

  private finite(value: number): number {
    return Number.isFinite(value) ? value : this.refuse("number is not finite");
  }

  private text(length: number): string {
    const at = this.take(length);
    if (length <= SHORT_TEXT_BYTES) {
      // Most texts are a few ASCII characters: a call into the decoder costs ten times as much.
      let text = "";
      for (let index = at; index < at + length; index += 1) {
        const byte = this.data[index] as number;
        if (byte >= 0x80) return this.decoded(at, length);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return this.decoded(at, length);
  }

  private decoded(at: number, length: number): string {
    try {
      return utf8.decode(this.data.subarray(at, at + length));
    } catch {
      return this.refuse("text is not UTF-8");
    }
  }

  private array(count: number, level: number): unknown[] {
    this.checkCount(count, level);
    const items: unknown[] = [];
    for (let index = 0; index < count; index += 1) items.push(this.value(level + 1));
    return items;
  }

  private map(count: number, level: number): Record<string, unknown> {
    this.checkCount(2 * count, level);
    // Without a prototype a key such as `constructor` or `__proto__` is a key like any other.
    const map = Object.create(null) as Record<string, unknown>;
    for (let index = 0; index < count; index += 1) {
      const key = this.value(level + 1);
      if (typeof key !== "string") return this.refuse("map key is not text");
      map[key] = this.value(level + 1);
    }
    return map;
  }

  /** Each item takes a byte at least, so a larger count is a lie: nothing is allocated for it. */
  private checkCount(count: number, level: number): void {
    if (count > this.data.length - this.at) this.refuse("bytes end within a value");
    if (level > this.levelsMax) this.refuse("nested too deep");
  }

  private refuse(text: string): never {
    throw new DecodeError(text, { at: this.at, data: this.data });
  }
}
