package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"sort"
	"time"

	client "iqfeed-gateway/clients/go"
)

// quietS: a drain ends when nothing came for so many seconds.
const quietS = 0.3

// command is one line of standard input; each uses the fields it needs.
type command struct {
	ID      any            `json:"id"`
	Do      string         `json:"do"`
	Data    string         `json:"data"`
	Control string         `json:"control"`
	Keys    string         `json:"keys"`
	Name    string         `json:"client_name"`
	Options map[string]any `json:"options"`
	Symbols []string       `json:"symbols"`
	Kinds   []string       `json:"kinds"`
	Topics  []string       `json:"topics"`
	Where   map[string]any `json:"where"`
	Fields  []string       `json:"fields"`
	Timeout *float64       `json:"timeout_s"`
	Topic   string         `json:"topic"`
	Method  string         `json:"method"`
	Params  map[string]any `json:"params"`
	Kind    string         `json:"kind"`
	Symbol  string         `json:"symbol"`
	Levels  int            `json:"levels"`
	Seconds float64        `json:"seconds"`
}

// consumer is a client with what its stream has brought.
type consumer struct {
	client  *client.GatewayClient
	ledger  ledger
	mirrors map[string]*client.BookMirror
}

func live() error {
	c := &consumer{ledger: ledger{}, mirrors: map[string]*client.BookMirror{}}
	defer func() {
		if c.client != nil {
			c.client.Disconnect()
		}
	}()
	return eachLine(func(line []byte) (any, bool, error) {
		var asked command
		if err := json.Unmarshal(line, &asked); err != nil {
			return nil, false, err
		}
		answer, err := c.do(&asked)
		if err != nil {
			answer = map[string]any{"error": codeOf(err)}
		}
		answer["id"] = asked.ID
		return answer, asked.Do != "close", nil
	})
}

func (c *consumer) do(asked *command) (map[string]any, error) {
	ctx := context.Background()
	if asked.Do == "connect" {
		return c.connect(ctx, asked)
	}
	if c.client == nil {
		made, err := client.NewGatewayClient(client.Options{})
		if err != nil {
			return nil, err
		}
		c.client = made
	}
	nothing := map[string]any{}
	switch asked.Do {
	case "subscribe":
		return c.subscribe(ctx, asked)
	case "unsubscribe":
		return nothing, c.client.UnsubscribeSymbols(ctx, asked.Symbols, asked.Kinds...)
	case "topics":
		return nothing, c.client.SubscribeTopics(ctx, asked.Topics...)
	case "next":
		return c.next(asked)
	case "ledger":
		return c.ledger.told(asked.Topic), nil
	case "snapshot":
		return c.snapshot(ctx, asked)
	case "request":
		result, err := c.client.Call(ctx, asked.Method, plainParams(asked.Params))
		return map[string]any{"result": only(spelled(result), asked.Fields)}, err
	case "health":
		status, err := c.client.GetHealthStatus(ctx)
		return map[string]any{"level": status.HealthLevel}, err
	case "book":
		mirror, err := client.NewBookMirror(asked.Kind, asked.Symbol, 0)
		c.mirrors[asked.Kind+","+asked.Symbol] = mirror
		return nothing, err
	case "mirror":
		return c.mirror(asked)
	case "pause":
		time.Sleep(time.Duration(asked.Seconds * float64(time.Second)))
		return nothing, nil
	case "drain":
		return nothing, c.drain(asked.timeout())
	case "statistics":
		statistics, err := c.client.Statistics()
		return only(spelled(statistics.Figures()), asked.Fields), err
	case "close":
		c.client.Disconnect()
		return nothing, nil
	}
	return nil, errors.New("unknown_command")
}

func (a *command) timeout() time.Duration {
	if a.Timeout == nil {
		return 5 * time.Second
	}
	return time.Duration(*a.Timeout * float64(time.Second))
}

func (c *consumer) connect(ctx context.Context, asked *command) (map[string]any, error) {
	options := client.Options{DataEndpoint: asked.Data, ControlEndpoint: asked.Control, ClientName: asked.Name}
	number := func(name string) float64 { value, _ := asked.Options[name].(float64); return value }
	seconds := func(name string) time.Duration { return time.Duration(number(name) * float64(time.Second)) }
	options.QueueCapacity = int(number("queue_capacity"))
	options.ConflateAbove = int(number("conflate_above"))
	options.ReceiveMessagesMax = int(number("rcvhwm"))
	options.HeartbeatSilence = seconds("heartbeat_silence_s")
	options.Lease = seconds("lease_s")
	options.RequestTimeout = seconds("request_timeout_s")
	options.ConnectTimeout = seconds("connect_timeout_s")
	options.SkipAfter = seconds("skip_after_s")
	if asked.Keys != "" {
		keys, err := client.LoadKeys(asked.Keys)
		if err != nil {
			return nil, err
		}
		options.Curve = keys
	}
	if c.client != nil {
		c.client.Disconnect()
	}
	made, err := client.NewGatewayClient(options)
	if err != nil {
		return nil, err
	}
	c.client = made
	return map[string]any{"connected": made.Connect(ctx) == nil}, nil
}

func (c *consumer) subscribe(ctx context.Context, asked *command) (map[string]any, error) {
	results, err := c.client.SubscribeSymbols(ctx, asked.Symbols, asked.Kinds...)
	if err != nil {
		return nil, err
	}
	accepted := []string{}
	rejected := []map[string]any{}
	for _, result := range results {
		for _, topic := range result.Topics {
			accepted = append(accepted, topic.Topic)
		}
		if !result.IsAccepted() {
			rejected = append(rejected, map[string]any{"symbol": result.Symbol, "code": result.Code})
		}
	}
	sort.Strings(accepted)
	sort.Slice(rejected, func(i, j int) bool {
		return rejected[i]["symbol"].(string) < rejected[j]["symbol"].(string)
	})
	return map[string]any{"accepted": accepted, "rejected": rejected}, nil
}

// consume takes one item and notes it; nil when none came in time.
func (c *consumer) consume(deadline time.Time) (client.Item, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	item, err := c.client.Next(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.ledger.note(item)
	for _, mirror := range c.mirrors {
		if _, err := mirror.Apply(item); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func (c *consumer) next(asked *command) (map[string]any, error) {
	deadline := time.Now().Add(asked.timeout())
	for {
		item, err := c.consume(deadline)
		if err != nil {
			return nil, err
		}
		if item == nil {
			return map[string]any{"item": nil}, nil
		}
		if fields := spelledItem(item); matches(fields, asked.Where) {
			return map[string]any{"item": only(fields, asked.Fields)}, nil
		}
	}
}

func (c *consumer) drain(timeout time.Duration) error {
	end := time.Now().Add(timeout)
	for {
		deadline := time.Now().Add(time.Duration(quietS * float64(time.Second)))
		if end.Before(deadline) {
			deadline = end
		}
		item, err := c.consume(deadline)
		if err != nil || item == nil || !time.Now().Before(end) {
			return err
		}
	}
}

func (c *consumer) snapshot(ctx context.Context, asked *command) (map[string]any, error) {
	messages, err := c.client.Snapshot(ctx, asked.Topics...)
	if err != nil {
		return nil, err
	}
	items := make([]any, len(messages))
	for i, message := range messages {
		items[i] = only(spelledItem(message), asked.Fields)
	}
	return map[string]any{"items": items}, nil
}

func (c *consumer) mirror(asked *command) (map[string]any, error) {
	mirror := c.mirrors[asked.Kind+","+asked.Symbol]
	if mirror == nil {
		return nil, errors.New("no_such_mirror")
	}
	return map[string]any{
		"is_current": mirror.IsCurrent(), "is_known": mirror.IsKnown(), "is_stale": mirror.IsStale(),
		"bids": spelled(mirror.Levels(client.SideBid, asked.Levels)),
		"asks": spelled(mirror.Levels(client.SideAsk, asked.Levels)),
	}, nil
}

// plainParams makes integers of JSON's numbers where they are whole.
func plainParams(params map[string]any) map[string]any {
	plain := make(map[string]any, len(params))
	for name, value := range params {
		if number, ok := value.(float64); ok && number == math.Trunc(number) {
			value = int64(number)
		}
		plain[name] = value
	}
	return plain
}
