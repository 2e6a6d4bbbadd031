/** The parts without I/O: what decides whether a loss is seen, told and healed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { DeliveryQueue } from "#dist/delivery.js";
import { InvalidArgument, RequestRefused, RequestTimedOut } from "#dist/errors.js";
import { Gap, Overrun } from "#dist/events.js";
import { Joins, ANSWER_MS_MAX } from "#dist/joins.js";
import { LeaseBook } from "#dist/leases.js";
import { Flag, MessageType } from "#dist/messages.js";
import { without } from "#dist/ranges.js";
import { Replays } from "#dist/replays.js";
import { Pending, Route } from "#dist/routes.js";
import { Reply } from "#dist/rpc_codec.js";
import { checkSymbol, checkTopic, expandKinds } from "#dist/topics.js";
import { TopicTracker } from "#dist/tracker.js";

const EPOCH = 1_763_884_800_000;

function trade(sequence: number, flags = 0): unknown[] {
  return [MessageType.TRADE, EPOCH, sequence, flags, 1, null, 1.5, 1, null, null, null, "C"];
}

test("a hole, a repeat, a restart and a re-sent message are told apart", () => {
  const tracker = new TopicTracker();
  assert.equal(tracker.update(EPOCH, 5, 0).verdict, "good");
  assert.deepEqual(tracker.update(EPOCH, 8, 0), {
    verdict: "gap",
    firstMissing: 6,
    lastMissing: 7,
  });
  assert.equal(tracker.update(EPOCH, 8, 0).verdict, "repeat");
  assert.equal(tracker.update(EPOCH, 6, Flag.REPLAY).verdict, "replayed");
  assert.equal(tracker.snapshot(EPOCH, 7).verdict, "repeat");
  assert.equal(tracker.tail(EPOCH, 9).verdict, "gap");
  assert.equal(tracker.update(EPOCH + 1, 1, 0).verdict, "restart");
});

test("ranges are cut out of a range", () => {
  assert.deepEqual(without([1, 10], [[9, 12], [3, 4]]), [[1, 2], [5, 8]]);
});

test("an unanswered snapshot is asked for again with another nonce", () => {
  const joins = new Joins(1);
  assert.ok(joins.ask("quote,A,"));
  assert.ok(joins.ask("quote,B,"));
  assert.ok(!joins.ask("quote,A,"));
  const [first = ""] = joins.start(0);
  assert.match(first, /^~[0-9a-zA-Z]{20}\.quote,A,$/);
  assert.deepEqual(joins.overdue(ANSWER_MS_MAX), [first]);
  assert.equal(joins.answered(first), null);
  const [second = ""] = joins.start(ANSWER_MS_MAX);
  assert.equal(joins.answered(second), "quote,B,");
  const [third = ""] = joins.start(ANSWER_MS_MAX);
  assert.notEqual(third, first);
  assert.equal(joins.answered(third), "quote,A,");
});

test("what is asked of the gateway is checked first", () => {
  assert.equal(checkSymbol("@ESZ26"), "@ESZ26");
  assert.throws(() => checkSymbol("aapl"), { code: "symbol_invalid", hint: 'Try "AAPL".' });
  assert.throws(() => checkSymbol("A,B"), { code: "symbol_invalid" });
  assert.deepEqual(expandKinds(["l1", "quote", "book@1000x5"]), [
    "quote",
    "trade",
    "summary",
    "state",
    "book@1000x5",
  ]);
  assert.throws(() => expandKinds(["trade@250"]), { code: "invalid_argument" });
  assert.equal(checkTopic("news,"), "news,");
  assert.throws(() => checkTopic("~x.quote,A,"), { code: "invalid_argument" });
});

test("an error quotes what it was given bounded, on one line", () => {
  const error = new InvalidArgument("refused", {
    text: `a\n${"x".repeat(10_000)}`,
    list: [1n, {}],
  });
  assert.match(error.message, /^refused \(text="a\\nx{190,200}\.\.\., list=\[1, \{\.\.\.\}\]\)$/);
});

test("leases are renewed in time and regained when they expired", () => {
  const book = new LeaseBook(60);
  book.want(["A", "B"], ["quote", "state"]);
  book.add("1", ["A", "B"], 0);
  assert.deepEqual(book.due(9_999), []);
  assert.equal(book.due(10_000).length, 1);
  assert.deepEqual(book.due(10_000), []);
  book.renewed("1", 10_000, true);
  assert.equal(book.deadlineMs(), 12_000);
  assert.deepEqual(book.drop(["A"], ["quote"]), ["quote,A,"]);
  assert.ok(book.expire("1"));
  assert.deepEqual(book.groups(["A", "B"]), [
    { symbols: ["A"], kinds: ["state"] },
    { symbols: ["B"], kinds: ["quote", "state"] },
  ]);
});

test("each lost trade is delivered once or named by one final gap", () => {
  const replays = new Replays();
  const route = new Route("trade,A,");
  assert.ok(replays.ask(route, EPOCH, 3, 6));
  const [request] = replays.start(0);
  assert.ok(request);
  const bodies = [trade(5, Flag.REPLAY), trade(5, Flag.REPLAY), trade(6, Flag.REPLAY)];
  const out = replays.answered(request, new Reply(1, { bodies, complete: false, oldest: 5 }), 0);
  assert.deepEqual(
    out.map((entry) => (entry instanceof Pending ? entry.items[2] : entry)),
    [
      new Gap("trade,A,", 3, 4, EPOCH, { isFinal: true }),
      5,
      6,
      new Gap("trade,A,", 5, 6, EPOCH, { healed: true }),
    ],
  );
  assert.equal(replays.badCount, 1);
  assert.equal(replays.holeCount, 0);
});

test("a busy gateway is asked again, not before it wishes to be, and five times at most", () => {
  const replays = new Replays();
  replays.ask(new Route("trade,A,"), EPOCH, 1, 2);
  const busy = { code: "busy", message: "", hint: "", retryMs: 700, details: {}, method: "replay" };
  let nowMs = 0;
  for (let attempt = 1; attempt < 5; attempt += 1) {
    const [request] = replays.start(nowMs);
    assert.ok(request);
    assert.deepEqual(replays.answered(request, new RequestRefused(busy), nowMs), []);
    assert.equal(replays.deadlineMs(), nowMs + 700);
    nowMs += 700;
  }
  const [request] = replays.start(nowMs);
  assert.ok(request);
  const out = replays.answered(request, new RequestTimedOut("no reply"), nowMs);
  assert.deepEqual(out, [new Gap("trade,A,", 1, 2, EPOCH, { isFinal: true })]);
});

test("a full queue is skipped: values stay, events are named, once", () => {
  const told: Overrun[] = [];
  const bounds = { capacity: 4, conflateAbove: 3, skipAfterMs: null };
  const queue = new DeliveryQueue(bounds, (overrun) => told.push(overrun));
  const trades = new Route("trade,A,");
  const quotes = new Route("quote,A,");
  const quote = (sequence: number): unknown[] => [MessageType.QUOTE, EPOCH, sequence, 0, 1, null];
  queue.extend([new Pending(quotes, quote(1), true)], 0);
  for (let at = 1; at <= 4; at += 1) queue.extend([new Pending(trades, trade(at), false)], at);
  queue.extend([new Pending(quotes, quote(2), true)], 9);
  const items = [];
  for (let entry = queue.pop(); entry !== null; entry = queue.pop()) items.push(entry);
  assert.deepEqual(told, [new Overrun("trade,A,", 3, 0)]);
  assert.deepEqual(
    items.map((entry) => (entry instanceof Pending ? [entry.route.kind, entry.items[2]] : entry)),
    [
      new Overrun("trade,A,", 3, 0),
      new Gap("trade,A,", 1, 3, EPOCH, { isFinal: true }),
      ["quote", 2],
      ["trade", 4],
    ],
  );
  assert.equal(queue.ageMs(100), 0);
});

test("who waits longer than a timer can is not woken at once", async () => {
  const bounds = { capacity: 4, conflateAbove: 3, skipAfterMs: null };
  const queue = new DeliveryQueue(bounds, () => undefined);
  let isWoken = false;
  const waiting = queue.wait(2 ** 31 + 1_000).then(() => (isWoken = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!isWoken);
  queue.close();
  await waiting;
});
