package gatewayclient

// What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.
//
// A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch has
// the next sequence; anything else says that something was lost, repeated or restarted. A snapshot
// carries the sequence of the last message published on its topic, so the same pair of numbers says
// how the snapshot and the updates around it fit together.

// Verdict is what to do with the message just observed.
type Verdict int

const (
	// VerdictGood: the next one, or the first ever seen: deliver it.
	VerdictGood Verdict = iota
	// VerdictGap: deliver it, and tell that FirstMissing to LastMissing were lost.
	VerdictGap
	// VerdictRestart: deliver it; the gateway began a new epoch and its sequences start over.
	VerdictRestart
	// VerdictRepeat: already seen, or overtaken by what was: ignore it.
	VerdictRepeat
	// VerdictReplayed: re-sent on purpose with its own sequence: deliver it; the position stays.
	VerdictReplayed
)

// Observation is a verdict with the hole it found.
type Observation struct {
	Verdict Verdict
	// FirstMissing is the sequence of the first lost message; 0 unless the verdict is VerdictGap.
	FirstMissing int64
	// LastMissing is the sequence of the last lost message; 0 unless the verdict is VerdictGap.
	LastMissing int64
}

// TopicTracker is the position on one topic.
type TopicTracker struct {
	// Epoch of the last message, Unix milliseconds; -1 while nothing is known.
	Epoch int64
	// Sequence of the last message.
	Sequence int64
}

// NewTopicTracker begins without a position.
func NewTopicTracker() TopicTracker { return TopicTracker{Epoch: -1} }

// Update observes a message on the topic itself.
//
// Of the flags only REPLAY and BACKFILL matter. SNAPSHOT does not: on the base topic it marks an old
// value in a new message with a sequence of its own.
func (t *TopicTracker) Update(epoch, sequence int64, flags Flag) Observation {
	if epoch == t.Epoch {
		missing := t.Sequence + 1
		switch {
		case sequence == missing:
			t.Sequence = sequence
			return Observation{}
		case sequence > missing:
			t.Sequence = sequence
			return Observation{VerdictGap, missing, sequence - 1}
		case flags&resentFlags != 0:
			return Observation{Verdict: VerdictReplayed}
		}
		return Observation{Verdict: VerdictRepeat}
	}
	if flags&resentFlags != 0 && (t.Epoch < 0 || epoch < t.Epoch) {
		return Observation{Verdict: VerdictReplayed}
	}
	return t.start(epoch, sequence)
}

// Snapshot observes the answer on the topic's private snapshot topic.
//
// It travels down the same pipe as the updates, so a snapshot ahead of the position proves that the
// updates between were lost (the snapshot holds their result), and one behind it is out of date.
func (t *TopicTracker) Snapshot(epoch, sequence int64) Observation {
	if epoch != t.Epoch {
		return t.start(epoch, sequence)
	}
	if sequence < t.Sequence {
		return Observation{Verdict: VerdictRepeat}
	}
	return t.Tail(epoch, sequence)
}

// Tail observes an announcement of the last sequence published on the topic: VerdictGap when the last
// messages before it were lost, else VerdictGood.
func (t *TopicTracker) Tail(epoch, sequence int64) Observation {
	if epoch != t.Epoch || sequence <= t.Sequence {
		return Observation{}
	}
	missing := t.Sequence + 1
	t.Sequence = sequence
	return Observation{VerdictGap, missing, sequence}
}

func (t *TopicTracker) start(epoch, sequence int64) Observation {
	isFirst := t.Epoch < 0
	t.Epoch, t.Sequence = epoch, sequence
	if isFirst {
		return Observation{}
	}
	return Observation{Verdict: VerdictRestart}
}
