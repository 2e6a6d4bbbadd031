package gatewayclient

// What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.
//
// Everything here runs in the reader and never waits: requests bring their answers to functions,
// retries are timers.

const (
	clientVersion = "0.1.0"
	retryNsMin    = 1_000_000_000
	retryNsMax    = 10_000_000_000
	// greetAttemptsMax bounds how often a fresh data connection is told whose it is; leases tell it too.
	greetAttemptsMax = 5
)

// timer is something to be called at a time.
type timer struct {
	atNs int64
	call func(nowNs int64)
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].atNs < h[j].atNs }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// session is the subscriptions of one client over its two sockets.
type session struct {
	options Options
	rpc     *rpcClient // nil: there is no control side.
	data    *dataSocket
	queue   *deliveryQueue // Looked at only.
	joins   *joins
	replays *replays
	intake  *intake
	leases  *leaseBook
	token   string
	timers  timerHeap

	reportedReceived int64
	reportedMissing  int64
	repairedCount    int64
	// heartbeatLagUs is the age of the last heartbeat when it was read, by this machine's clock.
	heartbeatLagUs Optional[int64]
}

func newSession(options Options, rpc *rpcClient, data *dataSocket, queue *deliveryQueue) *session {
	s := &session{options: options, rpc: rpc, data: data, queue: queue, joins: newJoins(),
		replays: newReplays(), leases: newLeaseBook(int64(options.Lease.Seconds())), token: newNonce()}
	s.replays.isOff = rpc == nil
	s.intake = newIntake(s.joins, s.replays)
	for _, topic := range sysTopics {
		s.listen(topic)
	}
	if rpc != nil {
		s.listen("~" + s.token + ".sys,client,")
	}
	return s
}

// call sends one request; done gets its outcome exactly once.
func (s *session) call(method string, params any, timeoutNs, nowNs int64, done onDone) {
	if s.rpc == nil {
		done(outcome{err: notConnected("there is no control connection", "method", method)})
		return
	}
	s.rpc.request(method, params, timeoutNs, nowNs, done)
}

// callInBackground sends a request that nobody waits for.
func (s *session) callInBackground(method string, params map[string]any, nowNs int64, done onDone) {
	s.call(method, params, int64(s.options.RequestTimeout), nowNs, done)
}

// lagUs tells how far behind we are: the way to us, or the application, whichever is worse.
func (s *session) lagUs(nowNs int64) Optional[int64] {
	waitingUs := s.queue.age(nowNs) / 1_000
	lagUs, isKnown := s.heartbeatLagUs.Get()
	if waitingUs > lagUs {
		return Some(waitingUs)
	}
	if lagUs < 0 {
		lagUs = 0
	}
	if !isKnown {
		return Optional[int64]{}
	}
	return Some(lagUs)
}

// Who this client is.

// greet says hello, which binds the data connection that holds our token to our name.
func (s *session) greet(nowNs, timeoutNs int64, done onDone) {
	params := map[string]any{"client": s.options.ClientName, "language": "go", "version": clientVersion,
		"data_token": s.token}
	s.call("hello", params, timeoutNs, nowNs, done)
}

// greetAgain says it of a fresh data connection; leases bind it as well, but not everybody has any.
func (s *session) greetAgain(nowNs int64, attempts int) {
	if s.rpc == nil {
		return
	}
	s.greet(nowNs, int64(s.options.RequestTimeout), func(end outcome) {
		isBusy := isAway(end.err) || retryMsOf(end.err).IsSet()
		if isBusy && attempts < greetAttemptsMax {
			s.later(monotonicNs()+retryNsMin, func(atNs int64) { s.greetAgain(atNs, attempts+1) })
		}
	})
}

// Subscriptions.

// subscribe takes leases, then listens, then asks for snapshots; symbols and kinds are checked.
func (s *session) subscribe(symbols, kinds []string, nowNs, timeoutNs int64, done func(map[string]SymbolResult, error)) {
	results := map[string]SymbolResult{}
	parts := chunks(symbols)
	open := len(parts)
	if open == 0 {
		done(results, nil)
	}
	for _, part := range parts {
		part := part
		s.lease(part, kinds, nowNs, timeoutNs, func(end outcome) {
			taken, err := s.take(part, kinds, true, end, nowNs)
			if err != nil {
				// What other parts brought stays subscribed; the caller may simply ask again.
				done(nil, err)
				return
			}
			for symbol, result := range taken {
				results[symbol] = result
			}
			if open--; open == 0 {
				done(results, nil)
			}
		})
	}
}

func (s *session) lease(symbols, kinds []string, nowNs, timeoutNs int64, done onDone) {
	params := map[string]any{"client": s.options.ClientName, "symbols": symbols, "kinds": kinds,
		"lease_s": int64(s.options.Lease.Seconds()), "data_token": s.token}
	s.call("subscribe", params, timeoutNs, nowNs, done)
}

// take acts on the answer to `subscribe`; isNew unless all of it was wanted before. What was given up
// while the gateway was asked again stays given up.
func (s *session) take(symbols, kinds []string, isNew bool, end outcome, nowNs int64) (map[string]SymbolResult, error) {
	if end.err != nil {
		return nil, end.err
	}
	leaseID, results, err := readSubscribed(unpacked(end.result), symbols)
	if err != nil {
		return nil, err
	}
	var accepted []string
	for _, symbol := range symbols {
		if results[symbol].IsAccepted() {
			accepted = append(accepted, symbol)
		}
	}
	if isNew {
		s.leases.want(accepted, kinds)
	}
	var held, unwanted []string
	for _, symbol := range accepted {
		if !s.leases.isWanted(symbol) {
			unwanted = append(unwanted, symbol)
			continue
		}
		held = append(held, symbol)
		for _, kind := range kinds {
			if contains(s.leases.wanted[symbol], kind) {
				s.listen(topicOf(kind, symbol))
			}
		}
	}
	if leaseID == "" {
		return results, nil
	}
	if len(held) > 0 {
		s.leases.add(leaseID, held, nowNs)
	}
	if len(unwanted) > 0 {
		params := map[string]any{"client": s.options.ClientName, "lease_id": leaseID, "symbols": unwanted}
		s.callInBackground("unsubscribe", params, nowNs, func(outcome) {}) // Else it lapses.
	}
	return results, nil
}

// listen subscribes to a topic first, then wants its snapshot: the order makes it free of races.
func (s *session) listen(topic string) {
	s.intake.add(topic)
	s.data.subscribe(topic)
	s.intake.askAgain(topic)
}

// giveUp stops listening at once, then tells the gateway.
//
// Kinds are as asked, checked, nil for all; `state` in a level stays while other kinds of the symbol do.
func (s *session) giveUp(symbols, kinds []string, nowNs, timeoutNs int64, done func(error)) {
	groups := newOrdered[*group]()
	for _, symbol := range symbols {
		chosen := s.withoutShared(symbol, kinds)
		s.forgetTopics(s.leases.drop(symbol, chosen))
		key := "-"
		if chosen != nil {
			key = topicOf("", joinedText(chosen))
		}
		groups.pushBack(key, &group{kinds: chosen})
		found, _ := groups.get(key)
		found.symbols = append(found.symbols, symbol)
	}
	s.leases.prune()
	open := 0
	finish := func(end outcome) {
		open--
		if end.err != nil || open == 0 {
			done(end.err)
		}
	}
	var requests []map[string]any
	for _, key := range groups.keys() {
		found, _ := groups.get(key)
		for _, part := range chunks(found.symbols) {
			params := map[string]any{"client": s.options.ClientName, "symbols": part}
			if found.kinds != nil {
				params["kinds"] = found.kinds
			}
			requests = append(requests, params)
		}
	}
	open = len(requests)
	if open == 0 {
		done(nil)
	}
	for _, params := range requests {
		s.call("unsubscribe", params, timeoutNs, nowNs, finish)
	}
}

func joinedText(texts []string) string {
	text := ""
	for _, part := range texts {
		text += part + ","
	}
	return text
}

func (s *session) withoutShared(symbol string, kinds []string) []string {
	if kinds == nil {
		return nil
	}
	chosen, _ := expandKinds(kinds)
	isShared := false
	for _, kind := range s.leases.wanted[symbol] {
		isShared = isShared || !contains(chosen, kind)
	}
	if !isShared || contains(kinds, KindState) {
		return chosen
	}
	rest := []string{}
	for _, kind := range chosen {
		if kind != KindState {
			rest = append(rest, kind)
		}
	}
	return rest
}

// listenTo listens to topics or kind prefixes without a lease.
func (s *session) listenTo(names []string) {
	for _, name := range names {
		s.listen(name)
	}
}

// forgetTopics stops listening to topics or kind prefixes, but never to what keeps the client itself.
func (s *session) forgetTopics(names []string) {
	for _, name := range names {
		if contains(sysTopics, name) {
			continue
		}
		s.data.unsubscribe(name)
		for _, private := range s.intake.remove(name) {
			s.data.unsubscribe(private)
		}
	}
}
