package gatewayclient

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

func TestALostWakeStopsNothing(t *testing.T) {
	g := startFake(t)
	client, _ := connected(t, g, Options{})
	e, done := client.running(), make(chan struct{})
	// Heartbeats end the reader's wait as well; here nothing does.
	g.do(func(func(string, ...any)) { g.isSilent = true })
	time.Sleep(50 * time.Millisecond)
	e.lock.Lock()
	e.commands = append(e.commands, command{func(int64) { close(done) }, func(error) {}})
	e.lock.Unlock()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a command without a wake was never run")
	}
}

func TestWhatWasGivenUpIsNotTakenByALateAnswer(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{})
	if _, err := client.SubscribeSymbols(ctx, []string{"A", "B"}, "quote", "trade"); err != nil {
		t.Fatal(err)
	}
	topics := []any{}
	for _, topic := range []string{"quote,A,", "trade,A,", "quote,B,", "trade,B,"} {
		topics = append(topics, map[string]any{"topic": topic, "state": "live"})
	}
	late, err := msgpack.Marshal(map[string]any{"lease_id": "late", "topics": topics, "rejected": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	// Given up while the gateway is asked again.
	if err := client.UnsubscribeSymbol(ctx, "A"); err != nil {
		t.Fatal(err)
	}
	if err := client.UnsubscribeSymbol(ctx, "B", "trade"); err != nil {
		t.Fatal(err)
	}
	var before, after int
	g.do(func(func(string, ...any)) { before = g.requests["unsubscribe"] })
	client.running().inspect(func(nowNs int64) {
		s := client.running().session
		if _, err := s.take([]string{"A", "B"}, []string{"quote", "trade"}, false, outcome{result: late}, nowNs); err != nil {
			t.Error(err)
		}
		if s.leases.isWanted("A") || !reflect.DeepEqual(s.leases.wanted["B"], []string{"quote"}) {
			t.Error("wanted:", s.leases.wanted)
		}
		if s.data.topics["quote,A,"] || s.data.topics["trade,B,"] || !s.data.topics["quote,B,"] {
			t.Error("listened to:", s.data.topics)
		}
		if held := s.leases.leases["late"]; held == nil || !reflect.DeepEqual(held.symbols, []string{"B"}) {
			t.Error("held:", held)
		}
	})
	for i := 0; after <= before && i < 100; i++ {
		time.Sleep(10 * time.Millisecond)
		g.do(func(func(string, ...any)) { after = g.requests["unsubscribe"] })
	}
	if after != before+1 {
		t.Error("what is not wanted was not given back", before, after)
	}
}

func frameOf(t *testing.T, topic string, items ...any) []byte {
	t.Helper()
	body, err := msgpack.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(topic), body...)
}

func TestAPrefixTakesItsWishesAlong(t *testing.T) {
	j := newJoins()
	in := newIntake(j, newReplays())
	in.add("quote,")
	for _, topic := range []string{"quote,A,", "quote,B,"} {
		in.receive(frameOf(t, topic, 1, 10, 1, 0, 5, nil, 1.25, 100))
		in.askAgain(topic)
	}
	asked := j.start(1)
	in.askAgain("quote,A,")
	gone := in.remove("quote,")
	sort.Strings(asked)
	sort.Strings(gone)
	if len(gone) != 2 || !reflect.DeepEqual(gone, asked) || len(j.asked)+j.waiting.len()+j.outstanding.len() != 0 {
		t.Error(gone, asked, j)
	}
	// Even an answer to what no route is left for ends its subscription.
	j.ask("quote,C,")
	private := j.start(2)[0]
	in.receive(frameOf(t, private, 1, 10, 1, 1, 5, nil, 1.25, 100))
	if !reflect.DeepEqual(in.answered, []string{private}) || in.unroutedCount != 1 {
		t.Error(in.answered, in.unroutedCount)
	}
}

func TestTheReaderLooksAtCopies(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{})
	blocked, release := make(chan struct{}), make(chan struct{})
	err := client.running().post(command{func(int64) { close(blocked); <-release }, func(error) {}}, true)
	if err != nil {
		t.Fatal(err)
	}
	<-blocked
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	topics, symbols, params := []string{"quote,A,"}, []string{"A"}, map[string]any{"first": "A"}
	calls := []func() error{
		func() error { return client.SubscribeTopics(short, topics...) },
		func() error { return client.UnsubscribeSymbols(short, symbols) },
		func() error { _, err := client.Call(short, "mine", params); return err },
	}
	ended := make(chan error)
	for _, call := range calls {
		call := call
		go func() { ended <- call() }()
	}
	for range calls {
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	// They have returned; what they were given is the caller's again.
	topics[0], symbols[0], params["first"] = "quote,B,", "B", "B"
	close(release)
	client.running().inspect(func(int64) {
		if heard := client.running().session.data.topics; !heard["quote,A,"] || heard["quote,B,"] {
			t.Error(heard)
		}
	})
	if _, err := client.Call(ctx, "mine", map[string]any{"value": make(chan int)}); err == nil {
		t.Error("what cannot be packed is refused")
	}
}

func TestParametersArriveAsGiven(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{})
	_, _ = client.Call(ctx, "mine", map[string]any{"topics": []string{"quote,A,"}, "count": 7})
	g.do(func(func(string, ...any)) {
		if fmt.Sprint(g.params) != "map[count:7 topics:[quote,A,]]" {
			t.Error(g.params)
		}
	})
}

func TestATradeCutShortIsFetchedAgain(t *testing.T) {
	j := newJoins()
	in := newIntake(j, newReplays())
	in.add(tradeTopic)
	trade := func(sequence int64) []byte {
		return frameOf(t, tradeTopic, 2, 10, sequence, 0, 5, nil, 1.5, 100, nil, nil, nil, "C")
	}
	in.receive(trade(1))
	whole := trade(2)
	in.receive(whole[:len(whole)-1])
	in.receive(append(whole, 0xc0))
	if in.badFrameCount != 2 || in.routes[tradeTopic].tracker.Sequence != 1 {
		t.Error(in.badFrameCount, in.routes[tradeTopic].tracker)
	}
	in.receive(trade(3))
	if got := told(in.out); got != "1 missing:2-2 3" && got != "1 3 missing:2-2" || in.replays.holeCount != 1 {
		t.Error(got, in.replays.holeCount)
	}
}

func TestWholeIsWhatTheCursorReads(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, value := range []any{nil, true, 1, -1, 300, -300, 70_000, int64(-1) << 40, uint64(1) << 63, 1.5, float32(1),
		"", "text", long[:200], long[:300], long, []any{1, []any{}}, make([]int, 20), make([]int, 70_000),
		map[string]any{"a": 1, "b": []any{"c"}}} {
		packed, err := msgpack.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !isWhole(packed) || isWhole(packed[:len(packed)-1]) || isWhole(append(packed, 0)) {
			t.Errorf("%.40v", value)
		}
	}
	for _, bad := range []string{"", "\xc1", "\xc4\x01a", "\xd4\x01a", "\xa1\xff", "\x81\x01\x01", "\x81\xa1a",
		"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xd9", "\x92\x01",
		strings.Repeat("\x91", NestingLevelsMax+1) + "\x01"} {
		if isWhole([]byte(bad)) || checkBody([]byte(bad)) == nil {
			t.Errorf("%.20q is whole", bad)
		}
	}
	if deep := []byte(strings.Repeat("\x91", NestingLevelsMax) + "\x01"); !isWhole(deep) || checkBody(deep) != nil {
		t.Error("nesting as deep as the contract allows")
	}
}

func BenchmarkIsWhole(b *testing.B) {
	body, _ := msgpack.Marshal([]any{1, int64(1_700_000_000_000), 77, 0, int64(1_700_000_000_000_000), nil, 1.25, 100, 1.26, 200})
	for i := 0; i < b.N; i++ {
		isWhole(body)
	}
}

func TestTheClientsOwnTopicsStay(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{})
	if err := client.SubscribeTopics(ctx, "sys,", "quote,A,"); err != nil {
		t.Fatal(err)
	}
	if err := client.UnsubscribeTopics(ctx, append([]string{"sys,", "quote,A,"}, sysTopics...)...); err != nil {
		t.Fatal(err)
	}
	client.running().inspect(func(int64) {
		s := client.running().session
		for _, topic := range sysTopics {
			if !s.data.topics[topic] || s.intake.routes[topic] == nil {
				t.Error("not listened to any more:", topic)
			}
		}
		if s.data.topics["quote,A,"] || s.data.topics["sys,"] {
			t.Error(s.data.topics)
		}
	})
}

func TestAnAnswerNobodyCanReadHealsNothing(t *testing.T) {
	j := newJoins()
	in := newIntake(j, newReplays())
	in.add("quote,A,")
	in.receive(frameOf(t, "quote,A,", 1, 10, 1, 0, 5, nil, 1.25, 100))
	in.receive(frameOf(t, "quote,A,", 1, 10, 3, 0, 5, nil, 1.25, 100))
	first := j.start(1)[0]
	in.out = nil
	in.receive(frameOf(t, first, 1, 10, 3, 1, 5, nil, "no price", 100))
	in.askAgain("quote,A,")
	if len(in.out) != 0 || in.badFrameCount != 1 || len(j.start(2)) != 0 {
		t.Error(told(in.out), in.badFrameCount, "asked again at once")
	}
	// Asked again when it is overdue, ten seconds after it was asked for.
	if late := j.overdue(1 + joinAnswerNsMax); !reflect.DeepEqual(late, []string{first}) {
		t.Fatal(late)
	}
	second := j.start(2 + joinAnswerNsMax)[0]
	in.receive(frameOf(t, second, 1, 10, 3, 1, 5, nil, 1.5, 100))
	if got := told(in.out); got != "3 healed:2-2" || !reflect.DeepEqual(in.answered, []string{second}) {
		t.Error(got, in.answered)
	}
	// What is decoded already gives way to what is newer all the same.
	answer := in.out[0].(*pending)
	in.out = nil
	in.receive(frameOf(t, "quote,A,", 1, 10, 4, 0, 5, nil, 1.75, 100))
	answer.replace(in.out[0].(*pending))
	if quote, ok := (&engine{}).decode(answer).(*Quote); !ok || quote.Bid.Or(0) != 1.75 || quote.Sequence != 4 {
		t.Errorf("%+v", quote)
	}
}
