package gatewayclient

import (
	"context"
	"sync"
)

// markNs is how exactly the age of what waits is known.
const markNs = 10_000_000

// mark says how many entries had ever come by the end of a moment, and when it began.
type mark struct {
	end  int64
	atNs int64
}

// deliveryQueue is the bounded queue between the reader and the application. Many readers, one writer.
//
// A fast application gets every message in order. When it is slow and more than conflateAbove entries
// wait, a state message replaces the one of the same topic that still waits (flag CONFLATED, `merged`
// added up). When the queue is full, or what waits is too old, all of it is skipped but the newest
// values: an Overrun says how much, Gaps say what exactly, and what is read next is current. The reader
// never waits for the application, so the socket is always drained.
type deliveryQueue struct {
	capacity      int
	conflateAbove int
	skipAfterNs   int64 // 0 for any age.
	// onOverrun gets the event, the topics of what was skipped and the Gaps that follow, when the
	// application has reached the place; called by its goroutine.
	onOverrun func(overrun *Overrun, topics map[string]bool, gaps []*Gap)

	lock     sync.Mutex
	limit    int
	entries  []any // *pending, *skipped or events; from `first` on.
	first    int
	skipped  *skipped // The one among the entries, if any.
	marks    []mark
	taken    int64
	changed  chan struct{} // Closed and replaced when somebody waits and something came.
	waiters  int
	isClosed bool

	deliveredCount int64
	droppedCount   int64
	conflatedCount int64
	skipCount      int64
}

func newDeliveryQueue(capacity, conflateAbove int, skipAfterNs int64) *deliveryQueue {
	return &deliveryQueue{capacity: capacity, conflateAbove: conflateAbove, skipAfterNs: skipAfterNs,
		limit: capacity, changed: make(chan struct{})}
}

// extend adds a batch in order; it never waits.
func (q *deliveryQueue) extend(batch []any, nowNs int64) {
	q.lock.Lock()
	defer q.lock.Unlock()
	q.skipIfOldLocked(nowNs)
	q.makeRoom(len(batch))
	if q.skipped == nil && q.size()+len(batch) < q.conflateAbove {
		for _, entry := range batch {
			if message, ok := entry.(*pending); ok && message.isState {
				message.route.waiting = message
			}
		}
		q.entries = append(q.entries, batch...)
	} else {
		for _, entry := range batch {
			q.put(entry, nowNs)
		}
	}
	q.mark(nowNs)
	q.wake()
}

func (q *deliveryQueue) size() int { return len(q.entries) - q.first }

// makeRoom moves what waits to the front once more than half of the space lies behind the readers.
func (q *deliveryQueue) makeRoom(count int) {
	if q.first == len(q.entries) {
		q.entries, q.first = q.entries[:0], 0
	} else if len(q.entries)+count > cap(q.entries) && q.first > len(q.entries)/2 {
		left := copy(q.entries, q.entries[q.first:])
		for i := left; i < len(q.entries); i++ {
			q.entries[i] = nil
		}
		q.entries, q.first = q.entries[:left], 0
	}
}

func (q *deliveryQueue) put(entry any, nowNs int64) {
	message, _ := entry.(*pending)
	isState := message != nil && message.isState
	if isState && q.size() >= q.conflateAbove && message.route.waiting != nil {
		message.route.waiting.replace(message)
		q.conflatedCount++
		return
	}
	if q.size() >= q.limit {
		q.skip(nowNs)
	}
	if isState {
		message.route.waiting = message
	}
	if gap, isGap := entry.(*Gap); isGap && q.skipped != nil {
		// What it says was recovered may have been skipped a moment ago.
		for _, piece := range q.skipped.cut(gap) {
			q.entries = append(q.entries, piece)
		}
		return
	}
	q.entries = append(q.entries, entry)
}

// hasRoom tells whether the application keeps up, so that more than live messages may come.
func (q *deliveryQueue) hasRoom() bool {
	q.lock.Lock()
	defer q.lock.Unlock()
	return q.size() < q.conflateAbove
}

// age tells how long the oldest entry has waited, nanoseconds; 0 when none waits.
func (q *deliveryQueue) age(nowNs int64) int64 {
	q.lock.Lock()
	defer q.lock.Unlock()
	return q.ageLocked(nowNs)
}

// skipIfOld skips what has waited too long, if that was asked for.
func (q *deliveryQueue) skipIfOld(nowNs int64) {
	q.lock.Lock()
	defer q.lock.Unlock()
	q.skipIfOldLocked(nowNs)
}

func (q *deliveryQueue) ageLocked(nowNs int64) int64 {
	for len(q.marks) > 0 && q.marks[0].end <= q.taken {
		q.marks = q.marks[1:]
	}
	if len(q.marks) == 0 || nowNs < q.marks[0].atNs {
		return 0
	}
	return nowNs - q.marks[0].atNs
}

// mark notes when the newest entries came.
func (q *deliveryQueue) mark(nowNs int64) {
	end := q.taken + int64(q.size())
	n := len(q.marks)
	if n > 0 && nowNs-q.marks[n-1].atNs < markNs {
		q.marks[n-1].end = end
	} else if n == 0 || q.marks[n-1].end < end {
		q.ageLocked(nowNs)
		q.marks = append(q.marks, mark{end, nowNs})
	}
}

func (q *deliveryQueue) skipIfOldLocked(nowNs int64) {
	if q.skipAfterNs > 0 && q.ageLocked(nowNs) > q.skipAfterNs {
		q.skip(nowNs)
	}
}

func (q *deliveryQueue) skip(nowNs int64) {
	left := skip(q.entries[q.first:], q.capacity/2)
	q.entries, q.first, q.skipped = left.entries, 0, left.skipped
	// What a skip must leave may be nearly all there is room for: half as many may come on top.
	q.limit = len(left.entries) + (q.capacity+1)/2
	if q.limit < q.capacity {
		q.limit = q.capacity
	}
	q.marks = q.marks[:0]
	q.mark(nowNs)
	if left.droppedCount > 0 {
		q.skipCount++
	}
	q.droppedCount += left.droppedCount
	q.conflatedCount += left.mergedCount
}

// pop takes the oldest entry, a *pending or an event; nil when there is none.
func (q *deliveryQueue) pop() any {
	q.lock.Lock()
	if q.first == len(q.entries) {
		q.lock.Unlock()
		return nil
	}
	entry := q.entries[q.first]
	q.entries[q.first] = nil
	q.first++
	q.taken++
	q.deliveredCount++
	gone, isSkipped := entry.(*skipped)
	if !isSkipped {
		if message, ok := entry.(*pending); ok && message.route.waiting == message {
			message.route.waiting = nil
		}
		q.lock.Unlock()
		return entry
	}
	q.skipped = nil
	overrun, gaps := gone.told()
	q.putBack(gaps)
	q.lock.Unlock()
	if q.onOverrun != nil {
		q.onOverrun(overrun, gone.topics, gaps)
	}
	return overrun
}

// putBack has Gaps read before all that waits.
func (q *deliveryQueue) putBack(gaps []*Gap) {
	entries := make([]any, 0, len(gaps)+q.size())
	for _, gap := range gaps {
		entries = append(entries, gap)
	}
	q.entries, q.first = append(entries, q.entries[q.first:]...), 0
	q.taken -= int64(len(gaps))
}

// wait waits until an entry may be there. False when the queue is closed and empty.
func (q *deliveryQueue) wait(ctx context.Context) (bool, error) {
	q.lock.Lock()
	if q.size() > 0 || q.isClosed {
		defer q.lock.Unlock()
		return q.size() > 0, nil
	}
	changed := q.changed
	q.waiters++
	q.lock.Unlock()
	defer func() {
		q.lock.Lock()
		q.waiters--
		q.lock.Unlock()
	}()
	select {
	case <-changed:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// close lets waiting readers go once what is queued has been read.
func (q *deliveryQueue) close() {
	q.lock.Lock()
	defer q.lock.Unlock()
	q.isClosed = true
	q.wake()
}

func (q *deliveryQueue) wake() {
	if q.waiters > 0 {
		close(q.changed)
		q.changed = make(chan struct{})
	}
}
