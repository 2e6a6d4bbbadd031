package gatewayclient

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/vmihailenco/msgpack/v5"
)

// fakeGateway publishes what it is told, answers snapshots, leases and replays. One goroutine owns its
// sockets.
type fakeGateway struct {
	tb            testing.TB
	data, control string
	orders        chan func(publish func(topic string, items ...any))
	done          chan struct{}
	epoch         int64
	sequences     map[string]int64
	isSilent      bool
	requests      map[string]int
	params        map[string]any // Of the last request.
}

func startFake(tb testing.TB) *fakeGateway {
	tb.Helper()
	g := &fakeGateway{tb: tb, orders: make(chan func(func(string, ...any)), 100), done: make(chan struct{}),
		epoch: 1_700_000_000_000, sequences: map[string]int64{}, requests: map[string]int{}}
	ctx, err := zmq.NewContext()
	if err != nil {
		tb.Fatal(err)
	}
	data, _ := ctx.NewSocket(zmq.XPUB)
	control, _ := ctx.NewSocket(zmq.ROUTER)
	for _, socket := range []*zmq.Socket{data, control} {
		if err := all([]func() error{func() error { return socket.SetLinger(0) },
			func() error { return socket.Bind("tcp://127.0.0.1:*") }}); err != nil {
			tb.Fatal(err)
		}
	}
	g.data, _ = data.GetLastEndpoint()
	g.control, _ = control.GetLastEndpoint()
	stop := make(chan struct{})
	go g.run(ctx, data, control, stop)
	tb.Cleanup(func() { close(stop); <-g.done })
	return g
}

func (g *fakeGateway) run(ctx *zmq.Context, data, control *zmq.Socket, stop chan struct{}) {
	defer close(g.done)
	defer func() { _ = ctx.Term() }()
	defer data.Close()
	defer control.Close()
	send := func(topic string, items ...any) {
		body, err := msgpack.Marshal(items)
		if err != nil {
			panic(err)
		}
		_, _ = data.SendBytes(append([]byte(topic), body...), zmq.DONTWAIT)
	}
	poller := zmq.NewPoller()
	poller.Add(data, zmq.POLLIN)
	poller.Add(control, zmq.POLLIN)
	for {
		select {
		case <-stop:
			return
		case order := <-g.orders:
			order(send)
		default:
		}
		if !g.isSilent {
			send("sys,heartbeat,", 20, g.epoch, g.next("sys,heartbeat,"), 0, time.Now().UnixMicro(), nil,
				map[string]any{"tails_sequence": 0})
		}
		ready, err := poller.PollAll(10 * time.Millisecond)
		if err != nil {
			return
		}
		if ready[0].Events != 0 {
			g.subscribed(data, send)
		}
		if ready[1].Events != 0 {
			g.answer(control)
		}
	}
}

func (g *fakeGateway) next(topic string) int64 {
	g.sequences[topic]++
	return g.sequences[topic]
}

// subscribed answers private topics of quotes with a value, and of others with their position.
func (g *fakeGateway) subscribed(data *zmq.Socket, send func(string, ...any)) {
	frame, err := data.RecvBytes(zmq.DONTWAIT)
	if err != nil || len(frame) == 0 || frame[0] != 1 || frame[1] != '~' {
		return
	}
	private := string(frame[1:])
	_, topic, _ := strings.Cut(private, ".")
	switch {
	case strings.HasPrefix(topic, "quote,"):
		send(private, 1, g.epoch, g.sequences[topic], 1, 5, nil, 1.25, 100)
	case strings.HasPrefix(topic, "trade,"):
		send(private, 2, g.epoch, g.sequences[topic], 1, 5, nil)
	}
}

func (g *fakeGateway) answer(control *zmq.Socket) {
	frames, err := control.RecvMessageBytes(zmq.DONTWAIT)
	if err != nil {
		return
	}
	var request struct {
		ID     int64          `msgpack:"id"`
		Method string         `msgpack:"method"`
		Params map[string]any `msgpack:"params"`
	}
	if err := msgpack.Unmarshal(frames[len(frames)-1], &request); err != nil {
		panic(err)
	}
	g.requests[request.Method]++
	g.params = request.Params
	reply := map[string]any{"v": 1, "id": request.ID, "ok": true, "epoch": g.epoch, "now_us": 5}
	switch request.Method {
	case "hello":
		reply["result"] = map[string]any{"protocol": []int{1}}
	case "subscribe":
		topics := []any{}
		for _, symbol := range request.Params["symbols"].([]any) {
			for _, kind := range request.Params["kinds"].([]any) {
				topics = append(topics, map[string]any{"topic": fmt.Sprintf("%s,%s,", kind, symbol), "state": "live"})
			}
		}
		reply["result"] = map[string]any{"lease_id": "l1", "topics": topics, "rejected": []any{}}
	case "replay":
		bodies := []any{}
		first, last := number(request.Params["from_sequence"]), number(request.Params["to_sequence"])
		for sequence := first; sequence <= last; sequence++ {
			bodies = append(bodies, []any{2, g.epoch, sequence, 2, 5, nil, 1.5, 100, nil, nil, nil, "C"})
		}
		reply["result"] = map[string]any{"bodies": bodies, "complete": true, "oldest": 1}
	case "unsubscribe":
		reply["result"] = map[string]any{"removed": 1}
	case "mute":
		return
	default:
		reply["ok"], reply["error"] = false, map[string]any{"code": "unknown_method", "message": "no", "hint": "ask"}
	}
	packed, err := msgpack.Marshal(reply)
	if err != nil {
		panic(err)
	}
	_, _ = control.SendMessage(frames[0], packed)
}

func number(value any) int64 {
	var found int64
	_, _ = fmt.Sscan(fmt.Sprint(value), &found)
	return found
}

func (g *fakeGateway) do(order func(publish func(topic string, items ...any))) {
	done := make(chan struct{})
	g.orders <- func(send func(string, ...any)) { order(send); close(done) }
	<-done
}

func connected(t *testing.T, g *fakeGateway, options Options) (*GatewayClient, context.Context) {
	t.Helper()
	options.DataEndpoint, options.ControlEndpoint = g.data, g.control
	client, err := NewGatewayClient(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	t.Cleanup(client.Disconnect)
	if err := client.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	return client, ctx
}

// await reads the stream until an item is as wanted.
func await[T Item](t *testing.T, ctx context.Context, client *GatewayClient, is func(T) bool) T {
	t.Helper()
	for {
		item, err := client.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := item.(T); ok && is(found) {
			return found
		}
	}
}

func TestLostTradesComeByReplay(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{})
	if _, err := client.SubscribeSymbols(ctx, []string{"AAPL"}, "quote", "trade"); err != nil {
		t.Fatal(err)
	}
	quote := await(t, ctx, client, func(*Quote) bool { return true })
	if !quote.Flags.Has(FlagSnapshot) || quote.Bid.Or(0) != 1.25 || quote.Ask.IsSet() {
		t.Errorf("%+v", quote)
	}
	g.do(func(publish func(string, ...any)) {
		for _, sequence := range []int64{1, 2, 6} {
			g.sequences[tradeTopic] = sequence
			publish(tradeTopic, 2, g.epoch, sequence, 0, 5, nil, 1.5, 100, nil, nil, nil, "C")
		}
	})
	await(t, ctx, client, func(gap *Gap) bool { return !gap.Healed && gap.FirstMissing == 3 && gap.LastMissing == 5 })
	for sequence := int64(3); sequence <= 5; sequence++ {
		await(t, ctx, client, func(trade *Trade) bool { return trade.Sequence == sequence && trade.Flags.Has(FlagReplay) })
	}
	await(t, ctx, client, func(gap *Gap) bool { return gap.Healed && gap.FirstMissing == 3 && gap.LastMissing == 5 })
}

func TestSilenceAndRestartAreTold(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{HeartbeatSilence: 300 * time.Millisecond})
	if _, err := client.SubscribeSymbol(ctx, "AAPL", "quote"); err != nil {
		t.Fatal(err)
	}
	g.do(func(func(string, ...any)) { g.isSilent = true })
	await(t, ctx, client, func(*Disconnected) bool { return true })
	g.do(func(func(string, ...any)) { g.isSilent, g.epoch, g.sequences = false, g.epoch+1, map[string]int64{} })
	await(t, ctx, client, func(*GatewayRestarted) bool { return true })
	quote := await(t, ctx, client, func(q *Quote) bool { return q.Flags.Has(FlagSnapshot) })
	if quote.Epoch != 1_700_000_000_001 {
		t.Error("the snapshot is of the earlier run", quote.Epoch)
	}
	if statistics, err := client.Statistics(); err != nil || statistics.Restarts != 1 || statistics.Reconnects == 0 {
		t.Errorf("%+v, %v", statistics, err)
	}
}

func TestCallsEndInTime(t *testing.T) {
	g := startFake(t)
	client, ctx := connected(t, g, Options{RequestTimeout: 200 * time.Millisecond})
	var late *RequestTimedOutError
	if _, err := client.Call(ctx, "ping", nil); refusalCode(err) != ErrorCodeUnknownMethod {
		t.Error(err)
	}
	if _, err := client.Call(context.Background(), "mute", nil); !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := client.Call(canceled, "mute", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var unreached *RequestTimedOutError
	nobody, _ := NewGatewayClient(Options{ControlEndpoint: "tcp://127.0.0.1:1", ConnectTimeout: 200 * time.Millisecond})
	if err := nobody.Connect(ctx); !errors.As(err, &unreached) || nobody.LastError() != err {
		t.Error(err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	g := startFake(t)
	before := runtime.NumGoroutine()
	client, ctx := connected(t, g, Options{})
	if _, err := client.SubscribeSymbols(ctx, []string{"AAPL"}, "quote"); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for i := 0; i < 4; i++ {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				if _, err := client.Next(context.Background()); err != nil {
					if err != ErrStreamEnded {
						t.Error(err)
					}
					return
				}
				_, _ = client.Statistics()
				_ = client.Epoch()
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	client.Disconnect()
	client.Disconnect()
	readers.Wait()
	if _, err := client.Call(ctx, "ping", nil); !isAway(err) {
		t.Error(err)
	}
	for i := 0; runtime.NumGoroutine() > before && i < 100; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if err := client.Connect(ctx); err != nil {
		t.Error("connecting anew:", err)
	}
}
