/** A mirror is equal to the gateway's book, or says that it is not. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BookMirror,
  Disconnected,
  Gap,
  Image,
  MessageType,
  Order,
  OrderRow,
  SequenceGap,
  type Count,
} from "iqfeed-gateway-client";

const EPOCH = 1_763_884_800_000;

function order(sequence: number, action: string, id: bigint, price: number, size: Count): Order {
  const header = [MessageType.ORDER, EPOCH, sequence, 0, 1, null];
  return new Order("order", "@ESZ26", [...header, action, "B", id, null, price, size, id, 2]);
}

function image(sequence: number, ids: readonly bigint[]): Image {
  const rows = ids.map((id) => new OrderRow(["add", "B", id, null, 10 + Number(id), 1, id, 2]));
  return new Image("order", "@ESZ26", [MessageType.IMAGE, EPOCH, sequence, 1, 1, null, rows]);
}

test("updates before, in and behind the image come to the same book", () => {
  const mirror = new BookMirror("order", "@ESZ26");
  assert.equal(mirror.apply(order(4, "add", 9n, 19, 3)), false);
  assert.equal(mirror.isCurrent, false);
  assert.ok(mirror.apply(image(3, [1n, 2n])));
  assert.deepEqual(mirror.bids().map(({ price }) => price), [19, 12, 11]);
  assert.ok(mirror.apply(order(5, "delete", 9n, 19, 3)));
  assert.equal(mirror.bestBid?.price, 12);
  assert.equal(mirror.sequence, 5);
});

test("a hole ends it until an image comes", () => {
  const mirror = new BookMirror("order", "@ESZ26");
  mirror.apply(image(3, [1n]));
  assert.throws(() => mirror.apply(order(6, "add", 2n, 12, 1)), SequenceGap);
  assert.equal(mirror.reason, "updates 4 to 5 are missing");
  assert.ok(mirror.apply(image(5, [1n])));
  assert.equal(mirror.sequence, 6);
  mirror.apply(new Gap("order,@ESZ26,", 7, 7, EPOCH));
  assert.equal(mirror.isCurrent, false);
  mirror.apply(image(7, [1n]));
  mirror.apply(new Disconnected(3));
  assert.ok(!mirror.isCurrent && mirror.isStale);
});

test("sizes of a level add up exactly", () => {
  const mirror = new BookMirror("order", "@ESZ26");
  mirror.apply(order(1, "add", 1n, 10, 2n ** 60n + 1n));
  mirror.apply(order(2, "add", 2n, 10, 1));
  assert.deepEqual([mirror.bestBid?.size, mirror.bestBid?.orderCount], [2n ** 60n + 2n, 2]);
  mirror.apply(order(3, "delete", 1n, 10, 0));
  assert.equal(mirror.bestBid?.size, 1);
});
