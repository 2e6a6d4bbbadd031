/** Bytes: every vector of the contract, and what a request says of integers. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { decode } from "@msgpack/msgpack";

import { answerVector } from "#dist/conformance/vectors.js";
import { readValue } from "#dist/msgpack_reader.js";
import { decodeReply, encodeRequest, Reply } from "#dist/rpc_codec.js";
import { decodeFrame, toDecimal, Trade } from "iqfeed-gateway-client";

const VECTORS = new URL("../../../../schemas/vectors/", import.meta.url);

interface Vector {
  readonly id: number;
  readonly comment: string;
  readonly frame: string;
  readonly result: string;
  readonly error?: string;
  readonly message?: unknown;
}

test("every vector decodes to what it says", () => {
  for (const file of readdirSync(VECTORS).filter((name) => /\.v\d+\.json$/.test(name))) {
    const { tests } = JSON.parse(readFileSync(new URL(file, VECTORS), "utf8")) as {
      tests: Vector[];
    };
    for (const { id, comment, frame, result, error, message } of tests) {
      const wanted = error === undefined ? { id, result, message } : { id, result, error };
      assert.deepEqual(answerVector({ id, frame }), wanted, `${file} ${id}: ${comment}`);
    }
  }
});

test("ids and sizes are exact where a double is not", () => {
  const body = [
    0x9c, 2, 1, 1, 0, 1, 0xc0, 0xcb, 0x40, 0, 0, 0, 0, 0, 0, 0, 0xcf, 0x7f, 255, 255, 255, 255, 255,
    255, 255, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xc0, 0xc0, 0xa1, 0x43,
  ];
  const message = decodeFrame(Buffer.from([...Buffer.from("trade,A,"), ...body]));
  assert.ok(message instanceof Trade);
  assert.equal(message.size, 2n ** 63n - 1n);
  assert.equal(message.tradeId, 2n ** 64n - 1n);
});

test("a price is spelled as the vendor did, without exponent", () => {
  assert.equal(toDecimal(188.35), "188.35");
  assert.equal(toDecimal(1e-7), "0.0000001");
  assert.equal(toDecimal(-2.5e-7), "-0.00000025");
  assert.equal(toDecimal(1.5e21), "1500000000000000000000");
  assert.throws(() => toDecimal(NaN), { code: "malformed" });
});

test("integers of a request stay integers", () => {
  const epoch = 1_763_884_800_000;
  const data = encodeRequest(1, "replay", { epoch, small: 5n, id: 2n ** 64n - 1n }, 500);
  const request = readValue(data, 0, 8) as { params: unknown };
  assert.deepEqual({ ...(request.params as object) }, { epoch, small: 5, id: 2n ** 64n - 1n });
  // As an integer: a float of this size would be 0xcb.
  assert.ok(Buffer.from(data).includes(Buffer.from("cf0000019aafba1800", "hex")));
  assert.equal((decode(data) as { deadline_ms: number }).deadline_ms, 500);
});

test("a reply brings a result or a refusal", () => {
  const ok = Buffer.from([0x83, 0xa2, 0x69, 0x64, 7, 0xa2, 0x6f, 0x6b, 0xc3, 0xa1, 0x76, 1]);
  assert.ok(decodeReply(ok) instanceof Reply);
  assert.throws(() => decodeReply(Buffer.from([0xc1])), { code: "malformed" });
});

test("a map's key may have any name", () => {
  const map = readValue(Buffer.from([0x81, 0xa9, ...Buffer.from("__proto__"), 1]), 0, 8) as object;
  assert.deepEqual(Object.keys(map), ["__proto__"]);
});
