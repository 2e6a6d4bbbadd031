/**
 * What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.
 *
 * A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch has
 * the next sequence; anything else says that something was lost, repeated or restarted. A snapshot
 * carries the sequence of the last message published on its topic, so the same pair of numbers says
 * how the snapshot and the updates around it fit together.
 */

import { Flag } from "./messages.js";

const RESENT = Flag.REPLAY | Flag.BACKFILL;

/**
 * What to do with the message just observed.
 *
 * - `good`: the next one, or the first ever seen: deliver it.
 * - `gap`: deliver it, and tell that `firstMissing` to `lastMissing` were lost.
 * - `restart`: deliver it; the gateway began a new epoch and its sequences start over.
 * - `repeat`: already seen, or overtaken by what was: ignore it.
 * - `replayed`: re-sent on purpose with its original sequence: deliver it; the position stays.
 */
export type Verdict = "good" | "gap" | "restart" | "repeat" | "replayed";

/** A verdict with the hole it found; 0 and 0 unless the verdict is `gap`. */
export interface Observation {
  readonly verdict: Verdict;
  readonly firstMissing: number;
  readonly lastMissing: number;
}

function plain(verdict: Verdict): Observation {
  return { verdict, firstMissing: 0, lastMissing: 0 };
}

const GOOD = plain("good");
const RESTART = plain("restart");
const REPEAT = plain("repeat");
const REPLAYED = plain("replayed");

/** The position on one topic. */
export class TopicTracker {
  /** Epoch of the last message, Unix milliseconds; -1 while nothing is known. */
  epoch = -1;
  /** Sequence of the last message. */
  sequence = 0;

  /**
   * Observe a message on the topic itself.
   *
   * @param epoch - The message's epoch, 0 or more.
   * @param sequence - The message's sequence.
   * @param flags - The message's flags; only REPLAY and BACKFILL matter here. SNAPSHOT does not: on
   *   the base topic it marks an old value in a new message with a sequence of its own.
   */
  update(epoch: number, sequence: number, flags: number): Observation {
    if (epoch === this.epoch) {
      const missing = this.sequence + 1;
      if (sequence === missing) {
        this.sequence = sequence;
        return GOOD;
      }
      if (sequence > missing) {
        this.sequence = sequence;
        return { verdict: "gap", firstMissing: missing, lastMissing: sequence - 1 };
      }
      return flags & RESENT ? REPLAYED : REPEAT;
    }
    if (flags & RESENT && (this.epoch < 0 || epoch < this.epoch)) return REPLAYED;
    return this.begin(epoch, sequence);
  }

  /**
   * Observe the answer on the topic's private snapshot topic.
   *
   * It travels down the same pipe as the updates, so a snapshot ahead of the position proves that
   * the updates between were lost, and one behind it is out of date.
   *
   * @param epoch - The answer's epoch, 0 or more.
   * @param sequence - Sequence of the last message published on the topic, 0 when there was none.
   * @returns `gap` when updates were lost (the snapshot holds their result), `good` when it may be
   *   applied, `repeat` when it must not be, `restart` when it belongs to another epoch.
   */
  snapshot(epoch: number, sequence: number): Observation {
    if (epoch !== this.epoch) return this.begin(epoch, sequence);
    return sequence < this.sequence ? REPEAT : this.tail(epoch, sequence);
  }

  /**
   * Observe an announcement of the last sequence published on the topic.
   *
   * @returns `gap` when the last messages before the announcement were lost, else `good`.
   */
  tail(epoch: number, sequence: number): Observation {
    if (epoch !== this.epoch || sequence <= this.sequence) return GOOD;
    const missing = this.sequence + 1;
    this.sequence = sequence;
    return { verdict: "gap", firstMissing: missing, lastMissing: sequence };
  }

  private begin(epoch: number, sequence: number): Observation {
    const isFirst = this.epoch < 0;
    this.epoch = epoch;
    this.sequence = sequence;
    return isFirst ? GOOD : RESTART;
  }
}
