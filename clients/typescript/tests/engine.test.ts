/** Sockets that the system does not give: the client goes on with the ones it has. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine } from "#dist/engine.js";
import type { GatewayClientError } from "#dist/errors.js";
import { completeOptions } from "#dist/options.js";
import { RpcClient, type Outcome } from "#dist/rpc_client.js";
import { statisticsOf } from "#dist/statistics.js";
import { Subscriber } from "#dist/subscriber.js";

const NOWHERE = "tcp://127.0.0.1:1";

interface Openable {
  open: () => unknown;
  socket: { readonly closed: boolean } | null;
}

function refuse(): never {
  throw Object.assign(new Error("Too many open files"), { code: "EMFILE" });
}

/** Take the system's sockets away from something; returns how to give them back. */
function starve(what: Subscriber | RpcClient): () => void {
  const openable = what as unknown as Openable;
  const { open } = openable;
  openable.open = refuse;
  return () => (openable.open = open);
}

test("a data socket that cannot be replaced stays, with what it was asked for", async () => {
  const sink = { onFrame: () => undefined, onFailure: assert.ifError };
  const subscriber = new Subscriber(NOWHERE, null, 1_000, sink);
  const { socket } = subscriber as unknown as Openable;
  subscriber.subscribe("~00000000000000000000.quote,A,");
  const feed = starve(subscriber);
  assert.equal(subscriber.reopen(), false);
  assert.equal((subscriber as unknown as Openable).socket, socket);
  assert.equal(socket?.closed, false);
  assert.ok(subscriber.repair("~00000000000000000000.quote,A,"));
  feed();
  assert.equal(subscriber.reopen(), true);
  assert.equal(socket.closed, true);
  assert.ok(!subscriber.repair("~00000000000000000000.quote,A,"));
  assert.deepEqual([subscriber.reopenCount, subscriber.failedReopenCount], [1, 1]);
  subscriber.close();
  await subscriber.closed();
});

test("a control socket that cannot be replaced is tried again a second later", async () => {
  const sink = { onSettled: () => undefined, onFailure: assert.ifError };
  const rpc = new RpcClient(NOWHERE, null, 1_000, sink);
  const feed = starve(rpc);
  const outcomes: Outcome[] = [];
  const nowMs = performance.now();
  rpc.request("ping", {}, 10, nowMs, (outcome) => outcomes.push(outcome));
  rpc.expire(nowMs + 10);
  assert.equal((outcomes[0] as GatewayClientError).code, "timeout");
  assert.deepEqual([rpc.reopenCount, rpc.failedReopenCount], [0, 1]);
  assert.ok(rpc.deadlineMs() >= nowMs + 1_000);
  feed();
  rpc.expire(nowMs + 900);
  assert.equal(rpc.reopenCount, 0, "too early");
  rpc.expire(rpc.deadlineMs());
  assert.equal(rpc.reopenCount, 1);
  assert.equal(rpc.deadlineMs(), Infinity);
  rpc.close(outcomes[0] as GatewayClientError);
  await rpc.closed();
});

test("whatever is thrown in a timer is counted, and the timers go on", async () => {
  const endpoints = { dataEndpoint: NOWHERE, controlEndpoint: NOWHERE };
  const engine = new Engine(completeOptions({ ...endpoints, connectTimeoutS: 60 }));
  engine.session.tick = refuse;
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(engine.failedTickCount, 2);
  assert.equal(statisticsOf(engine, 0).failedReopens, 2);
  engine.stop();
  await engine.stopped();
});
