package io.iqfeedgateway.client;

/**
 * What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.
 *
 * <p>A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch
 * has the next sequence; anything else says that something was lost, repeated or restarted. A
 * snapshot carries the sequence of the last message published on its topic, so the same pair of
 * numbers says how the snapshot and the updates around it fit together.
 */
final class Tracker {
    /** What to do with the message just observed. */
    enum Verdict {
        /** The next one, or the first ever seen: deliver it. */
        GOOD,
        /** Deliver it, and tell that {@link #firstMissing} to {@link #lastMissing} were lost. */
        GAP,
        /** Deliver it; the gateway began a new epoch and its sequences start over. */
        RESTART,
        /** Already seen, or overtaken by what was: ignore it. */
        REPEAT,
        /** Sent again on purpose with its own sequence: deliver it; the position stays. */
        REPLAYED
    }

    static final long RESENT = Contract.Flag.REPLAY | Contract.Flag.BACKFILL;

    /** Epoch of the last message, Unix milliseconds; -1 while nothing is known. */
    long epoch = -1;
    /** Sequence of the last message. */
    long sequence;
    /** The hole that the last verdict GAP found. */
    long firstMissing;
    long lastMissing;

    /**
     * Observes a message on the topic itself.
     *
     * <p>Only REPLAY and BACKFILL of the flags matter here. SNAPSHOT does not: on the base topic it
     * marks an old value in a new message with a sequence of its own.
     */
    Verdict update(long epoch, long sequence, long flags) {
        if (epoch == this.epoch) {
            long next = this.sequence + 1;
            if (sequence == next) {
                this.sequence = sequence;
                return Verdict.GOOD;
            }
            if (sequence > next) {
                this.sequence = sequence;
                return gap(next, sequence - 1);
            }
            return (flags & RESENT) != 0 ? Verdict.REPLAYED : Verdict.REPEAT;
        }
        if ((flags & RESENT) != 0 && (this.epoch < 0 || epoch < this.epoch)) {
            return Verdict.REPLAYED;
        }
        return start(epoch, sequence);
    }

    /**
     * Observes the answer on the topic's private snapshot topic.
     *
     * <p>It travels down the same pipe as the updates, so a snapshot ahead of the position proves
     * that the updates between were lost, and one behind it is out of date.
     */
    Verdict snapshot(long epoch, long sequence) {
        if (epoch != this.epoch) {
            return start(epoch, sequence);
        }
        return sequence < this.sequence ? Verdict.REPEAT : tail(epoch, sequence);
    }

    /** Observes an announcement of the last sequence published: GAP or GOOD. */
    Verdict tail(long epoch, long sequence) {
        if (epoch != this.epoch || sequence <= this.sequence) {
            return Verdict.GOOD;
        }
        long next = this.sequence + 1;
        this.sequence = sequence;
        return gap(next, sequence);
    }

    private Verdict gap(long first, long last) {
        firstMissing = first;
        lastMissing = last;
        return Verdict.GAP;
    }

    private Verdict start(long epoch, long sequence) {
        boolean isFirst = this.epoch < 0;
        this.epoch = epoch;
        this.sequence = sequence;
        return isFirst ? Verdict.GOOD : Verdict.RESTART;
    }
}
