package io.iqfeedgateway.client;

/**
 * What one client has counted since {@code connect}.
 *
 * @param received Frames read from the data socket, heartbeats included.
 * @param delivered Messages and events handed to the application.
 * @param gaps Holes found.
 * @param missing Messages those holes stand for.
 * @param repeats Messages dropped because they were seen before.
 * @param dropped Messages skipped because the application was too slow; an Overrun tells of each.
 * @param conflated State messages replaced by newer ones while they waited for the application.
 * @param badFrames Frames that break the contract.
 * @param unknownMessages Frames of a type this version does not know.
 * @param unrouted Frames on topics not subscribed (any more).
 * @param restarts Times the gateway came back with a new epoch.
 * @param reconnects Times the data socket was made anew after silence.
 * @param snapshotsRequested Private topics subscribed.
 * @param snapshotsUnanswered Private topics given up.
 * @param requests Control requests sent.
 * @param requestTimeouts Control requests that ran into their deadline.
 * @param lateReplies Replies dropped because their request had ended.
 * @param badReplies Replies that could not be read.
 * @param controlReconnects Times the control socket was made anew.
 * @param renewals Leases renewed.
 * @param leasesExpired Leases the gateway no longer knew.
 * @param subscriptionsRepaired Topics the gateway had not seen, subscribed again.
 * @param replaysRequested Requests for lost events.
 * @param replaysRetried Such requests sent again: the gateway was busy or did not answer.
 * @param replaysRefused Holes for which there was no room; what is in them is lost for good.
 * @param replaysLate Answers to such requests that nobody waited for any more.
 * @param replayed Lost events that came by replay.
 * @param replayedBad Messages in such answers that were not what was asked for.
 * @param lost Messages lost for good; a final Gap names each.
 * @param holes Holes being fetched.
 * @param skips Times that everything waiting for a slow application was skipped.
 * @param lagUs How far behind this client is, microseconds: the age of the last heartbeat when it
 *     was read, or the time the oldest message has waited; null before anything is known.
 * @param queueSize Messages waiting for the application.
 * @param queueCapacity Messages that may wait.
 * @param requestsSize Control requests outstanding.
 * @param requestsCapacity Control requests that may be outstanding.
 */
public record Statistics(
        long received,
        long delivered,
        long gaps,
        long missing,
        long repeats,
        long dropped,
        long conflated,
        long badFrames,
        long unknownMessages,
        long unrouted,
        long restarts,
        long reconnects,
        long snapshotsRequested,
        long snapshotsUnanswered,
        long requests,
        long requestTimeouts,
        long lateReplies,
        long badReplies,
        long controlReconnects,
        long renewals,
        long leasesExpired,
        long subscriptionsRepaired,
        long replaysRequested,
        long replaysRetried,
        long replaysRefused,
        long replaysLate,
        long replayed,
        long replayedBad,
        long lost,
        long holes,
        long skips,
        Long lagUs,
        long queueSize,
        long queueCapacity,
        long requestsSize,
        long requestsCapacity) {

    /** Takes the counters of a running engine. */
    static Statistics of(Engine engine, long undecodedCount) {
        Session session = engine.session;
        Intake intake = session.intake;
        Replays replays = session.replays;
        RpcClient rpc = engine.rpc;
        Delivery queue = engine.queue;
        return new Statistics(
                intake.receivedCount,
                queue.deliveredCount,
                intake.gapCount,
                intake.missingCount,
                intake.repeatCount,
                queue.droppedCount,
                queue.conflatedCount,
                intake.badFrameCount + undecodedCount,
                intake.unknownCount,
                intake.unroutedCount,
                intake.restartCount,
                engine.subscriber.reopenCount,
                session.joins.requestedCount,
                session.joins.unansweredCount,
                rpc.requestCount,
                rpc.timeoutCount,
                rpc.lateReplyCount,
                rpc.badReplyCount,
                rpc.reopenCount,
                session.leases.renewedCount,
                session.leases.expiredCount,
                session.repairedCount,
                replays.requestedCount,
                replays.retriedCount,
                replays.refusedCount,
                replays.lateCount,
                replays.recoveredCount,
                replays.badCount,
                replays.lostCount,
                replays.holeCount,
                queue.skipCount,
                session.lagUs(Clock.nowNs()),
                queue.size(),
                queue.capacity(),
                rpc.outstandingCount,
                RpcClient.OUTSTANDING_MAX);
    }
}
