package gatewayclient

// Which snapshots are asked for, which are awaited, which are overdue. No I/O.
//
// Subscribing to a private topic is the request, the one message on it the answer, unsubscribing the
// end. Only so many are outstanding at a time: a peer may hold a limited number of subscriptions, and
// the gateway answers a limited number a second (by delaying, never by refusing).

const (
	// joinsOutstandingMax is how many private topics are subscribed at a time.
	joinsOutstandingMax = 256
	// joinAnswerNsMax: an answer later than this is asked for again with a fresh nonce, as often as it
	// takes: who was told of a gap waits for its end.
	joinAnswerNsMax = 10_000_000_000
)

// join is one outstanding request.
type join struct {
	topic      string // The base topic.
	deadlineNs int64  // When the answer is overdue.
}

// joins is the requests for snapshots of one data connection.
type joins struct {
	waiting         *ordered[struct{}] // Base topics.
	outstanding     *ordered[join]     // By private topic, oldest first.
	asked           map[string]string  // Base topic to private topic.
	requestedCount  int64
	unansweredCount int64
}

func newJoins() *joins {
	return &joins{waiting: newOrdered[struct{}](), outstanding: newOrdered[join](), asked: map[string]string{}}
}

// ask wants a snapshot of a base topic, and tells whether it was not wanted already. An answer that is
// still outstanding serves later wishes too: it travels behind whatever made us wish, so it is newer.
func (j *joins) ask(topic string) bool {
	if _, isAsked := j.asked[topic]; isAsked || j.waiting.has(topic) {
		return false
	}
	j.waiting.pushBack(topic, struct{}{})
	return true
}

// start takes the private topics that are to be subscribed now, each with a fresh nonce.
func (j *joins) start(nowNs int64) []string {
	var started []string
	for j.waiting.len() > 0 && j.outstanding.len() < joinsOutstandingMax {
		topic, _, _ := j.waiting.popFront()
		private := "~" + newNonce() + "." + topic
		j.outstanding.pushBack(private, join{topic, nowNs + joinAnswerNsMax})
		j.asked[topic] = private
		j.requestedCount++
		started = append(started, private)
	}
	return started
}

// awaited tells which base topic an answer is for; ok is false when nobody waits for it any more. It
// stays awaited: one that cannot be read is no answer, and is asked for again when it is overdue.
func (j *joins) awaited(private string) (topic string, ok bool) {
	found, ok := j.outstanding.get(private)
	return found.topic, ok
}

// answered notes an answer; the caller then unsubscribes from the private topic. ok is false when
// nobody waits for this answer any more.
func (j *joins) answered(private string) (topic string, ok bool) {
	found, ok := j.outstanding.remove(private)
	if ok {
		delete(j.asked, found.topic)
	}
	return found.topic, ok
}

// overdue takes the private topics to be given up; their base topics wait for another turn.
func (j *joins) overdue(nowNs int64) []string {
	var late []string
	for {
		private, found, ok := j.outstanding.front()
		if !ok || found.deadlineNs > nowNs {
			return late // The rest were asked later.
		}
		j.outstanding.remove(private)
		delete(j.asked, found.topic)
		j.unansweredCount++
		j.waiting.pushBack(found.topic, struct{}{})
		late = append(late, private)
	}
}

// forget drops the wish for a base topic; returns the private topic to unsubscribe from, if any.
func (j *joins) forget(topic string) string {
	j.waiting.remove(topic)
	private := j.asked[topic]
	delete(j.asked, topic)
	j.outstanding.remove(private)
	return private
}

// restart begins anew after the data socket was replaced: what was outstanding waits again.
func (j *joins) restart() {
	for {
		_, found, ok := j.outstanding.popFront()
		if !ok {
			break
		}
		delete(j.asked, found.topic)
		j.waiting.pushBack(found.topic, struct{}{})
	}
}

// deadlineNs is the time of the next overdue answer; 0 without any.
func (j *joins) deadlineNs() int64 {
	_, found, _ := j.outstanding.front()
	return found.deadlineNs
}
