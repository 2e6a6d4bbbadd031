package gatewayclient

import "strings"

// Frames in, messages and loss events out. No I/O, no clock.
//
// The reader hands every frame to `receive`. It reads the topic and the head of the body, judges the
// sequence, and leaves the rest to the goroutine that takes the message.

const (
	// routesMax topics are known at a time; what a prefix brings beyond that is counted as unrouted.
	routesMax      = 200_000
	heartbeatTopic = "sys,heartbeat,"
	tailsTopic     = "sys,tails,"
)

var sysTopics = []string{heartbeatTopic, tailsTopic, "sys,alert,", "sys,feed,", "sys,goodbye,"}

// intake is the data side of one client, between the socket and the queue.
type intake struct {
	joins    *joins
	replays  *replays
	routes   map[string]*route
	prefixes map[string]bool
	tails    *route
	// out is what the application is to get, in order; the engine takes it after every batch.
	out []any
	// answered is private topics to unsubscribe from; the engine takes them after every batch.
	answered []string
	epoch    int64
	// hasRestarted is set when a new epoch was noticed; the engine clears it.
	hasRestarted bool
	heartbeatUs  int64 // When the gateway published the last heartbeat, microseconds UTC.

	heartbeatCount int64
	receivedCount  int64
	gapCount       int64
	missingCount   int64
	repeatCount    int64
	badFrameCount  int64
	unknownCount   int64
	unroutedCount  int64
	restartCount   int64
}

func newIntake(joins *joins, replays *replays) *intake {
	in := &intake{joins: joins, replays: replays, routes: map[string]*route{}, prefixes: map[string]bool{},
		tails: newRoute(tailsTopic), epoch: -1}
	for _, topic := range sysTopics {
		in.add(topic)
	}
	return in
}

// add accepts a topic, or everything under a kind prefix such as `news,`.
func (in *intake) add(topic string) {
	if strings.Count(topic, ",") < 2 {
		in.prefixes[topic] = true
		return
	}
	if in.routes[topic] == nil {
		in.routes[topic] = newRoute(topic)
		if topic == tailsTopic {
			in.routes[topic] = in.tails
		}
	}
	in.routes[topic].isOfPrefix = false
}

// remove stops accepting a topic, or everything under a prefix that was not added by itself; returns
// the private topics to unsubscribe from.
func (in *intake) remove(topic string) []string {
	gone := []string{topic}
	if in.prefixes[topic] {
		delete(in.prefixes, topic)
		for name, on := range in.routes {
			if on.isOfPrefix && strings.HasPrefix(name, topic) {
				gone = append(gone, name)
			}
		}
	}
	var private []string
	for _, name := range gone {
		if asked := in.joins.forget(name); asked != "" {
			private = append(private, asked)
		}
		if on := in.routes[name]; on != nil {
			delete(in.routes, name)
			in.out = append(in.out, in.replays.giveUp(on.topic)...)
		}
	}
	return private
}

// noteSkipped lets the image that is asked for be told as what heals the rows that were skipped.
func (in *intake) noteSkipped(gaps []*Gap) {
	for _, gap := range gaps {
		on := in.routes[gap.Topic]
		if on != nil && on.hasValue && gap.Epoch == on.tracker.Epoch {
			on.widen(gap.FirstMissing, gap.LastMissing)
		}
	}
}

// askAgain wants a fresh snapshot of a topic, if it has any.
func (in *intake) askAgain(topic string) {
	if on := in.routes[topic]; on != nil {
		in.ask(on)
	}
}

// askAllAgain wants a fresh snapshot of every topic that has one, except those of some symbols.
func (in *intake) askAllAgain(unless func(symbol string) bool) {
	for _, on := range in.routes {
		if unless == nil || !unless(on.symbol) {
			in.ask(on)
		}
	}
}

// askImagesAgain wants a fresh image of every book.
func (in *intake) askImagesAgain() {
	for _, on := range in.routes {
		if on.hasImage {
			in.ask(on)
		}
	}
}

func (in *intake) ask(on *route) {
	if on.hasSnapshot {
		on.wantImage()
		in.joins.ask(on.topic)
	}
}

// receive takes one frame from the socket, which is kept; whatever it holds, this never fails.
func (in *intake) receive(frame []byte) {
	in.receivedCount++
	_, bodyAt := splitTopic(frame)
	if bodyAt < 0 || len(frame) > FrameBytesMax {
		in.badFrameCount++
		return
	}
	head, err := readHead(frame[bodyAt:])
	// All of it is looked at before the position moves: else a message cut short would count as come.
	if err != nil || !isWhole(frame[bodyAt:]) {
		in.badFrameCount++
		return
	}
	on := in.routes[string(frame[:bodyAt])]
	if on == nil {
		in.receiveOther(string(frame[:bodyAt]), head, frame[bodyAt:])
		return
	}
	in.receiveOn(on, head, frame[bodyAt:])
}

func (in *intake) receiveOn(on *route, head head, body []byte) {
	if head.number != on.number && !in.isAllowed(on, head.number) {
		return
	}
	if head.epoch != in.epoch {
		in.noteEpoch(head.epoch, head.flags)
	}
	switch seen := on.tracker.Update(head.epoch, head.sequence, head.flags); seen.Verdict {
	case VerdictGood:
	case VerdictGap:
		in.noteGap(on, head.epoch, span{seen.FirstMissing, seen.LastMissing})
	case VerdictRestart:
		on.beginAnew()
		in.fetchStart(on, head.epoch, head.sequence-1)
	default:
		// What is sent again to everybody may have been asked for already: it comes once.
		if seen.Verdict == VerdictRepeat || in.replays.isAwaited(on.topic, head.epoch, head.sequence) {
			in.repeatCount++
			return
		}
	}
	if on.base == KindSys && in.receiveSys(head, body) {
		return
	}
	if layouts[head.number] != nil {
		in.out = append(in.out, &pending{route: on, head: head, body: body,
			isState: on.isStateKind && head.number == on.number})
	}
	if on.needsImage || on.hasImage && head.number != on.number {
		in.followBook(on, head)
	}
}

// followBook has an image by the time updates come: they are of no use without.
//
// The answer to the first request may have been a state, because there was no book yet, and answers
// get lost. Only an image, or the first message of a run, ends the asking; the pauses grow, so that a
// gateway without an image is not asked at every update.
func (in *intake) followBook(on *route, head head) {
	if on.tracker != (TopicTracker{head.epoch, head.sequence}) {
		return // Sent again: the position has not moved.
	}
	switch {
	case head.number == MessageTypeImage:
		on.needsImage = false
		in.noteHealed(on, head.epoch)
	case head.number != on.number:
		// A change that cannot be understood is a change lost.
		in.noteGap(on, head.epoch, span{head.sequence, head.sequence})
	case head.sequence == 1:
		on.needsImage = false
	case head.sequence >= on.askAt && in.joins.ask(on.topic):
		on.askAt = head.sequence + on.askStep
		on.askStep *= 2
	}
}

// isAllowed judges a type number other than the kind's own; unknown ones are skipped, not lost.
func (in *intake) isAllowed(on *route, number MessageType) bool {
	if on.hasImage && number == MessageTypeImage || on.base == KindSys && carries(on.symbol, number) {
		return true
	}
	if layouts[number] != nil {
		in.badFrameCount++
		return false
	}
	in.unknownCount++
	return true
}

// receiveOther takes a private answer, a topic under a prefix, or what was unsubscribed a moment ago.
func (in *intake) receiveOther(topic string, head head, body []byte) {
	if strings.HasPrefix(topic, "~") {
		if base, isAwaited := in.joins.awaited(topic); isAwaited {
			on := in.routes[base]
			message, err := readAnswer(on, head, body)
			if err != nil {
				in.badFrameCount++
				return
			}
			in.joins.answered(topic)
			in.answered = append(in.answered, topic)
			if on != nil {
				in.receiveAnswer(on, &pending{route: on, head: head, body: body, message: message})
				return
			}
		}
	} else if prefix := topic[:strings.IndexByte(topic, ',')+1]; in.prefixes[prefix] && len(in.routes) < routesMax {
		in.add(topic)
		in.routes[topic].isOfPrefix = true
		in.receiveOn(in.routes[topic], head, body)
		return
	}
	in.unroutedCount++
}

// readAnswer decodes what the application will get, before anything is told to be healed by it. There
// is none without a route, for another number than may come, and where only the position counts.
func readAnswer(on *route, head head, body []byte) (Message, error) {
	if on == nil || layouts[head.number] == nil || on.isBaseline && head.number == on.number {
		return nil, nil
	}
	return decodeBody(on.kind, on.base, on.symbol, body)
}

// receiveAnswer applies the answer to a snapshot request.
func (in *intake) receiveAnswer(on *route, answer *pending) {
	head := answer.head
	if head.number == MessageTypeState && !head.flags.Has(FlagSnapshot) {
		in.receiveReason(on, answer)
		return
	}
	if head.number != on.number && !(on.hasImage && head.number == MessageTypeImage) {
		in.badFrameCount++
		return
	}
	if head.epoch != in.epoch {
		in.noteEpoch(head.epoch, 0)
	}
	switch seen := on.tracker.Snapshot(head.epoch, head.sequence); seen.Verdict {
	case VerdictRepeat:
		in.repeatCount++
		if on.gapFirst != 0 || on.needsImage {
			in.joins.ask(on.topic)
		}
		return
	case VerdictGap:
		in.addGap(on, head.epoch, span{seen.FirstMissing, seen.LastMissing})
	case VerdictRestart:
		on.beginAnew()
		in.fetchStart(on, head.epoch, head.sequence)
	}
	if on.isBaseline {
		return
	}
	on.needsImage = false
	answer.isState, answer.isSnapshot = on.isStateKind, true
	in.out = append(in.out, answer)
	in.noteHealed(on, head.epoch)
}

// receiveReason takes what is not a snapshot but why there is none; it says nothing of the sequence.
func (in *intake) receiveReason(on *route, answer *pending) {
	head := answer.head
	on.needsImage = on.hasImage
	in.out = append(in.out, answer)
	if on.isBaseline && head.epoch == in.epoch && head.epoch != on.tracker.Epoch {
		// Most likely nothing was published in this run; certain it is not.
		on.isFromStart = true
		on.tracker.Snapshot(head.epoch, 0)
	}
}

// noteHealed tells that a snapshot stands for what was lost.
func (in *intake) noteHealed(on *route, epoch int64) {
	if on.gapFirst != 0 {
		in.out = append(in.out, &Gap{Topic: on.topic, FirstMissing: on.gapFirst, LastMissing: on.gapLast,
			Healed: true, Epoch: epoch})
		on.gapFirst, on.gapLast = 0, 0
	}
}

// noteGap tells of lost messages and asks for what replaces them.
func (in *intake) noteGap(on *route, epoch int64, hole span) {
	if on.topic == heartbeatTopic {
		return // The next one is as good.
	}
	if on.base == KindSys && (on.symbol == "tails" || on.symbol == "client") {
		// What fell quiet is unknown, so every position is asked for.
		in.askAllAgain(nil)
		if on == in.tails {
			return
		}
	}
	in.addGap(on, epoch, hole)
	if !on.isBaseline {
		in.ask(on)
	}
}

// fetchStart fetches what a run published before we heard of it, as far as it did and still has it.
func (in *intake) fetchStart(on *route, epoch, last int64) {
	if on.isBaseline && last > 0 && epoch == in.epoch {
		in.replays.ask(on, epoch, span{1, last}, false)
	}
}

// addGap tells of lost messages, and has those fetched that nothing newer stands for.
func (in *intake) addGap(on *route, epoch int64, hole span) {
	if on.isFromStart {
		on.isFromStart = false
		if hole.first == 1 {
			in.fetchStart(on, epoch, hole.last)
			return
		}
	}
	in.gapCount++
	in.missingCount += hole.size()
	isFetched := on.isBaseline && epoch == in.epoch && in.replays.ask(on, epoch, hole, true)
	if on.hasValue {
		on.widen(hole.first, hole.last)
	} else if !isFetched {
		in.out = append(in.out, in.replays.lost(on, epoch, hole))
		return
	}
	in.out = append(in.out, &Gap{Topic: on.topic, FirstMissing: hole.first, LastMissing: hole.last, Epoch: epoch})
}

// noteEpoch notices another run of the gateway; re-sent messages of an earlier one do not count.
func (in *intake) noteEpoch(epoch int64, flags Flag) {
	old := in.epoch
	if old < 0 {
		in.epoch = epoch
	} else if epoch > old || flags&resentFlags == 0 {
		in.epoch = epoch
		in.hasRestarted = true
		in.restartCount++
		in.out = append(in.out, in.replays.restart()...)
		in.out = append(in.out, &GatewayRestarted{old, epoch})
	}
}

// heal asks for a snapshot of a topic whose message the application could not decode.
func (in *intake) heal(topic string) {
	if on := in.routes[topic]; on != nil && on.hasValue {
		on.widen(on.tracker.Sequence, on.tracker.Sequence)
		in.ask(on)
	}
}
