// A plain Node consumer that joins topics: zeromq and @msgpack/msgpack, nothing of ours.
//
// node joins.js '{"endpoint": "tcp://…", "topics": ["quote,AAPL,", …], "joins": 100, …}'
//
// Several sockets at a time join topic after topic at random moments, as the wire contract says:
// subscribe to the topic, then to its private topic on the same socket. Each join is printed as one
// line of JSON when its socket closes; tests/support/joiner.py is the same program in Python.
"use strict";

const { randomBytes } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");
const zmq = require("zeromq");
const { decode } = require("@msgpack/msgpack");

const options = JSON.parse(process.argv[2]);

// A small generator with a seed (mulberry32): Node's own has none.
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const chance = generator(options.seed);
let left = options.joins;

function frameOf(first, topic) {
  return Buffer.concat([Buffer.from([first]), Buffer.from(topic, "latin1")]);
}

// Runs of numbers in the order in which they came: [first, last], each one more than the one before.
function note(runs, sequence) {
  const last = runs[runs.length - 1];
  if (last !== undefined && sequence === last[1] + 1) {
    last[1] = sequence;
  } else {
    runs.push([sequence, sequence]);
  }
}

class Session {
  constructor() {
    // A Subscriber has no sendHighWaterMark: beyond a thousand, subscriptions would be lost.
    this.socket = new zmq.XSubscriber({ sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 });
    this.socket.connect(options.endpoint);
    this.byTopic = new Map();
    this.byPrivate = new Map();
    this.changed = () => {};
  }

  async run() {
    const reading = this.read();
    const topics = [...options.topics];
    for (let count = 0; count < options.joinsPerSocket && left > 0; count += 1) {
      left -= 1;
      const [topic] = topics.splice(Math.floor(chance() * topics.length), 1);
      await sleep(chance() * options.pauseMs);
      await this.join(topic);
    }
    this.socket.close();
    await reading;
    for (const join of this.byTopic.values()) {
      console.log(JSON.stringify(join));
    }
  }

  async join(topic) {
    const nonce = `~${randomBytes(10).toString("hex")}.${topic}`;
    const join = { topic, snapshot: null, answers: 0, before: [], after: [], epochs: [], ms: null };
    this.byTopic.set(topic, join);
    this.byPrivate.set(nonce, join);
    await this.socket.send(frameOf(1, topic));
    // Half of them ask at once, half a moment later, when updates may be on their way.
    if (chance() < 0.5) {
      await sleep(chance() * options.pauseMs);
    }
    join.startedMs = performance.now();
    await this.socket.send(frameOf(1, nonce));
    const deadline = performance.now() + options.secondsMax * 1000;
    const isComplete = () => join.after.length > 0 &&
      join.after.reduce((sum, run) => sum + run[1] - run[0] + 1, 0) >= options.updatesAfter;
    while (!isComplete()) {
      if (performance.now() > deadline) {
        throw new Error(`join of ${topic} not complete: ${JSON.stringify(join)}`);
      }
      await Promise.race([new Promise((done) => { this.changed = done; }), sleep(100)]);
    }
    await this.socket.send(frameOf(0, nonce));
  }

  async read() {
    for await (const [frame] of this.socket) {
      const comma = frame.indexOf(44, frame.indexOf(44) + 1);
      const topic = frame.toString("latin1", 0, comma + 1);
      const body = decode(frame.subarray(comma + 1), { useBigInt64: true }).map(
        (item) => (typeof item === "bigint" && item < 2n ** 53n ? Number(item) : item),
      );
      const [type, epoch, sequence, flags] = body;
      const asked = this.byPrivate.get(topic);
      const join = asked ?? this.byTopic.get(topic);
      if (join === undefined) {
        throw new Error(`${topic} was not asked for`);
      }
      if (!join.epochs.includes(epoch)) {
        join.epochs.push(epoch);
      }
      if (asked !== undefined) {
        join.answers += 1;
        join.snapshot = [type, sequence, flags, body[6], body[7]];
        join.ms = performance.now() - join.startedMs;
      } else {
        note(join.snapshot === null ? join.before : join.after, sequence);
      }
      this.changed();
    }
  }
}

async function work() {
  while (left > 0) {
    await new Session().run();
  }
}

Promise.all(Array.from({ length: options.sockets }, work)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
