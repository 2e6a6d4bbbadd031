package gatewayclient

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestTrackerJudgesSequences(t *testing.T) {
	tracker := NewTopicTracker()
	for i, step := range []struct {
		epoch, sequence int64
		flags           Flag
		want            Observation
	}{
		{10, 5, 0, Observation{}},
		{10, 6, FlagSnapshot, Observation{}},
		{10, 9, 0, Observation{VerdictGap, 7, 8}},
		{10, 8, FlagReplay, Observation{Verdict: VerdictReplayed}},
		{10, 8, 0, Observation{Verdict: VerdictRepeat}},
		{9, 3, FlagBackfill, Observation{Verdict: VerdictReplayed}},
		{11, 1, 0, Observation{Verdict: VerdictRestart}},
		{11, 2, 0, Observation{}},
	} {
		if got := tracker.Update(step.epoch, step.sequence, step.flags); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	if got := tracker.Snapshot(11, 4); got != (Observation{VerdictGap, 3, 4}) {
		t.Errorf("a snapshot ahead proves a loss: %v", got)
	}
	if got := tracker.Snapshot(11, 3); got.Verdict != VerdictRepeat {
		t.Errorf("a snapshot behind is out of date: %v", got)
	}
	if got := tracker.Tail(11, 6); got != (Observation{VerdictGap, 5, 6}) {
		t.Errorf("the last messages were lost: %v", got)
	}
}

func TestRangesAreCut(t *testing.T) {
	got := without(span{1, 10}, []span{{8, 12}, {3, 4}, {4, 5}})
	if want := []span{{1, 2}, {6, 7}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestKindsAndSymbolsAreChecked(t *testing.T) {
	kinds, err := expandKinds([]string{"l1", "quote", "book@1000x5", "quote@250"})
	want := []string{"quote", "trade", "summary", "state", "book@1000x5", "quote@250"}
	if err != nil || !reflect.DeepEqual(kinds, want) {
		t.Errorf("%v, %v", kinds, err)
	}
	for _, bad := range [][]string{{}, {"image"}, {"trade@250"}, {"quote@250x5"}, {"quote@"}, {"quote@025"}, {"sys"}} {
		var refused *InvalidArgumentError
		if _, err := expandKinds(bad); !errors.As(err, &refused) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for symbol, isGood := range map[string]bool{"AAPL": true, "@ESZ26": true, "A B": true, "aapl": false,
		"": false, " A": false, "A,B": false, strings.Repeat("A", 49): false, "A\n": false} {
		var invalid *SecurityValidationError
		var argument *InvalidArgumentError
		err := CheckSymbol(symbol)
		if (err == nil) != isGood || !isGood && (!errors.As(err, &invalid) || !errors.As(err, &argument)) {
			t.Errorf("%q: %v", symbol, err)
		}
	}
	for topic, isGood := range map[string]bool{"news,": true, "quote,AAPL,": true, "quote@250,AAPL,": true,
		"": false, "news": false, "~x.quote,AAPL,": false, "trade@250,AAPL,": false, "quote,AAPL,\n": false} {
		if err := checkTopic(topic); (err == nil) != isGood {
			t.Errorf("%q: %v", topic, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	completed, err := Options{}.completed()
	if err != nil || completed.ConflateAbove != 10_000 || completed.QueueCapacity != 100_000 {
		t.Fatalf("%+v, %v", completed, err)
	}
	if !strings.HasPrefix(completed.ClientName, fmt.Sprintf("go-%d-", os.Getpid())) {
		t.Error(completed.ClientName)
	}
	for _, bad := range []Options{{DataEndpoint: "7700"}, {ControlEndpoint: "tcp://x:0"}, {ClientName: "a b"},
		{Lease: 1}, {RequestTimeout: -1}, {SkipAfter: -1}, {QueueCapacity: 10, ConflateAbove: 11},
		{QueueCapacity: -1}, {Curve: &CurveKeys{}}} {
		if _, err := NewGatewayClient(bad); err == nil {
			t.Errorf("accepted: %+v", bad)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.key")
	key := strings.Repeat("a", 40)
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	whole := fmt.Sprintf("# ours\nserver_public_key: %q\npublic_key: '%s'\nsecret_key: %s\nclient: desk\n", key, key, key)
	write(whole, 0o600)
	keys, err := LoadKeys(path)
	if err != nil || keys.SecretKey != key || strings.Contains(fmt.Sprintf("%v %+v %#v", *keys, keys, *keys), "SecretKey") {
		t.Errorf("%v, %v", keys, err)
	}
	for text, mode := range map[string]os.FileMode{whole: 0o644, "public_key: x\n": 0o600, "what\n": 0o600,
		strings.Replace(whole, key, "short", 1): 0o600} {
		write(text, mode)
		if _, err := LoadKeys(path); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%.30q with %o: %v", text, mode, err)
		}
	}
}

func TestJoinsAskUntilTheyAreAnswered(t *testing.T) {
	j := newJoins()
	if !j.ask("quote,A,") || j.ask("quote,A,") {
		t.Error("asking again changes nothing")
	}
	first := j.start(1)
	if len(first) != 1 || !strings.HasSuffix(first[0], ".quote,A,") || len(j.start(2)) != 0 {
		t.Fatal(first)
	}
	if late := j.overdue(1 + joinAnswerNsMax); !reflect.DeepEqual(late, first) {
		t.Error(late)
	}
	second := j.start(3)
	if len(second) != 1 || second[0] == first[0] {
		t.Fatal("a nonce is used once")
	}
	if _, ok := j.answered(first[0]); ok {
		t.Error("nobody waits for the first answer any more")
	}
	if topic, ok := j.answered(second[0]); !ok || topic != "quote,A," || j.deadlineNs() != 0 {
		t.Error(topic, ok)
	}
	for i := 0; i < joinsOutstandingMax+5; i++ {
		j.ask(fmt.Sprintf("quote,S%d,", i))
	}
	if started := j.start(5); len(started) != joinsOutstandingMax || j.waiting.len() != 5 {
		t.Error("outstanding requests are bounded", len(started))
	}
}

func TestLeasesAreKept(t *testing.T) {
	book := newLeaseBook(60)
	book.want([]string{"A", "B"}, []string{"quote", "state"})
	book.want([]string{"A"}, []string{"trade"})
	book.add("one", []string{"A", "B"}, 0)
	if len(book.due(renewNsMax-1)) != 0 || len(book.due(renewNsMax)) != 1 || len(book.due(renewNsMax)) != 0 {
		t.Error("renewed every ten seconds, once at a time")
	}
	book.renewed("one", 0, true)
	if book.deadlineNs() != doubtNs {
		t.Error("the next renewal is soon after a repair:", book.deadlineNs())
	}
	if got := book.drop("B", nil); !reflect.DeepEqual(got, []string{"quote,B,", "state,B,"}) {
		t.Error(got)
	}
	want := []group{{[]string{"A"}, []string{"quote", "state", "trade"}}}
	if got := book.startOver(); !reflect.DeepEqual(got, want) || book.deadlineNs() != 0 {
		t.Error(got)
	}
	book.add("two", []string{"A"}, 0)
	book.drop("A", []string{"quote", "trade", "state"})
	if book.prune(); len(book.leases) != 0 {
		t.Error("a lease that keeps nothing is forgotten")
	}
}
