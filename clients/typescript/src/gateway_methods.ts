/** The gateway's methods, typed; each is one request with a deadline. */

import { NotConnected, RequestError } from "./errors.js";
import type { Message } from "./messages.js";
import {
  asMap,
  errorsOf,
  healthOf,
  healthWithout,
  lineageOf,
  readReplay,
  readSnapshots,
  rowsOf,
  type HealthStatus,
  type ReplayResult,
  type ResultMap,
  type Statistics,
  type SymbolLineage,
} from "./results.js";
import { isMap, type Params } from "./rpc_codec.js";
import { checkSymbol, checkTopic, chunks } from "./topics.js";

/** How long one call may take. */
export interface CallOptions {
  /** Seconds to wait for the gateway; `requestTimeoutS` when left out. */
  readonly timeoutS?: number | undefined;
}

/** What a client can ask of the gateway; how a request travels is for the client to say. */
export abstract class GatewayMethods {
  /** Call any method; see the client. */
  abstract call(method: string, params?: Params, options?: CallOptions): Promise<unknown>;

  /** Tell what this client has counted; see the client. */
  abstract statistics(): Statistics;

  /** What the client sees for itself, in the form of the gateway's issues. */
  protected abstract localIssues(): ResultMap[];

  /** Read last values by request, in the order asked; errors as in `call`. */
  async snapshot(names: readonly string[], options: CallOptions = {}): Promise<Message[]> {
    for (const name of names) checkTopic(name);
    const found: Message[] = [];
    for (const topics of chunks(names)) {
      found.push(...readSnapshots(await this.call("snapshot", { topics }, options)));
    }
    return found;
  }

  /** Fetch lost events again, `first` to `last` of the run `epoch`; errors as in `call`. */
  async replay(
    topic: string,
    first: number,
    last: number,
    epoch: number,
    options: CallOptions = {},
  ): Promise<ReplayResult> {
    const params = { topic, from_sequence: first, to_sequence: last, epoch };
    return readReplay(topic, await this.call("replay", params, options));
  }

  /** Ask whether all is well; that the gateway cannot be asked is an answer too. */
  async getHealthStatus(options: CallOptions = {}): Promise<HealthStatus> {
    try {
      return healthOf(await this.call("health", {}, options), this.localIssues());
    } catch (error) {
      if (error instanceof RequestError || error instanceof NotConnected) {
        return healthWithout(error);
      }
      throw error;
    }
  }

  /** Figures of clients, connections, topics and the process; errors as in `call`. */
  async getMetrics(options: CallOptions = {}): Promise<ResultMap> {
    return asMap(await this.call("metrics", {}, options));
  }

  /** Ask for everything an operator needs; this client adds itself as `consumer`. */
  async getDiagnosticInfo(options: CallOptions = {}): Promise<ResultMap> {
    const result = asMap(await this.call("diagnostics", {}, options));
    const own = this.statistics();
    const queues = isMap(result["queue_status"]) ? result["queue_status"] : {};
    return {
      ...result,
      queue_status: {
        ...queues,
        consumer_queue_size: own.queueSize,
        consumer_queue_capacity: own.queueCapacity,
        consumer_requests_size: own.requestsSize,
        consumer_requests_capacity: own.requestsCapacity,
      } as ResultMap,
      consumer: { ...own },
    };
  }

  /** List the alerts that stand; errors as in `call`. */
  async getActiveAlerts(options: CallOptions = {}): Promise<ResultMap[]> {
    return rowsOf(await this.call("alerts", {}, options), "active", "alerts");
  }

  /** Per metric mean, max, min, p95, slope and samples; errors as in `call`. */
  async getPerformanceTrends(windowMinutes = 60, options: CallOptions = {}): Promise<ResultMap> {
    const params = { window_minutes: windowMinutes };
    const result = asMap(await this.call("trends", params, options));
    return asMap(result["metrics"] ?? result);
  }

  /** List the gateway's errors, oldest first; errors as in `call`. */
  async getErrorHistory(limit = 100, options: CallOptions = {}): Promise<ResultMap[]> {
    return errorsOf(await this.call("errors", { limit }, options));
  }

  /** Ask who is connected and what is held, of one client or of all; errors as in `call`. */
  async getSubscriptions(client?: string, options: CallOptions = {}): Promise<ResultMap> {
    const params = client === undefined ? {} : { client };
    return asMap(await this.call("subscriptions", params, options));
  }

  /**
   * Ask why a symbol is in its state, in plain words.
   *
   * @throws SecurityValidationError - Not a symbol; nothing was sent.
   * @throws RequestError - As in `call`.
   */
  async why(symbol: string, options: CallOptions = {}): Promise<SymbolLineage> {
    return lineageOf(await this.call("why", { symbol: checkSymbol(symbol) }, options));
  }

  /**
   * Let the gateway ask the vendor for fresh values of a topic's symbol.
   *
   * @returns True: the vendor was asked, and the values come on the topic.
   * @throws InvalidArgument - Not a topic; nothing was sent.
   * @throws RequestRefused - `rate_limited` with `retryMs`, `upstream_down`, or nobody wants it.
   */
  async resync(topic: string, options: CallOptions = {}): Promise<boolean> {
    const result = await this.call("resync", { topic: checkTopic(topic) }, options);
    return asMap(result)["requested"] === true;
  }
}
