/** What is held at the gateway, against a gateway that answers when the test wishes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { encode } from "@msgpack/msgpack";

import { DeliveryQueue } from "#dist/delivery.js";
import { RequestTimedOut } from "#dist/errors.js";
import { MessageType } from "#dist/messages.js";
import { completeOptions } from "#dist/options.js";
import type { OnDone, RpcClient } from "#dist/rpc_client.js";
import { Reply } from "#dist/rpc_codec.js";
import { Session } from "#dist/session.js";
import type { Subscriber } from "#dist/subscriber.js";

interface Asked {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly onDone: OnDone;
}

class Stage {
  readonly asked: Asked[] = [];
  readonly topics = new Set<string>();
  readonly session: Session;

  constructor() {
    const rpc = {
      request: (method: string, params: object, _timeoutMs: number, _nowMs: number, done: OnDone) =>
        this.asked.push({ method, params: params as Asked["params"], onDone: done }),
    };
    const subscriber = {
      subscribe: (topic: string) => this.topics.add(topic),
      unsubscribe: (topic: string) => this.topics.delete(topic),
      repair: (topic: string) => this.topics.has(topic),
    };
    const bounds = { capacity: 100, conflateAbove: 100, skipAfterMs: null };
    this.session = new Session(
      completeOptions({ clientName: "stage" }),
      rpc as unknown as RpcClient,
      subscriber as unknown as Subscriber,
      new DeliveryQueue(bounds, () => undefined),
    );
  }

  /** Take the oldest request, which is to be of a method. */
  next(method: string): Asked {
    const asked = this.asked.shift();
    assert.equal(asked?.method, method);
    return asked as Asked;
  }

  /** Grant the oldest request, which is to be a `subscribe`. */
  grant(leaseId: string): void {
    const { params, onDone } = this.next("subscribe");
    const [symbols, kinds] = [params["symbols"] as string[], params["kinds"] as string[]];
    const topics = symbols.flatMap((symbol) =>
      kinds.map((kind) => ({ topic: `${kind},${symbol},`, state: "live", sequence: 0 })),
    );
    onDone(new Reply(1, { lease_id: leaseId, topics, rejected: [] }));
  }

  /** Hold symbols, and lose the lease, so that the gateway is asked again in the background. */
  async lose(symbols: readonly string[], kinds: readonly string[]): Promise<void> {
    const subscribed = this.session.subscribe(symbols, kinds, 1_000);
    this.grant("1");
    await subscribed;
    this.session.intake.hasRestarted = true;
    this.session.followUp(performance.now());
    this.next("hello");
  }

  /** Give up, which the gateway confirms. */
  async giveUp(symbols: readonly string[], kinds: readonly string[] | null): Promise<void> {
    const givenUp = this.session.giveUp(symbols, kinds, 1_000);
    const at = this.asked.findIndex(({ method }) => method === "unsubscribe");
    this.asked.splice(at, 1)[0]?.onDone(new Reply(2, { removed: 1 }));
    await givenUp;
  }
}

test("what is given up while it is leased again stays given up", async () => {
  const stage = new Stage();
  await stage.lose(["A"], ["quote"]);
  assert.ok(stage.topics.has("quote,A,"));
  await stage.giveUp(["A"], null);
  stage.grant("2");
  assert.ok(!stage.session.leases.isWanted("A"));
  assert.ok(!stage.topics.has("quote,A,"));
  assert.equal(stage.session.leases.size, 0);
  const { params } = stage.next("unsubscribe");
  assert.deepEqual(params, { client: "stage", lease_id: "2", symbols: ["A"], kinds: ["quote"] });
});

test("what is given up in part is given back in part, and the rest is kept", async () => {
  const stage = new Stage();
  await stage.lose(["A", "B"], ["quote", "trade"]);
  await stage.giveUp(["A"], ["trade"]);
  stage.grant("2");
  assert.deepEqual(stage.session.leases.groups(["A", "B"]), [
    { symbols: ["A"], kinds: ["quote"] },
    { symbols: ["B"], kinds: ["quote", "trade"] },
  ]);
  assert.ok(!stage.topics.has("trade,A,") && stage.topics.has("trade,B,"));
  assert.equal(stage.session.leases.size, 1);
  const { params } = stage.next("unsubscribe");
  assert.deepEqual(params, { client: "stage", lease_id: "2", symbols: ["A"], kinds: ["trade"] });
});

test("what is still wanted is leased again, with nothing given back", async () => {
  const stage = new Stage();
  await stage.lose(["A"], ["quote"]);
  stage.next("subscribe").onDone(new RequestTimedOut("no reply"));
  assert.equal(stage.session.leases.size, 0);
  stage.session.tick(performance.now() + 1_001);
  stage.grant("2");
  assert.equal(stage.session.leases.size, 1);
  assert.deepEqual(stage.asked, []);
});

test("what the client itself lives by cannot be unsubscribed", () => {
  const stage = new Stage();
  const before = new Set(stage.topics);
  assert.ok(before.has("sys,heartbeat,"));
  stage.session.listenTo(["news,", "sys,heartbeat,"]);
  stage.session.forgetTopics(["sys,heartbeat,", "sys,tails,", "sys,", "news,"]);
  assert.deepEqual(stage.topics, before);
  const body = encode([MessageType.HEARTBEAT, 1_763_884_800_000n, 1, 0, 1n, null, {}], {
    useBigInt64: true,
  });
  stage.session.intake.receive(Buffer.concat([Buffer.from("sys,heartbeat,"), body]));
  assert.equal(stage.session.intake.heartbeatCount, 1);
});
