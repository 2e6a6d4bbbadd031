package gatewayclient

// What a slow application did not get to read, and how it is told. No I/O.
//
// When the queue is full, everything that waits is skipped but the newest value of each state topic
// and the client's own events. What was skipped is kept here, as ranges of sequences, until the
// application reads on: it then gets an Overrun and one Gap for each range.

const (
	// rangesMax ranges are told one by one; what is skipped beyond that is counted by the Overrun.
	rangesMax = 1_000
	// eventsMax events of the client's own survive a skip.
	eventsMax = 1_000
)

type rangeKey struct {
	topic string
	epoch int64
}

// skipped is everything skipped since the application last looked. It stands in the queue itself.
type skipped struct {
	topics     map[string]bool // Of every message skipped; empty text for events that belong to none.
	hasValue   map[string]bool
	ranges     map[rangeKey][]span
	order      []rangeKey
	rangeCount int
	namedCount int64
	count      int64 // Messages, and events of the client that found no room.
}

func newSkipped() *skipped {
	return &skipped{topics: map[string]bool{}, hasValue: map[string]bool{}, ranges: map[rangeKey][]span{}}
}

// addAll notes messages that are not delivered, oldest first.
func (s *skipped) addAll(entries []*pending) {
	type run struct {
		epoch int64
		span
	}
	runs := map[*route]*run{}
	var order []*route
	for _, entry := range entries {
		s.count++
		on, head := entry.route, entry.head
		if entry.isSnapshot || head.number == MessageTypeState {
			s.topics[on.topic] = true // An answer: it has no sequence of its own.
			continue
		}
		found := runs[on]
		if found != nil && head.sequence == found.last+1 && head.epoch == found.epoch {
			found.last = head.sequence
			continue
		}
		if found != nil {
			s.addRun(on, found.epoch, found.span)
		} else {
			order = append(order, on)
		}
		runs[on] = &run{head.epoch, span{head.sequence, head.sequence}}
	}
	for _, on := range order {
		s.addRun(on, runs[on].epoch, runs[on].span)
	}
}

func (s *skipped) addRun(on *route, epoch int64, found span) {
	s.topics[on.topic] = true
	if on.hasValue {
		s.hasValue[on.topic] = true
	}
	s.addRange(on.topic, epoch, found)
}

// addAny notes what found no room, a message or an event of the client's own.
func (s *skipped) addAny(entry any) {
	if message, ok := entry.(*pending); ok {
		if !message.isState {
			s.addAll([]*pending{message})
			return
		}
		s.topics[message.route.topic] = true
		s.count += 1 + message.mergedAdd
		return
	}
	s.count++
	gap, isGap := entry.(*Gap)
	if !isGap {
		s.topics[""] = true
		return
	}
	s.topics[gap.Topic] = true
	if gap.IsFinal {
		// It is the only word on these messages, so it must not vanish. Its messages were counted
		// as lost when it was made; here the event alone is what is skipped, and it is named.
		if s.addRange(gap.Topic, gap.Epoch, span{gap.FirstMissing, gap.LastMissing}) {
			s.namedCount -= gap.LastMissing - gap.FirstMissing
		}
	}
}

func (s *skipped) addRange(topic string, epoch int64, found span) bool {
	key := rangeKey{topic, epoch}
	known := s.ranges[key]
	if n := len(known); n > 0 && known[n-1].last+1 == found.first {
		known[n-1].last = found.last
	} else {
		if s.rangeCount >= rangesMax {
			return false
		}
		s.rangeCount++
		if len(known) == 0 {
			s.order = append(s.order, key)
		}
		s.ranges[key] = append(known, found)
	}
	s.namedCount += found.size()
	return true
}

// cut cuts what was skipped out of a Gap that still waits: the last word on it is another.
func (s *skipped) cut(gap *Gap) []*Gap {
	taken := s.ranges[rangeKey{gap.Topic, gap.Epoch}]
	if len(taken) == 0 || gap.IsFinal || s.hasValue[gap.Topic] {
		return []*Gap{gap}
	}
	var left []*Gap
	for _, piece := range without(span{gap.FirstMissing, gap.LastMissing}, taken) {
		left = append(left, &Gap{Topic: gap.Topic, FirstMissing: piece.first, LastMissing: piece.last,
			Healed: gap.Healed, Epoch: gap.Epoch})
	}
	return left
}

// told spells it: the event that stands for all of it, and one for each range.
func (s *skipped) told() (*Overrun, []*Gap) {
	var gaps []*Gap
	for _, key := range s.order {
		for _, piece := range joined(s.ranges[key]) {
			gaps = append(gaps, &Gap{Topic: key.topic, FirstMissing: piece.first, LastMissing: piece.last,
				Epoch: key.epoch, IsFinal: !s.hasValue[key.topic]})
		}
	}
	overrun := &Overrun{Dropped: s.count, Unnamed: s.count - s.namedCount}
	if len(s.topics) == 1 {
		for topic := range s.topics {
			overrun.Topic = topic
		}
	}
	return overrun, gaps
}

// rest is what a skip leaves.
type rest struct {
	entries      []any // What still waits, oldest first.
	skipped      *skipped
	droppedCount int64 // Messages and events skipped.
	mergedCount  int64 // State messages that a newer one of their topic stands for now.
}

// skip reduces what waits to what is current: the client's own events and the gateway's, and the newest
// value of each state topic, at most valuesMax of them. What was skipped stands where the first message
// waited.
func skip(entries []any, valuesMax int) rest {
	found := newSkipped()
	var kept []any
	var events []*pending
	lead, values, merged := -1, 0, int64(0)
	for _, entry := range entries {
		switch e := entry.(type) {
		case *pending:
			if lead < 0 {
				lead = len(kept)
			}
			switch newest := e.route.waiting; {
			case e.route.base == KindSys:
				kept = append(kept, e)
			case !e.isState:
				events = append(events, e)
			case newest == e || newest == nil:
				kept = append(kept, e)
				values++
			default:
				newest.standFor(e)
				merged++
			}
		case *skipped:
			lead, found = len(kept), e
		default:
			kept = append(kept, entry)
		}
	}
	before := found.count
	found.addAll(events)
	if lead < 0 {
		lead = len(kept)
	}
	over := roomless{events: len(kept) - values - eventsMax, values: values - valuesMax}
	first := over.within(kept[:lead], found)
	second := over.within(kept[lead:], found)
	left := rest{droppedCount: found.count - before, mergedCount: merged}
	left.entries = first
	if found.count > 0 {
		left.skipped = found
		left.entries = append(left.entries, found)
	}
	left.entries = append(left.entries, second...)
	return left
}

// roomless counts down how many events, and how many values, are to go.
type roomless struct{ events, values int }

// within lets go of the oldest events and values there is no room for.
func (o *roomless) within(kept []any, gone *skipped) []any {
	left := make([]any, 0, len(kept)+1)
	for _, entry := range kept {
		message, _ := entry.(*pending)
		over := &o.events
		if message != nil && message.isState {
			over = &o.values
		}
		*over--
		if *over >= 0 {
			gone.addAny(entry)
			if message != nil {
				message.route.waiting = nil
			}
		} else if gap, isGap := entry.(*Gap); isGap {
			for _, piece := range gone.cut(gap) {
				left = append(left, piece)
			}
		} else {
			left = append(left, entry)
		}
	}
	return left
}
