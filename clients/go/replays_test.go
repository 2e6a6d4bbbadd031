package gatewayclient

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

const tradeTopic = "trade,AAPL,"

// replayOf packs what `replay` answers with trades of some sequences.
func replayOf(t *testing.T, isComplete bool, oldest any, sequences ...int64) outcome {
	t.Helper()
	bodies := []any{}
	for _, sequence := range sequences {
		bodies = append(bodies, []any{2, 10, sequence, 2, 5, nil, 1.5, 100, 7, nil, nil, "C"})
	}
	result, err := msgpack.Marshal(map[string]any{"bodies": bodies, "complete": isComplete, "oldest": oldest})
	if err != nil {
		t.Fatal(err)
	}
	return outcome{result: result}
}

func refusedWith(code string) func(*testing.T) outcome {
	return func(*testing.T) outcome { return outcome{err: newRefusal("no", code, "")} }
}

// told spells what the application gets: sequences, healed and final Gaps.
func told(entries []any) string {
	var parts []string
	for _, entry := range entries {
		switch e := entry.(type) {
		case *pending:
			parts = append(parts, fmt.Sprint(e.head.sequence))
		case *Gap:
			word := map[bool]string{true: "healed", false: "missing"}[e.Healed]
			if e.IsFinal {
				word = "lost"
			}
			parts = append(parts, fmt.Sprintf("%s:%d-%d", word, e.FirstMissing, e.LastMissing))
		case *Overrun:
			parts = append(parts, fmt.Sprintf("overrun:%d/%d", e.Dropped, e.Unnamed))
		}
	}
	return strings.Join(parts, " ")
}

func TestHolesEndHealedOrLost(t *testing.T) {
	for name, c := range map[string]struct {
		holes []span
		end   func(t *testing.T) outcome
		want  string
	}{
		"all came": {[]span{{3, 4}}, func(t *testing.T) outcome { return replayOf(t, true, 1, 3, 4) }, "3 4 healed:3-4"},
		"some are gone": {[]span{{3, 6}}, func(t *testing.T) outcome { return replayOf(t, false, 5, 5, 6) },
			"lost:3-4 5 6 healed:5-6"},
		"holes share a request": {[]span{{3, 3}, {5, 5}}, func(t *testing.T) outcome { return replayOf(t, true, 1, 3, 4, 5) },
			"3 healed:3-3 5 healed:5-5"},
		"nothing is there": {[]span{{3, 4}}, func(t *testing.T) outcome { return replayOf(t, false, nil) }, "lost:3-4"},
		"refused":          {[]span{{3, 4}}, refusedWith("not_entitled"), "lost:3-4"},
		"no replay":        {[]span{{3, 4}}, refusedWith("unknown_method"), "lost:3-4"},
		"no answer at all": {[]span{{3, 4}}, func(*testing.T) outcome { return outcome{result: []byte{0xc0}} }, "lost:3-4"},
		"in the middle": {[]span{{3, 7}}, func(t *testing.T) outcome { return replayOf(t, true, 1, 4, 6) },
			"lost:3-3 4 healed:4-4 lost:5-5 6 healed:6-6 lost:7-7"},
	} {
		r, on := newReplays(), newRoute(tradeTopic)
		for _, hole := range c.holes {
			if !r.ask(on, 10, hole, true) {
				t.Fatal(name, "not asked for")
			}
		}
		requests := r.start(1)
		if len(requests) != 1 {
			t.Fatal(name, requests)
		}
		if got := told(r.answered(requests[0], c.end(t), 2)); got != c.want || r.holeCount != 0 || r.outstandingCount != 0 {
			t.Errorf("%s: %q, want %q; %d holes", name, got, c.want, r.holeCount)
		}
	}
}

func TestBusyGatewayIsAskedAgainAndGivenUp(t *testing.T) {
	r, on := newReplays(), newRoute(tradeTopic)
	r.ask(on, 10, span{1, 1}, true)
	nowNs := int64(1)
	for attempt := 1; attempt < replayAttemptsMax; attempt++ {
		request := r.start(nowNs)[0]
		if out := r.answered(request, outcome{err: timedOut("late", "")}, nowNs); out != nil || r.start(nowNs) != nil {
			t.Fatal("a pause comes before the next attempt", out)
		}
		nowNs = r.deadlineNs()
	}
	if got := told(r.answered(r.start(nowNs)[0], outcome{err: timedOut("late", "")}, nowNs)); got != "lost:1-1" {
		t.Error(got)
	}
}

func TestLongHolesComeInPieces(t *testing.T) {
	r, on := newReplays(), newRoute(tradeTopic)
	r.ask(on, 10, span{1, replayMessagesMax + 1}, true)
	first := r.start(1)[0]
	if first.asked != (span{1, replayMessagesMax}) {
		t.Fatal(first.asked)
	}
	r.answered(first, replayOf(t, true, 1), 1)
	if second := r.start(1)[0]; second.asked != (span{replayMessagesMax + 1, replayMessagesMax + 1}) {
		t.Error(second.asked)
	}
}

func TestWhatMayNeverHaveBeenIsNotSaidToBeLost(t *testing.T) {
	r, on := newReplays(), newRoute(tradeTopic)
	r.ask(on, 10, span{1, 5}, false)
	if got := told(r.answered(r.start(1)[0], replayOf(t, true, 4, 4, 5), 1)); got != "4 5 healed:4-5" {
		t.Error(got)
	}
}

func TestRoomForHolesIsBounded(t *testing.T) {
	r, on := newReplays(), newRoute(tradeTopic)
	for i := int64(0); i < holesMax; i++ {
		r.ask(on, 10, span{1 + 100*i, 1 + 100*i}, true)
	}
	if r.ask(on, 10, span{1e9, 1e9}, true) || r.refusedCount != 1 {
		t.Error("holes without a bound")
	}
}

// entriesOf makes trades of one topic, or values of the other.
func tradeOf(on *route, sequence int64) *pending {
	return &pending{route: on, head: head{number: on.number, epoch: 10, sequence: sequence}, isState: on.isStateKind}
}

func popAll(q *deliveryQueue) string {
	var entries []any
	for entry := q.pop(); entry != nil; entry = q.pop() {
		entries = append(entries, entry)
	}
	return told(entries)
}

func TestSlowReaderIsToldWhatWasSkipped(t *testing.T) {
	q, trades, quotes := newDeliveryQueue(6, 4, 0), newRoute(tradeTopic), newRoute("quote,AAPL,")
	for sequence := int64(1); sequence <= 9; sequence++ {
		q.extend([]any{tradeOf(trades, sequence), tradeOf(quotes, sequence)}, sequence)
	}
	if got := popAll(q); got != "overrun:7/0 lost:1-7 7 8 9 9" {
		t.Error(got)
	}
	if q.skipCount == 0 || q.conflatedCount == 0 || q.size() != 0 {
		t.Errorf("%+v", q)
	}
}

func TestEveryTradeIsDeliveredOrNamed(t *testing.T) {
	for _, capacity := range []int{1, 2, 7, 50} {
		q, trades := newDeliveryQueue(capacity, capacity, 0), newRoute(tradeTopic)
		seen := map[int64]int{}
		note := func() {
			switch e := q.pop().(type) {
			case *pending:
				seen[e.head.sequence]++
			case *Gap:
				for s := e.FirstMissing; s <= e.LastMissing; s++ {
					seen[s]++
				}
			}
		}
		const count = 300
		for sequence := int64(1); sequence <= count; sequence++ {
			q.extend([]any{tradeOf(trades, sequence)}, sequence)
			if sequence%3 == 0 {
				note()
			}
		}
		for q.size() > 0 {
			note()
		}
		for s := int64(1); s <= count; s++ {
			if seen[s] != 1 {
				t.Fatalf("capacity %d: sequence %d came %d times", capacity, s, seen[s])
			}
		}
	}
}

func TestOldEntriesAreSkippedWhenAsked(t *testing.T) {
	q, trades := newDeliveryQueue(100, 100, 1_000_000_000), newRoute(tradeTopic)
	q.extend([]any{tradeOf(trades, 1)}, 1)
	q.skipIfOld(500_000_000)
	if q.size() != 1 || q.age(500_000_001) != 500_000_000 {
		t.Error("skipped too early")
	}
	q.skipIfOld(1_500_000_000)
	if got := popAll(q); got != "overrun:1/0 lost:1-1" {
		t.Error(got)
	}
}
