/**
 * What the client itself has to say, delivered in the same stream as the messages.
 *
 * Loss is never hidden: each of these stands at the place in the stream where it happened. Events
 * and messages are told apart by `type`: a text here, a number there.
 */

/**
 * Messages of one topic are missing, have come after all, or are lost for good.
 *
 * The client heals by itself, and says what became of it:
 *
 * - neither `healed` nor `isFinal`: these messages are missing at this place of the stream, and are
 *   being fetched. It is followed by others about the same range, or parts of it.
 * - `healed`: for state kinds, `depth` and `order` a snapshot newer than the hole was delivered
 *   just before. For trades, corrections and news each of these messages was delivered just before,
 *   with flag REPLAY and its own sequence. After a restart of the gateway it may come without an
 *   earlier Gap: what the new run published before we were back was fetched.
 * - `isFinal`: these messages never come. It may be the first that is said of them.
 *
 * So every trade, correction and story is either delivered, once, or named by exactly one Gap that
 * is final, as long as one run of the gateway lasts.
 */
export class Gap {
  readonly type = "gap";
  /** Base topic, for example `quote,AAPL,`. */
  readonly topic: string;
  /** Sequence of the first message it is about. */
  readonly firstMissing: number;
  /** Sequence of the last message it is about; not below `firstMissing`. */
  readonly lastMissing: number;
  /** Whether what was lost, or what replaces it, has been delivered. */
  readonly healed: boolean;
  /** Gateway run the sequences belong to, Unix milliseconds, as `replay` wants it. */
  readonly epoch: number;
  /** Whether the messages are lost for good: nothing more will be tried. Never with `healed`. */
  readonly isFinal: boolean;

  constructor(
    topic: string,
    firstMissing: number,
    lastMissing: number,
    epoch: number,
    what: { readonly healed?: boolean; readonly isFinal?: boolean } = {},
  ) {
    this.topic = topic;
    this.firstMissing = firstMissing;
    this.lastMissing = lastMissing;
    this.healed = what.healed ?? false;
    this.epoch = epoch;
    this.isFinal = what.isFinal ?? false;
  }
}

/**
 * The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.
 *
 * The client subscribes again and fetches fresh snapshots by itself. What was being fetched of the
 * earlier run is lost for good, and was told so just before.
 */
export class GatewayRestarted {
  readonly type = "gateway_restarted";
  /** Unix milliseconds at which the earlier run began. */
  readonly oldEpoch: number;
  /** Unix milliseconds at which the present run began. */
  readonly newEpoch: number;

  constructor(oldEpoch: number, newEpoch: number) {
    this.oldEpoch = oldEpoch;
    this.newEpoch = newEpoch;
  }
}

/** No heartbeat for too long. Values on hand must be taken for stale until Reconnected. */
export class Disconnected {
  readonly type = "disconnected";
  /** Why the connection counts as lost. */
  readonly cause = "silence" as const;
  /** Seconds since the last heartbeat. */
  readonly silentS: number;

  constructor(silentS: number) {
    this.silentS = silentS;
  }
}

/** A heartbeat was heard again; snapshots of everything subscribed are on their way. */
export class Reconnected {
  readonly type = "reconnected";
  /** Seconds between the two heartbeats around the outage. */
  readonly silentS: number;

  constructor(silentS: number) {
    this.silentS = silentS;
  }
}

/**
 * The application read too slowly: what waited was skipped, and what comes next is current.
 *
 * One Gap for each range of sequences that was skipped follows at once: final for trades and other
 * events, while books (`order` and `depth`) get a fresh image. Of state messages the newest value
 * follows.
 */
export class Overrun {
  readonly type = "overrun";
  /** The topic they all belong to, or null when they belong to several. */
  readonly topic: string | null;
  /** Messages skipped at this place of the stream, 1 or more. */
  readonly dropped: number;
  /**
   * How many of them the Gaps that follow do not name: answers to snapshot requests, values and
   * events of the client that found no room, and what is beyond 1,000 ranges.
   */
  readonly unnamed: number;

  constructor(topic: string | null, dropped: number, unnamed: number) {
    this.topic = topic;
    this.dropped = dropped;
    this.unnamed = unnamed;
  }
}

/** A symbol that was held before is refused when subscribed again in the background. */
export class SubscriptionRefused {
  readonly type = "subscription_refused";
  /** The symbol, verbatim. */
  readonly symbol: string;
  /** The gateway's error code, for example `symbol_limit`. */
  readonly code: string;
  /** What the gateway advises. */
  readonly hint: string;

  constructor(symbol: string, code: string, hint: string) {
    this.symbol = symbol;
    this.code = code;
    this.hint = hint;
  }
}

/** Everything in the stream that is not a message of the gateway. */
export type Event =
  | Gap
  | GatewayRestarted
  | Disconnected
  | Reconnected
  | Overrun
  | SubscriptionRefused;
