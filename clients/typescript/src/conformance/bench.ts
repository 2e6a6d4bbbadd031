/** `conformance bench`: how many frames a second come through, and as what. */

import { decode } from "@msgpack/msgpack";

import { build, decodeFrame } from "../codec.js";
import { DeliveryQueue } from "../delivery.js";
import { Intake } from "../intake.js";
import { Joins } from "../joins.js";
import { Replays } from "../replays.js";
import { Pending } from "../routes.js";
import { Subscriber, RECEIVE_MESSAGES_MAX } from "../subscriber.js";

const COMMA = 0x2c;
const SILENCE_MS = 3_000;
const KINDS = ["quote,", "trade,"];

/** What a run came to. */
export interface BenchResult {
  readonly mode: string;
  readonly messages: number;
  readonly seconds: number;
  readonly per_second: number;
}

/** Counts up to a number of frames, or until none comes for three seconds. */
class Meter {
  private readonly countMax: number;
  private count = 0;
  private firstMs = 0;
  private lastMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private finish: () => void = () => undefined;
  readonly finished = new Promise<void>((resolve) => (this.finish = resolve));

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  note(): void {
    if (this.count >= this.countMax) return;
    if (this.count % 1_000 === 0) this.watch();
    this.count += 1;
    this.lastMs = performance.now();
    if (this.count === 1) this.firstMs = this.lastMs;
    if (this.count === this.countMax) this.finish();
  }

  private watch(): void {
    this.timer ??= setInterval(() => {
      if (performance.now() - this.lastMs > SILENCE_MS) this.finish();
    }, 100);
  }

  result(mode: string): BenchResult {
    clearInterval(this.timer);
    const seconds = (this.lastMs - this.firstMs) / 1_000;
    const messages = this.count;
    return { mode, messages, seconds, per_second: seconds > 0 ? messages / seconds : 0 };
  }
}

/**
 * Receive `count` frames of quotes and trades.
 *
 * @param mode - `plain`: decoded by the msgpack library; `typed`: as messages; `client`: through
 *   sequence tracking and the queue as well.
 * @param onReady - Told once it is subscribed.
 */
export async function runBench(
  mode: string,
  endpoint: string,
  count: number,
  onReady: () => void,
): Promise<BenchResult> {
  const meter = new Meter(count);
  const queue = new DeliveryQueue(
    { capacity: 100_000, conflateAbove: 10_000, skipAfterMs: null },
    () => undefined,
  );
  const subscriber = new Subscriber(endpoint, null, RECEIVE_MESSAGES_MAX, {
    onFrame: frameTaker(mode, meter, queue),
    onFailure: (error) => {
      throw error;
    },
  });
  for (const kind of KINDS) subscriber.subscribe(kind);
  if (mode === "client") void consume(queue, meter);
  onReady();
  await meter.finished;
  subscriber.close();
  queue.close();
  return meter.result(mode);
}

function frameTaker(mode: string, meter: Meter, queue: DeliveryQueue) {
  if (mode === "client") {
    const intake = new Intake(new Joins(), new Replays());
    for (const kind of KINDS) intake.add(kind);
    return (frame: Buffer | null): void => {
      if (frame !== null) intake.receive(frame);
      queue.extend(intake.out, performance.now());
      intake.out = [];
    };
  }
  const take = mode === "typed" ? decodeFrame : decodePlain;
  return (frame: Buffer | null): void => {
    if (frame !== null) take(frame);
    meter.note();
  };
}

function decodePlain(frame: Buffer): unknown {
  const start = frame.indexOf(COMMA, frame.indexOf(COMMA) + 1) + 1;
  return decode(frame.subarray(start), { useBigInt64: true });
}

async function consume(queue: DeliveryQueue, meter: Meter): Promise<void> {
  while (await queue.wait(Infinity)) {
    for (let entry = queue.pop(); entry !== null; entry = queue.pop()) {
      if (!(entry instanceof Pending)) continue;
      build(entry.route.kind, entry.route.symbol, entry.items, 0, entry.mergedAdd);
      for (let merged = 0; merged <= entry.mergedAdd; merged += 1) meter.note();
    }
  }
}
