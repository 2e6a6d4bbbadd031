package gatewayclient

import "strings"

// pending is a message on its way to the application, decoded only when it gets there: what is
// conflated or skipped before is then never decoded, and the socket is drained faster.
type pending struct {
	route      *route
	head       head
	body       []byte
	message    Message // Decoded already, as what came by replay or was asked for is; nil otherwise.
	isState    bool
	isSnapshot bool  // It answers a snapshot request.
	mergedAdd  int64 // Updates of the messages it stands for.
}

// merged is how many updates the message itself says it stands for.
func (p *pending) merged() int64 { return mergedOf(p.body, p.route.mergedIndex) }

// replace takes the newer message's value, adding up how many updates it stands for.
func (p *pending) replace(newer *pending) {
	p.mergedAdd += newer.mergedAdd + p.merged()
	p.head, p.body, p.message, p.isSnapshot = newer.head, newer.body, newer.message, newer.isSnapshot
}

// standFor counts an older message's updates too: it will not be delivered.
func (p *pending) standFor(older *pending) { p.mergedAdd += older.mergedAdd + older.merged() }

// route is what is known of one topic: how to read it, where it stands, what is being healed.
//
// What does not change is read by any goroutine; `waiting` belongs to the queue's lock; the rest
// belongs to the reader.
type route struct {
	topic, kind, base, symbol string
	number                    MessageType
	mergedIndex               int
	isStateKind               bool
	hasImage                  bool
	isBaseline                bool // A snapshot only tells where the sequence stands.
	hasValue                  bool // A newer message, or an image, stands for those that were lost.
	hasSnapshot               bool

	waiting *pending // The state message that waits in the queue.

	tracker     TopicTracker
	isOfPrefix  bool // It is followed only because a kind prefix is.
	isFromStart bool // Nothing was published yet, as far as we know: what comes first has no number.
	gapFirst    int64
	gapLast     int64 // The hole a snapshot is awaited for; 0 when there is none.
	needsImage  bool  // Updates are of no use before an image has come.
	askAt       int64
	askStep     int64
}

func newRoute(topic string) *route {
	kind, rest, _ := strings.Cut(topic, ",")
	symbol := strings.TrimSuffix(rest, ",")
	r := &route{topic: topic, kind: splitPrivate(kind), symbol: symbol, tracker: NewTopicTracker()}
	r.base = baseKind(r.kind)
	name := r.base
	if r.base == KindSys {
		name = symbol
	}
	if types := typesOfTopic[name]; types != nil {
		r.number = types[0]
		r.mergedIndex = layouts[r.number].mergedIndex
	}
	r.isStateKind = isStateKind[r.base]
	r.hasImage = hasImageKind(r.base)
	r.isBaseline = isBaselineKind(r.base)
	r.hasValue = r.isStateKind || r.hasImage
	r.hasSnapshot = r.hasValue || r.isBaseline
	r.wantImage()
	return r
}

// beginAnew follows another run of the gateway; holes of the earlier one are past healing.
func (r *route) beginAnew() {
	r.gapFirst, r.gapLast = 0, 0
	r.isFromStart = false
	r.wantImage()
}

// wantImage has an image asked for by the next update that finds none asked for.
func (r *route) wantImage() {
	r.needsImage = r.hasImage
	r.askAt, r.askStep = 0, 1
}

// widen awaits a snapshot for a hole, and for those it is awaited for already.
func (r *route) widen(first, last int64) {
	if r.gapFirst == 0 || first < r.gapFirst {
		r.gapFirst = first
	}
	if last > r.gapLast {
		r.gapLast = last
	}
}
