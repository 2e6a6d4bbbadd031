/**
 * The conformance program: cases on standard input, answers on standard output, one JSON text a
 * line.
 *
 *     node dist/conformance.js vectors
 *     node dist/conformance.js live
 *     node dist/conformance.js bench plain|typed|client ENDPOINT COUNT
 */

import { createInterface } from "node:readline";

import { runBench } from "./conformance/bench.js";
import { LiveClient, type Command } from "./conformance/live.js";
import { answerVector, type VectorCase } from "./conformance/vectors.js";

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function* linesIn(): AsyncGenerator<unknown> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    if (line.trim() !== "") yield JSON.parse(line);
  }
}

async function runVectors(): Promise<void> {
  for await (const line of linesIn()) print(answerVector(line as VectorCase));
}

async function runLive(): Promise<void> {
  const client = new LiveClient();
  try {
    for await (const line of linesIn()) {
      const command = line as Command;
      print(await client.answer(command));
      if (command.do === "close") break;
    }
  } finally {
    await client.close();
    process.stdin.destroy();
  }
}

async function main([mode, ...rest]: readonly string[]): Promise<number> {
  const [benchMode = "", endpoint = "", count = ""] = rest;
  if (mode === "vectors") {
    await runVectors();
  } else if (mode === "live") {
    await runLive();
  } else if (mode === "bench" && ["plain", "typed", "client"].includes(benchMode)) {
    print(await runBench(benchMode, endpoint, Number(count), () => print({ ready: true })));
  } else {
    process.stderr.write("usage: conformance vectors | live | bench MODE ENDPOINT COUNT\n");
    return 64;
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
