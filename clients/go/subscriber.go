package gatewayclient

import (
	"context"
	"sync"
)

// Subscriber is the data side alone: topics, snapshots, gaps and the watch over heartbeats, without a
// control connection. Nothing is leased, so it suits a gateway that watches what is subscribed
// (`auto_watch`); and nothing is replayed, so lost events are told by final Gaps at once.
//
// Any goroutine may call any method.
type Subscriber struct {
	engine *engine
	closed sync.Once
}

// NewSubscriber begins to read; ControlEndpoint is not used. It does not wait for the gateway: libzmq
// connects when there is one.
//
// InvalidArgumentError: an option can never work.
func NewSubscriber(options Options) (*Subscriber, error) {
	completed, err := options.completed()
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(completed, false)
	if err != nil {
		return nil, err
	}
	engine.start()
	return &Subscriber{engine: engine}, nil
}

// SubscribeTopics listens to topics (`quote,AAPL,`) or whole kinds (`news,`); state topics bring their
// last value first.
func (s *Subscriber) SubscribeTopics(ctx context.Context, topics ...string) error {
	return s.engine.listen(ctx, topics, true)
}

// UnsubscribeTopics stops listening to what SubscribeTopics was given.
func (s *Subscriber) UnsubscribeTopics(ctx context.Context, topics ...string) error {
	return s.engine.listen(ctx, topics, false)
}

// Next takes the next message or event, as GatewayClient.Next does.
func (s *Subscriber) Next(ctx context.Context) (Item, error) { return s.engine.next(ctx) }

// Statistics tells what was counted.
func (s *Subscriber) Statistics() Statistics { return s.engine.statistics() }

// Close ends it; idempotent. What is still queued can be read, then Next returns ErrStreamEnded.
func (s *Subscriber) Close() {
	s.closed.Do(s.engine.stop)
	<-s.engine.stopped
}

// listen listens to topics without a lease, or stops.
func (e *engine) listen(ctx context.Context, topics []string, isWanted bool) error {
	topics = append([]string(nil), topics...) // The reader looks at them after the caller may have gone.
	if err := checkTopics(topics); err != nil {
		return err
	}
	_, err := wait(ctx, e, e.options.RequestTimeout, func(nowNs, timeoutNs int64, done func(any, error)) {
		if isWanted {
			e.session.listenTo(topics)
		} else {
			e.session.forgetTopics(topics)
		}
		done(nil, nil)
	})
	return err
}

func (e *engine) statistics() Statistics {
	var told Statistics
	e.inspect(func(nowNs int64) {
		s, q := e.session, e.queue
		in := s.intake
		q.lock.Lock()
		told = Statistics{Delivered: q.deliveredCount, Dropped: q.droppedCount, Conflated: q.conflatedCount,
			Skips: q.skipCount, QueueSize: int64(q.size()), QueueCapacity: int64(q.capacity)}
		q.lock.Unlock()
		told.Received, told.Gaps, told.Missing = in.receivedCount, in.gapCount, in.missingCount
		told.Repeats, told.Unrouted, told.Restarts = in.repeatCount, in.unroutedCount, in.restartCount
		told.BadFrames = in.badFrameCount + e.undecodedCount.Load()
		told.UnknownMessages, told.Reconnects = in.unknownCount, e.data.reopenCount
		told.SnapshotsRequested, told.SnapshotsUnanswered = s.joins.requestedCount, s.joins.unansweredCount
		told.Renewals, told.LeasesExpired = s.leases.renewedCount, s.leases.expiredCount
		told.SubscriptionsRepaired = s.repairedCount
		r := s.replays
		told.ReplaysRequested, told.ReplaysRetried = r.requestedCount, r.retriedCount
		told.ReplaysRefused, told.ReplaysLate = r.refusedCount, r.lateCount
		told.Replayed, told.ReplayedBad, told.Lost, told.Holes = r.recoveredCount, r.badCount, r.lostCount, r.holeCount
		told.LagUs = s.lagUs(nowNs)
		told.RequestsCapacity = requestsMax
		if rpc := e.rpc; rpc != nil {
			told.Requests, told.RequestTimeouts = rpc.requestCount, rpc.timeoutCount
			told.LateReplies, told.BadReplies = rpc.lateReplyCount, rpc.badReplyCount
			told.ControlReconnects, told.RequestsSize = rpc.reopenCount, int64(len(rpc.requests))
		}
	})
	return told
}
