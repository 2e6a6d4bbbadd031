//! What the reader thread has counted, for all threads to see.

use super::Engine;
use crate::results::Statistics;
use crate::rpc_client::OUTSTANDING_MAX;
use crate::shared::lock;

impl Engine {
    /// Let other threads see what was counted.
    pub(super) fn publish(&self) {
        let session = &self.session;
        let (flow, rpc) = (&session.intake.flow, &session.rpc.counters);
        let statistics = Statistics {
            received: flow.received_count,
            gaps: flow.gap_count,
            missing: flow.missing_count,
            repeats: flow.repeat_count,
            bad_frames: flow.bad_frame_count,
            unknown_messages: flow.unknown_count,
            unrouted: flow.unrouted_count,
            restarts: flow.restart_count,
            reconnects: session.subscriber.reopen_count,
            snapshots_requested: flow.joins.requested_count,
            snapshots_unanswered: flow.joins.unanswered_count,
            requests: rpc.requests,
            request_timeouts: rpc.timeouts,
            late_replies: rpc.late_replies,
            bad_replies: rpc.bad_replies,
            control_reconnects: rpc.reopened,
            renewals: session.leases.renewed_count,
            leases_expired: session.leases.expired_count,
            subscriptions_repaired: session.repaired_count,
            replays_requested: flow.replays.requested_count,
            replays_retried: flow.replays.retried_count,
            replays_refused: flow.replays.refused_count,
            replays_late: flow.replays.late_count,
            replayed: flow.replays.recovered_count,
            replayed_bad: flow.replays.bad_count,
            lost: flow.replays.lost_count,
            holes: flow.replays.hole_count as u64,
            requests_size: session.rpc.outstanding_count() as u64,
            requests_capacity: OUTSTANDING_MAX as u64,
            ..Statistics::default()
        };
        let mut status = lock(&self.shared.status);
        status.statistics = statistics;
        status.epoch = flow.epoch;
        status.heartbeat_lag_us = session.heartbeat_lag_us;
    }
}
