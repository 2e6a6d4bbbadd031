package gatewayclient

// Lost events: which are wanted again, asked for, recovered, given up. No I/O.
//
// Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
// fetched with the method `replay`. Every hole ends in one of two ways, and says which: its messages
// are delivered and a Gap with Healed follows, or a Gap with IsFinal says that they never come. A hole
// may end partly this way and partly that way.
//
// Each topic has one request under way at a time, so what is recovered comes in order, and only so
// many topics have one. Holes close to each other share a request: of its answer only what is missing
// is taken. When the gateway is busy or does not answer, everything pauses; a topic whose requests
// fail too often is given up.

const (
	// replaysOutstandingMax is how many requests are under way at a time.
	replaysOutstandingMax = 8
	// replayMessagesMax is asked for at a time: while they are taken in, nothing else is read.
	replayMessagesMax = 1_000
	// holesMax holes wait at a time; what is lost beyond that is lost for good.
	holesMax = 20_000
	// replayAttemptsMax: after so many requests in a row that failed, a topic's first hole is given up.
	replayAttemptsMax = 5
	// apartMax messages between two holes are fetched again, and ignored, to save a request.
	apartMax = 50
	// pauseNs is the pause after a failure; twice as long after each further one.
	pauseNs = 500_000_000
	// pauseNsMax: a gateway that asks for a longer pause will not have the messages then.
	pauseNsMax = 60_000_000_000
)

// holeLine is the holes of one topic, in one run of the gateway.
type holeLine struct {
	route      *route
	epoch      int64
	holes      []span // Ascending, apart from each other.
	unsureLast int64  // Up to here it is not known whether the sequences were ever published.
	attempts   int    // Requests that failed since the last one that did not.
	request    *replayRequest
}

// replays is the holes of all topics of one client.
type replays struct {
	lines            map[string]*holeLine
	ready            *ordered[struct{}] // Topics without a request under way.
	outstandingCount int
	resumeAtNs       int64
	unansweredCount  int
	isSupported      bool
	isOff            bool // There is no control connection to ask on.
	isPaused         bool // The gateway is not heard: asking would only use up attempts.

	holeCount      int64
	requestedCount int64
	retriedCount   int64
	recoveredCount int64
	lostCount      int64
	refusedCount   int64 // Holes that found no room.
	badCount       int64 // Bodies that were not what was asked for.
	lateCount      int64 // Answers nobody waited for any more.
}

func newReplays() *replays {
	return &replays{lines: map[string]*holeLine{}, ready: newOrdered[struct{}](), isSupported: true}
}

// ask wants messages again that were lost; they come after all that is wanted already. isSure tells
// whether they were published; if not, those that do not come are not told. False when it will not be
// tried: the gateway has no replay, or too much waits.
func (r *replays) ask(on *route, epoch int64, hole span, isSure bool) bool {
	if r.isOff || !r.isSupported {
		return false
	}
	line := r.lines[on.topic]
	if line != nil && isSure && line.holes[len(line.holes)-1].last == hole.first-1 {
		line.holes[len(line.holes)-1].last = hole.last
		return true
	}
	if r.holeCount >= holesMax {
		r.refusedCount++
		return false
	}
	if line == nil {
		line = &holeLine{route: on, epoch: epoch}
		r.lines[on.topic] = line
		r.ready.pushBack(on.topic, struct{}{})
	}
	line.holes = append(line.holes, hole)
	if !isSure {
		line.unsureLast = hole.last
	}
	r.holeCount++
	return true
}

// isAwaited tells whether a message is still to come by replay.
func (r *replays) isAwaited(topic string, epoch, sequence int64) bool {
	line := r.lines[topic]
	if line == nil || line.epoch != epoch {
		return false
	}
	for _, hole := range line.holes {
		if hole.first <= sequence && sequence <= hole.last {
			return true
		}
	}
	return false
}

// lost counts messages that never come, and spells the event that says so.
func (r *replays) lost(on *route, epoch int64, hole span) *Gap {
	r.lostCount += hole.size()
	return &Gap{Topic: on.topic, FirstMissing: hole.first, LastMissing: hole.last, Epoch: epoch, IsFinal: true}
}

// start takes the requests that are to be sent now.
func (r *replays) start(nowNs int64) []*replayRequest {
	if r.isPaused || nowNs < r.resumeAtNs {
		return nil
	}
	r.resumeAtNs = 0
	var started []*replayRequest
	for r.ready.len() > 0 && r.outstandingCount < replaysOutstandingMax {
		topic, _, _ := r.ready.popFront()
		line := r.lines[topic]
		line.request = nextRequest(line)
		r.outstandingCount++
		r.requestedCount++
		started = append(started, line.request)
	}
	return started
}

// deadlineNs is when a pause is over; 0 when nothing waits for that.
func (r *replays) deadlineNs() int64 { return r.resumeAtNs }

// answered notes how a request ended; returns what the application is to get, in order.
func (r *replays) answered(request *replayRequest, end outcome, nowNs int64) []any {
	line := r.lines[request.route.topic]
	if line == nil || line.request != request {
		r.lateCount++
		return nil
	}
	line.request = nil
	r.outstandingCount--
	if isAway(end.err) {
		r.unansweredCount++
	} else {
		r.unansweredCount = 0
	}
	var out []any
	switch {
	case end.err == nil:
		line.attempts = 0
		out = r.take(line, request, end.result)
	case r.isToBeTriedAgain(line, end.err, nowNs):
		r.ready.pushFront(request.route.topic, struct{}{})
		return nil
	case r.unansweredCount >= replayAttemptsMax || refusalCode(end.err) == ErrorCodeUnknownMethod:
		// Others would fare no better: a gateway without replay, or one that does not answer.
		r.isSupported = r.isSupported && refusalCode(end.err) != ErrorCodeUnknownMethod
		return r.giveUpAll()
	default:
		line.attempts = 0
		out = r.end(line, request.holeLast, nil)
	}
	if len(line.holes) > 0 {
		r.ready.pushBack(request.route.topic, struct{}{})
	} else {
		delete(r.lines, request.route.topic)
	}
	return out
}

// giveUp stops wanting what a topic lost; returns what is to be told of it.
func (r *replays) giveUp(topic string) []any {
	line := r.lines[topic]
	if line == nil {
		return nil
	}
	delete(r.lines, topic)
	r.ready.remove(topic)
	if line.request != nil {
		r.outstandingCount--
	}
	r.holeCount -= int64(len(line.holes))
	var out []any
	for _, hole := range line.holes {
		out = r.tellLost(out, line, hole)
	}
	return out
}

// giveUpAll stops wanting anything; returns what is to be told.
func (r *replays) giveUpAll() []any {
	topics := make([]string, 0, len(r.lines))
	for topic := range r.lines {
		topics = append(topics, topic)
	}
	var out []any
	for _, topic := range topics {
		out = append(out, r.giveUp(topic)...)
	}
	return out
}

// restart follows another run of the gateway: what the earlier one kept went with it.
func (r *replays) restart() []any {
	out := r.giveUpAll()
	r.isSupported = true
	r.unansweredCount = 0
	r.resumeAtNs = 0
	return out
}

func (r *replays) tellLost(out []any, line *holeLine, piece span) []any {
	if piece.first <= line.unsureLast {
		piece.first = line.unsureLast + 1
	}
	if piece.first > piece.last {
		return out
	}
	return append(out, r.lost(line.route, line.epoch, piece))
}

// isToBeTriedAgain judges a failure; when another try makes sense, everything pauses before it.
func (r *replays) isToBeTriedAgain(line *holeLine, err error, nowNs int64) bool {
	// Who says when to ask again means that it will help.
	retryMs, hasRetry := retryMsOf(err).Get()
	_, isRetryable := HintOf(refusalCode(err))
	line.attempts++
	if !(isAway(err) || isRetryable || hasRetry) || line.attempts >= replayAttemptsMax {
		return false
	}
	pause := int64(pauseNs) << (line.attempts - 1)
	if hasRetry {
		pause = retryMs * 1_000_000
	}
	if pause > pauseNsMax {
		return false
	}
	r.retriedCount++
	if at := nowNs + pause; at > r.resumeAtNs {
		r.resumeAtNs = at
	}
	return true
}

// take sorts an answer into what came and what never will.
func (r *replays) take(line *holeLine, request *replayRequest, result []byte) []any {
	reply, err := readReplay(result)
	if err != nil {
		r.badCount++
	}
	found := r.read(line, request, reply.bodies)
	end := request.asked.last
	if oldest, hasOldest := reply.oldest.Get(); !reply.isComplete {
		switch {
		case !hasOldest:
			end = request.holeLast
		case oldest > request.asked.last:
			end = oldest - 1
			if last := line.holes[len(line.holes)-1].last; last < end {
				end = last
			}
		case len(found) > 0 && found[len(found)-1].head.sequence < request.asked.last:
			// As much as one reply holds; the rest is still there.
			end = found[len(found)-1].head.sequence
			if oldest-1 > end {
				end = oldest - 1
			}
		}
	}
	return r.end(line, end, found)
}

// read takes the bodies that were lost; what is not as asked for is counted.
func (r *replays) read(line *holeLine, request *replayRequest, bodies [][]byte) []*pending {
	var found []*pending
	hole := 0
	position := request.asked.first - 1
	for _, body := range bodies {
		came, err := readReplayed(request, body, position)
		if err != nil {
			r.badCount++
			continue
		}
		position = came.head.sequence
		for line.holes[hole].last < position && hole+1 < len(line.holes) {
			hole++
		}
		if line.holes[hole].first <= position && position <= line.holes[hole].last {
			found = append(found, came)
		}
	}
	return found
}

// end takes everything up to a sequence out of the holes and tells what became of it.
func (r *replays) end(line *holeLine, end int64, found []*pending) []any {
	came := make([]span, len(found))
	for i, message := range found {
		came[i] = span{message.head.sequence, message.head.sequence}
	}
	came = joined(came)
	var out []any
	for len(line.holes) > 0 && line.holes[0].first <= end {
		hole := line.holes[0]
		ended := span{hole.first, hole.last}
		if end < ended.last {
			ended.last = end
		}
		out, found = r.tell(out, line, ended, came, found)
		if ended.last < hole.last {
			line.holes[0].first = ended.last + 1
			break
		}
		line.holes = line.holes[1:]
		r.holeCount--
	}
	return out
}

// tell says of a span that ended what came of it and what is lost, in the order of the sequences.
func (r *replays) tell(out []any, line *holeLine, ended span, came []span, found []*pending) ([]any, []*pending) {
	at := ended.first
	for _, missing := range append(without(ended, came), span{ended.last + 1, ended.last}) {
		if at < missing.first {
			arrived := span{at, missing.first - 1}
			count := arrived.size()
			r.recoveredCount += count
			for _, message := range found[:count] {
				out = append(out, message)
			}
			found = found[count:]
			out = append(out, &Gap{Topic: line.route.topic, FirstMissing: arrived.first,
				LastMissing: arrived.last, Healed: true, Epoch: line.epoch})
		}
		if missing.first <= missing.last {
			out = r.tellLost(out, line, missing)
		}
		at = missing.last + 1
	}
	return out, found
}
