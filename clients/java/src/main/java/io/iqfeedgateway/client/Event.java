package io.iqfeedgateway.client;

/**
 * What the client itself has to say, delivered in the same stream as the messages.
 *
 * <p>Loss is never hidden: each of these stands at the place in the stream where it happened.
 */
public sealed interface Event extends StreamItem
        permits Event.Gap, Event.GatewayRestarted, Event.Disconnected, Event.Reconnected,
                Event.Overrun, Event.SubscriptionRefused {

    /**
     * Messages of one topic are missing, have come after all, or are lost for good.
     *
     * <ul>
     *   <li>neither {@code healed} nor {@code isFinal}: these messages are missing at this place,
     *       and are being fetched. Others about the same range, or parts of it, follow.
     *   <li>{@code healed}: for state kinds, {@code depth} and {@code order} a snapshot newer than
     *       the hole was delivered just before. For trades, corrections and news each of these
     *       messages was delivered just before, with {@code Flag.REPLAY} and its own sequence.
     *   <li>{@code isFinal}: these messages never come. It may be the first said of them.
     * </ul>
     *
     * <p>So every trade, correction and story is either delivered, once, or named by exactly one
     * Gap that is final, as long as one run of the gateway lasts.
     *
     * @param topic Base topic, for example {@code quote,AAPL,}.
     * @param firstMissing Sequence of the first message it is about.
     * @param lastMissing Sequence of the last message it is about; not below the first.
     * @param healed True once what was lost, or what replaces it, has been delivered.
     * @param epoch Gateway run the sequences belong to (Unix milliseconds), as {@code replay}
     *     wants it.
     * @param isFinal True when the messages are lost for good. Never with {@code healed}.
     */
    record Gap(
            String topic,
            long firstMissing,
            long lastMissing,
            boolean healed,
            long epoch,
            boolean isFinal) implements Event {
    }

    /**
     * The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.
     *
     * <p>The client subscribes again and fetches fresh snapshots by itself. What was being fetched
     * of the earlier run is lost for good, and was told so just before.
     *
     * @param oldEpoch Unix milliseconds at which the earlier run began.
     * @param newEpoch Unix milliseconds at which the present run began.
     */
    record GatewayRestarted(long oldEpoch, long newEpoch) implements Event {
    }

    /**
     * No heartbeat for too long. Values on hand must be taken for stale until Reconnected.
     *
     * @param cause Why the connection counts as lost: {@code silence}.
     * @param silentS Seconds since the last heartbeat.
     */
    record Disconnected(String cause, double silentS) implements Event {
    }

    /**
     * A heartbeat was heard again; snapshots of everything subscribed are on their way.
     *
     * @param silentS Seconds between the two heartbeats around the outage.
     */
    record Reconnected(double silentS) implements Event {
    }

    /**
     * The application read too slowly: what waited was skipped, and what comes next is current.
     *
     * <p>One Gap for each range of sequences that was skipped follows at once: final for trades
     * and other events, while books ({@code order} and {@code depth}) get a fresh image. Of state
     * messages the newest value follows.
     *
     * @param topic The topic they all belong to, or null when they belong to several.
     * @param dropped Messages skipped at this place of the stream, 1 or more.
     * @param unnamed How many of them are not named by the Gaps that follow: answers to snapshot
     *     requests, values and events that found no room, and what is beyond 1,000 ranges.
     */
    record Overrun(String topic, long dropped, long unnamed) implements Event {
    }

    /**
     * A symbol that was held before is refused when subscribed again in the background.
     *
     * @param symbol The symbol, verbatim.
     * @param code The gateway's error code, for example {@code symbol_limit}.
     * @param hint What the gateway advises.
     */
    record SubscriptionRefused(String symbol, String code, String hint) implements Event {
    }
}
