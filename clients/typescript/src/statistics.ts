/** Gathers what the parts of a client have counted. */

import type { Engine } from "./engine.js";
import type { Statistics } from "./results.js";
import { OUTSTANDING_MAX } from "./rpc_client.js";

/** Spell every counter. */
export function statisticsOf(engine: Engine, undecodedCount: number): Statistics {
  const { session, rpc, queue, subscriber } = engine;
  const { intake, joins, leases, replays } = session;
  return {
    received: intake.receivedCount,
    delivered: queue.deliveredCount,
    gaps: intake.gapCount,
    missing: intake.missingCount,
    repeats: intake.repeatCount,
    dropped: queue.droppedCount,
    conflated: queue.conflatedCount,
    badFrames: intake.badFrameCount + undecodedCount,
    unknownMessages: intake.unknownCount,
    unrouted: intake.unroutedCount,
    restarts: intake.restartCount,
    reconnects: subscriber.reopenCount,
    snapshotsRequested: joins.requestedCount,
    snapshotsUnanswered: joins.unansweredCount,
    requests: rpc.requestCount,
    requestTimeouts: rpc.timeoutCount,
    lateReplies: rpc.lateReplyCount,
    badReplies: rpc.badReplyCount,
    controlReconnects: rpc.reopenCount,
    failedReopens: rpc.failedReopenCount + subscriber.failedReopenCount + engine.failedTickCount,
    renewals: leases.renewedCount,
    leasesExpired: leases.expiredCount,
    subscriptionsRepaired: session.repairedCount,
    replaysRequested: replays.requestedCount,
    replaysRetried: replays.retriedCount,
    replaysRefused: replays.refusedCount,
    replaysLate: replays.lateCount,
    replayed: replays.recoveredCount,
    replayedBad: replays.badCount,
    lost: replays.lostCount,
    holes: replays.holeCount,
    skips: queue.skipCount,
    lagUs: session.lagUs(performance.now()),
    queueSize: queue.length,
    queueCapacity: queue.capacity,
    requestsSize: rpc.outstandingCount,
    requestsCapacity: OUTSTANDING_MAX,
  };
}
