/**
 * The conformance program: cases on standard input, answers on standard output, one JSON text a
 * line.
 *
 *     node dist/conformance.js vectors
 */

import { createInterface } from "node:readline";

import { answerVector, type VectorCase } from "./conformance/vectors.js";

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function runVectors(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== "") print(answerVector(JSON.parse(line) as VectorCase));
  }
}

async function main(mode: string | undefined): Promise<number> {
  switch (mode) {
    case "vectors":
      await runVectors();
      return 0;
    default:
      process.stderr.write("usage: conformance vectors | live | bench MODE ENDPOINT COUNT\n");
      return 64;
  }
}

process.exitCode = await main(process.argv[2]);
