/** From frames to what an application gets: every way in which a loss is found. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { encode } from "@msgpack/msgpack";

import { Gap, GatewayRestarted } from "#dist/events.js";
import { Intake } from "#dist/intake.js";
import { ANSWER_MS_MAX, Joins } from "#dist/joins.js";
import { Flag, MessageType } from "#dist/messages.js";
import { Replays } from "#dist/replays.js";
import { Pending } from "#dist/routes.js";

const EPOCH = 1_763_884_800_000;

class Stage {
  readonly joins = new Joins();
  readonly replays = new Replays();
  readonly intake = new Intake(this.joins, this.replays);

  /** Hand over a frame; returns what the application gets, messages as their sequences. */
  give(
    topic: string,
    type: number,
    sequence: number,
    rest: readonly unknown[] = [],
    { epoch = EPOCH, flags = 0 } = {},
  ): unknown[] {
    const body = [type, BigInt(epoch), sequence, flags, 1, null, ...rest];
    this.intake.receive(
      Buffer.concat([Buffer.from(topic), encode(body, { useBigInt64: true })]),
    );
    const out = this.intake.out.map((item) => (item instanceof Pending ? item.items[2] : item));
    this.intake.out = [];
    return out;
  }
}

test("a lost quote is told, asked for and healed by a newer snapshot", () => {
  const stage = new Stage();
  stage.intake.add("quote,A,");
  assert.deepEqual(stage.give("quote,A,", MessageType.QUOTE, 1), [1]);
  assert.deepEqual(stage.give("quote,A,", MessageType.QUOTE, 4), [
    new Gap("quote,A,", 2, 3, EPOCH),
    4,
  ]);
  const [secret = ""] = stage.joins.start(0);
  const flags = Flag.SNAPSHOT;
  assert.deepEqual(stage.give(secret, MessageType.QUOTE, 4, [], { flags }), [
    4,
    new Gap("quote,A,", 2, 3, EPOCH, { healed: true }),
  ]);
  assert.deepEqual(stage.intake.answered, [secret]);
});

test("the loss of a last trade is found by the gateway's word on quiet topics", () => {
  const stage = new Stage();
  stage.intake.add("trade,A,");
  stage.give("trade,A,", MessageType.TRADE, 7);
  const tails = [{ topics: { "trade,A,": 9 } }];
  assert.deepEqual(stage.give("sys,tails,", MessageType.TAILS, 1, tails), [
    new Gap("trade,A,", 8, 9, EPOCH),
  ]);
  const [request] = stage.replays.start(0);
  assert.deepEqual([request?.first, request?.last, request?.epoch], [8, 9, EPOCH]);
  assert.deepEqual(stage.give("trade,A,", MessageType.TRADE, 9), [], "a repeat");
});

test("a lost word on quiet topics makes every position asked for", () => {
  const stage = new Stage();
  stage.intake.add("trade,A,");
  const beat = (announced: number): unknown[] => [{ tails_sequence: announced }];
  stage.give("sys,heartbeat,", MessageType.HEARTBEAT, 1, beat(3));
  assert.equal(stage.joins.openCount, 0);
  stage.give("sys,heartbeat,", MessageType.HEARTBEAT, 2, beat(4));
  assert.equal(stage.joins.openCount, 1);
});

test("a restart ends what was being fetched before it is told", () => {
  const stage = new Stage();
  stage.intake.add("trade,A,");
  stage.give("trade,A,", MessageType.TRADE, 1);
  stage.give("trade,A,", MessageType.TRADE, 3);
  const epoch = EPOCH + 1;
  assert.deepEqual(stage.give("trade,A,", MessageType.TRADE, 2, [], { epoch }), [
    new Gap("trade,A,", 2, 2, EPOCH, { isFinal: true }),
    new GatewayRestarted(EPOCH, epoch),
    2,
  ]);
  const [request] = stage.replays.start(0);
  assert.deepEqual([request?.first, request?.last, request?.epoch], [1, 1, epoch]);
});

test("with a prefix go the wishes for what it brought; late answers are unsubscribed", () => {
  const stage = new Stage();
  stage.intake.add("quote,");
  stage.intake.add("quote,C,");
  for (const topic of ["quote,A,", "quote,B,", "quote,C,"]) {
    stage.give(topic, MessageType.QUOTE, 1);
    stage.intake.askAgain(topic);
    if (topic !== "quote,A,") stage.joins.start(0);
  }
  assert.equal(stage.joins.openCount, 3);
  const secrets = stage.intake.remove("quote,");
  assert.deepEqual(secrets.map((secret) => secret.split(".")[1]), ["quote,A,", "quote,B,"]);
  assert.equal(stage.joins.openCount, 1);
  // A wish without a route: however it came to be, its answer ends it.
  stage.joins.ask("quote,D,");
  const [late = ""] = stage.joins.start(0);
  stage.give(late, MessageType.QUOTE, 1);
  assert.deepEqual(stage.intake.answered, [late]);
});

test("an answer nobody can read heals nothing, and is asked for again after a pause", () => {
  const stage = new Stage();
  stage.intake.add("quote,A,");
  stage.give("quote,A,", MessageType.QUOTE, 1);
  stage.give("quote,A,", MessageType.QUOTE, 4);
  const [secret = ""] = stage.joins.start(0);
  const flags = Flag.SNAPSHOT;
  assert.deepEqual(stage.give(secret, MessageType.QUOTE, 4, ["no price"], { flags }), []);
  assert.deepEqual(stage.give(secret, MessageType.STATE, 4, [7]), []);
  assert.equal(stage.intake.badFrameCount, 2);
  assert.ok(!stage.joins.canStart, "not at once");
  assert.deepEqual(stage.joins.overdue(ANSWER_MS_MAX), [secret]);
  const [again = ""] = stage.joins.start(ANSWER_MS_MAX);
  assert.deepEqual(stage.give(again, MessageType.QUOTE, 4, [], { flags }), [
    4,
    new Gap("quote,A,", 2, 3, EPOCH, { healed: true }),
  ]);
});

test("an image nobody can read heals no book", () => {
  const stage = new Stage();
  stage.intake.add("depth,A,");
  stage.give("depth,A,", MessageType.DEPTH, 1);
  stage.give("depth,A,", MessageType.DEPTH, 3);
  const [secret = ""] = stage.joins.start(0);
  assert.deepEqual(stage.give(secret, MessageType.IMAGE, 3, ["no rows"]), []);
  assert.deepEqual(stage.give("depth,A,", MessageType.IMAGE, 4, ["no rows"]), [4]);
  assert.equal(stage.joins.openCount, 1);
});

test("what cannot be read is counted and never thrown", () => {
  const stage = new Stage();
  stage.intake.add("quote,A,");
  stage.intake.receive(Buffer.from("quote,A,\xc1", "latin1"));
  stage.intake.receive(Buffer.alloc(0));
  stage.give("quote,A,", MessageType.TRADE, 1);
  stage.give("quote,A,", 999, 1);
  stage.give("quote,B,", MessageType.QUOTE, 1);
  const { badFrameCount, unknownCount, unroutedCount } = stage.intake;
  assert.deepEqual([badFrameCount, unknownCount, unroutedCount], [3, 1, 1]);
});
