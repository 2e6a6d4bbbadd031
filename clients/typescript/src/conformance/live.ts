/** `conformance live`: a client that does what it is told, one command after the other. */

import { setTimeout as pause } from "node:timers/promises";

import { BookMirror } from "../book_mirror.js";
import { GatewayClientError, NotConnected, SequenceGap } from "../errors.js";
import { GatewayClient, type StreamItem } from "../gateway_client.js";
import { loadKeys } from "../keys.js";
import type { PriceLevel } from "../messages.js";
import type { ClientOptions } from "../options.js";
import { Ledger } from "./ledger.js";
import { snake, spellItem, spellPlain, type Json } from "./spelling.js";

type Answer = { [key: string]: Json };

/** One line in; what else it holds depends on `do`. */
export interface Command {
  readonly id: Json;
  readonly do: string;
  readonly [key: string]: Json;
}

const DRAINED_S = 0.3;
/** Options whose name here is another than in the client. */
const OPTION_NAMES: Readonly<Record<string, string>> = { rcvhwm: "receiveMax" };

/** One client and what was consumed of its stream. */
export class LiveClient {
  private client: GatewayClient | null = null;
  private readonly ledger = new Ledger();
  private readonly mirrors = new Map<string, BookMirror>();

  /** Run one command; an error of the client becomes its code. */
  async answer(command: Command): Promise<Answer> {
    try {
      return { id: command.id, ...(await this.run(command)) };
    } catch (error) {
      if (!(error instanceof GatewayClientError)) throw error;
      process.stderr.write(`${command.do}: ${error.message}; ${error.hint}\n`);
      return { id: command.id, error: error.code };
    }
  }

  /** Close the client, if there is one. */
  async close(): Promise<void> {
    await this.client?.disconnect();
  }

  private get open(): GatewayClient {
    if (this.client === null) throw new NotConnected("connect first");
    return this.client;
  }

  private async run(command: Command): Promise<Answer> {
    switch (command.do) {
      case "connect":
        return await this.connect(command);
      case "subscribe":
        return await this.subscribe(command);
      case "unsubscribe":
        await this.open.unsubscribeSymbols(texts(command["symbols"]), kindsOf(command));
        return {};
      case "topics":
        this.open.subscribeTopics(texts(command["topics"]));
        return {};
      case "next":
        return { item: await this.next(command) };
      case "ledger":
        return this.ledger.told(String(command["topic"]));
      case "snapshot": {
        const found = await this.open.snapshot(texts(command["topics"]));
        return { items: found.map((item) => picked(spellItem(item), command["fields"])) };
      }
      case "request": {
        const params = (command["params"] ?? {}) as Record<string, unknown>;
        const result = await this.open.call(String(command["method"]), params);
        return { result: picked(spellPlain(result), command["fields"]) };
      }
      case "health":
        return { level: (await this.open.getHealthStatus()).healthLevel };
      case "book": {
        const mirror = new BookMirror(String(command["kind"]), String(command["symbol"]));
        this.mirrors.set(mirror.topic, mirror);
        return {};
      }
      case "mirror":
        return this.mirror(command);
      case "pause":
        await pause(seconds(command["seconds"]) * 1_000);
        return {};
      case "drain":
        await this.drain(seconds(command["timeout_s"]));
        return {};
      case "statistics":
        return this.statistics(command);
      case "close":
        await this.close();
        return {};
      default:
        return { error: "unknown_command" };
    }
  }

  private async connect(command: Command): Promise<Answer> {
    const options: Record<string, unknown> = {
      dataEndpoint: command["data"],
      controlEndpoint: command["control"],
      clientName: command["client_name"],
    };
    for (const [name, value] of Object.entries((command["options"] ?? {}) as Answer)) {
      options[OPTION_NAMES[name] ?? camel(name)] = value;
    }
    const { keys } = command;
    if (typeof keys === "string") options["curve"] = loadKeys(keys);
    await this.client?.disconnect();
    this.client = new GatewayClient(options as ClientOptions);
    const connected = await this.client.connect();
    if (!connected) process.stderr.write(`connect: ${this.client.lastError?.message ?? ""}\n`);
    return { connected };
  }

  private async subscribe(command: Command): Promise<Answer> {
    const kinds = kindsOf(command) ?? ["l1"];
    const answer = await this.open.subscribeSymbols(texts(command["symbols"]), kinds);
    const results = [...answer.values()];
    const accepted = results.flatMap((result) => result.topics.map((entry) => entry.topic)).sort();
    const rejected = results
      .filter((result) => !result.isAccepted)
      .sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
      .map(({ symbol, code }) => ({ symbol, code }));
    return { accepted, rejected };
  }

  private async next(command: Command): Promise<Json> {
    const deadlineMs = performance.now() + seconds(command["timeout_s"]) * 1_000;
    for (;;) {
      const leftS = Math.max(0, deadlineMs - performance.now()) / 1_000;
      const item = await this.open.nextMessage(leftS);
      if (item === null) return null;
      this.consume(item);
      const spelled = spellItem(item);
      if (isMatch(spelled, command["where"])) return picked(spelled, command["fields"]);
      if (leftS === 0) return null;
    }
  }

  private consume(item: StreamItem): void {
    this.ledger.note(item);
    for (const mirror of this.mirrors.values()) {
      try {
        mirror.apply(item);
      } catch (error) {
        if (!(error instanceof SequenceGap)) throw error;
        process.stderr.write(`mirror: ${error.message}\n`);
      }
    }
  }

  private async drain(timeoutS: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutS * 1_000;
    while (performance.now() < deadlineMs) {
      const item = await this.open.nextMessage(DRAINED_S);
      if (item === null) return;
      this.consume(item);
    }
  }

  private mirror(command: Command): Answer {
    const topic = `${String(command["kind"])},${String(command["symbol"])},`;
    const mirror = this.mirrors.get(topic);
    if (mirror === undefined) return { error: "invalid_argument" };
    const levels = seconds(command["levels"]);
    return {
      is_current: mirror.isCurrent,
      is_known: mirror.isKnown,
      is_stale: mirror.isStale,
      bids: mirror.bids(levels).map(spellLevel),
      asks: mirror.asks(levels).map(spellLevel),
    };
  }

  private statistics(command: Command): Answer {
    const spelled: Answer = {};
    for (const [name, value] of Object.entries(this.open.statistics()) as [string, Json][]) {
      spelled[snake(name)] = value === null ? null : String(value as number);
    }
    const fields = texts(command["fields"]);
    return Object.fromEntries(fields.map((name) => [name, spelled[name] ?? null]));
  }
}

function spellLevel({ price, size, orderCount }: PriceLevel): Json {
  return [price, String(size), orderCount === null ? null : String(orderCount)];
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function kindsOf(command: Command): string[] | null {
  return Array.isArray(command["kinds"]) ? texts(command["kinds"]) : null;
}

function seconds(value: Json | undefined): number {
  return Number(value ?? 0);
}

/** Take a value by a dotted name. */
function at(value: Json, name: string): Json {
  let found: Json | undefined = value;
  for (const part of name.split(".")) {
    if (typeof found !== "object" || found === null) return null;
    found = Array.isArray(found) ? found[Number(part)] : found[part];
  }
  return found ?? null;
}

function picked(value: Json, fields: Json | undefined): Answer {
  return Object.fromEntries(texts(fields).map((name) => [name, at(value, name)]));
}

function isMatch(item: Answer, where: Json | undefined): boolean {
  return Object.entries((where ?? {}) as Answer).every(([name, wanted]) => {
    if (name === "flags_has" || name === "flags_not") {
      if (!("flags" in item)) return false;
      const bits = BigInt(String(wanted));
      const set = BigInt(String(item["flags"])) & bits;
      return name === "flags_has" ? set === bits : set === 0n;
    }
    return isSame(at(item, name), wanted);
  });
}

function isSame(left: Json, right: Json): boolean {
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) {
    return left === right;
  }
  const names = Object.keys(left);
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => isSame(at(left, name), at(right, name)));
}
