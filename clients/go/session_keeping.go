package gatewayclient

import "container/heap"

// Keeping what is held.

// afterBatch follows up on what the frames just read brought.
func (s *session) afterBatch(nowNs int64) {
	for _, private := range s.intake.answered {
		s.data.unsubscribe(private)
	}
	s.intake.answered = s.intake.answered[:0]
	if s.intake.hasRestarted {
		s.intake.hasRestarted = false
		s.restore(nowNs)
	}
	s.startJoins(nowNs)
	s.startReplays(nowNs)
}

// reconnected fetches what may have been missed while nothing was heard, by a connection with a name.
func (s *session) reconnected(nowNs int64) {
	s.replays.isPaused = false
	s.greetAgain(nowNs, 1)
	s.intake.askAllAgain(nil)
}

// tick does what is due: retries, renewals, overdue snapshots.
func (s *session) tick(nowNs int64) {
	for len(s.timers) > 0 && s.timers[0].atNs <= nowNs {
		heap.Pop(&s.timers).(timer).call(nowNs)
	}
	for _, private := range s.joins.overdue(nowNs) {
		s.data.unsubscribe(private)
	}
	s.startJoins(nowNs)
	s.startReplays(nowNs)
	due := s.leases.due(nowNs)
	if len(due) > 0 && s.leases.hasTooMany() {
		s.leaseAgain(s.leases.startOver(), nowNs, retryNsMin)
		return
	}
	for _, held := range due {
		s.renew(held, nowNs)
	}
}

// deadlineNs is the time at which `tick` has something to do; 0 for none.
func (s *session) deadlineNs() int64 {
	next := sooner(s.joins.deadlineNs(), s.replays.deadlineNs())
	next = sooner(next, s.leases.deadlineNs())
	if len(s.timers) > 0 {
		next = sooner(next, s.timers[0].atNs)
	}
	return next
}

func (s *session) startJoins(nowNs int64) {
	for _, private := range s.joins.start(nowNs) {
		s.data.subscribe(private)
	}
}

// startReplays asks for lost events while the application keeps up: else what came would push out what
// is current.
func (s *session) startReplays(nowNs int64) {
	if s.replays.ready.len() == 0 || !s.queue.hasRoom() {
		return
	}
	for _, request := range s.replays.start(nowNs) {
		request := request
		s.callInBackground("replay", request.params(), nowNs, func(end outcome) {
			s.intake.out = append(s.intake.out, s.replays.answered(request, end, monotonicNs())...)
		})
	}
}

// restore subscribes again at a gateway that was restarted.
func (s *session) restore(nowNs int64) {
	s.greetAgain(nowNs, 1)
	s.intake.askAllAgain(s.leases.isWanted)
	s.leaseAgain(s.leases.startOver(), nowNs, retryNsMin)
}

func (s *session) renew(held *lease, nowNs int64) {
	received, missing := s.intake.receivedCount, s.intake.missingCount
	params := map[string]any{
		"client": s.options.ClientName, "lease_id": held.id, "data_token": s.token,
		"received": received - s.reportedReceived, "gaps": missing - s.reportedMissing,
	}
	if lagUs, ok := s.lagUs(nowNs).Get(); ok {
		params["lag_us"] = lagUs
	}
	s.reportedReceived, s.reportedMissing = received, missing
	s.callInBackground("renew", params, nowNs, func(end outcome) { s.renewed(held, end, monotonicNs()) })
}

func (s *session) renewed(held *lease, end outcome, nowNs int64) {
	if refusalCode(end.err) == ErrorCodeLeaseExpired {
		if s.leases.expire(held.id) {
			s.leaseAgain(s.leases.groups(held.symbols), nowNs, retryNsMin)
		}
		return
	}
	if end.err != nil {
		s.leases.retry(held.id, nowNs)
		return
	}
	fields, _ := unpacked(end.result).(map[string]any)
	missing, _ := fields["missing_subscriptions"].([]any)
	isInDoubt := false
	for _, item := range missing {
		if topic, ok := item.(string); ok && s.data.repair(topic) {
			isInDoubt = true
			s.repairedCount++
			s.intake.askAgain(topic)
		}
	}
	s.leases.renewed(held.id, nowNs, isInDoubt)
}

// leaseAgain subscribes in the background, again and again until the gateway has answered.
func (s *session) leaseAgain(groups []group, nowNs, delayNs int64) {
	for _, wanted := range groups {
		wanted := wanted
		s.lease(wanted.symbols, wanted.kinds, nowNs, int64(s.options.RequestTimeout), func(end outcome) {
			taken, err := s.take(wanted.symbols, wanted.kinds, false, end, monotonicNs())
			if err != nil {
				s.retryLease(wanted, err, delayNs)
				return
			}
			for _, symbol := range wanted.symbols {
				if result := taken[symbol]; !result.IsAccepted() && s.leases.isWanted(symbol) {
					s.intake.out = append(s.intake.out, &SubscriptionRefused{symbol, result.Code, result.Hint})
				}
			}
		})
	}
}

func (s *session) retryLease(wanted group, err error, delayNs int64) {
	waitNs := delayNs
	if retryMs, ok := retryMsOf(err).Get(); ok && retryMs*1_000_000 > waitNs {
		waitNs = retryMs * 1_000_000
	}
	nextNs := delayNs * 2
	if nextNs > retryNsMax {
		nextNs = retryNsMax
	}
	s.later(monotonicNs()+waitNs, func(atNs int64) {
		s.leaseAgain(s.leases.groups(wanted.symbols), atNs, nextNs)
	})
}

func (s *session) later(atNs int64, call func(nowNs int64)) {
	heap.Push(&s.timers, timer{atNs, call})
}

// end tells of what is still being fetched that it never comes.
func (s *session) end() {
	s.intake.out = append(s.intake.out, s.replays.giveUpAll()...)
}
