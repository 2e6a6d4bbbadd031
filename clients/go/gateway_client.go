package gatewayclient

import (
	"context"
	"errors"
	"sync"
	"time"
)

// GatewayClient is a consumer of the gateway's data and a caller of its methods.
//
// Any goroutine may call any method. Several that call Next share the messages, each message going to
// one of them. A call ends at its context's deadline, or after RequestTimeout where it has none. After
// Connect call Disconnect when done: it leaves no goroutine, thread or socket behind.
type GatewayClient struct {
	options   Options
	lock      sync.Mutex // Held while connecting and disconnecting.
	state     sync.Mutex
	engine    *engine
	lastError error
}

// NewGatewayClient makes a client; nothing is opened before Connect.
//
// InvalidArgumentError: an option can never work.
func NewGatewayClient(options Options) (*GatewayClient, error) {
	completed, err := options.completed()
	if err != nil {
		return nil, err
	}
	return &GatewayClient{options: completed}, nil
}

// Connect reaches the gateway: a reply to `hello` and a first heartbeat, within ConnectTimeout and the
// context. Connecting what is connected does nothing. LastError keeps the error returned.
func (c *GatewayClient) Connect(ctx context.Context) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	err := c.connect(ctx)
	c.state.Lock()
	c.lastError = err
	c.state.Unlock()
	return err
}

func (c *GatewayClient) connect(ctx context.Context) error {
	running := c.running()
	if running == nil || running.is(linkClosed) {
		made, err := newEngine(c.options, true)
		if err != nil {
			return err
		}
		c.state.Lock()
		c.engine = made
		c.state.Unlock()
		made.start()
		running = made
	}
	if running.is(linkConnected) || running.is(linkSilent) {
		return nil // Whatever became of the context: what stands is not to be torn down.
	}
	select {
	case <-running.connected:
		return nil
	case <-running.stopped:
		if err := running.lastFailure(); err != nil {
			return err
		}
		return notConnected("disconnected while connecting")
	case <-ctx.Done():
		running.stop()
		<-running.stopped
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return timedOut("the gateway was not reached in time", "Check that the gateway runs and that "+
				"the endpoints are right.", "endpoint", c.options.ControlEndpoint)
		}
		return ctx.Err()
	}
}

// Disconnect closes everything; idempotent. What is still queued can be read, then Next returns
// ErrStreamEnded.
func (c *GatewayClient) Disconnect() {
	if running := c.running(); running != nil {
		running.stop()
		<-running.stopped
	}
}

// ClientName is the name the leases belong to.
func (c *GatewayClient) ClientName() string { return c.options.ClientName }

// IsConnected tells whether heartbeats arrive.
func (c *GatewayClient) IsConnected() bool {
	running := c.running()
	return running != nil && running.is(linkConnected)
}

// LastError is why the last Connect failed; nil after one that did not.
func (c *GatewayClient) LastError() error {
	c.state.Lock()
	defer c.state.Unlock()
	return c.lastError
}

// Gateway is what the gateway said of itself (`hello`); nil before Connect. It must not be changed.
func (c *GatewayClient) Gateway() map[string]any {
	running := c.running()
	if running == nil {
		return nil
	}
	running.lock.Lock()
	defer running.lock.Unlock()
	return running.gateway
}

// Epoch is the gateway run last heard, Unix milliseconds; absent before Connect.
func (c *GatewayClient) Epoch() Optional[int64] {
	running := c.running()
	epoch := int64(-1)
	if running != nil {
		running.inspect(func(int64) { epoch = running.session.intake.epoch })
	}
	if epoch < 0 {
		return Optional[int64]{}
	}
	return Some(epoch)
}

// Statistics tells what this client has counted since Connect; NotConnectedError before the first.
func (c *GatewayClient) Statistics() (Statistics, error) {
	running, err := c.require()
	if err != nil {
		return Statistics{}, err
	}
	return running.statistics(), nil
}

// Next takes the next message (*Quote, *Trade, ...) or event (*Gap, *GatewayRestarted, *Disconnected,
// *Reconnected, *Overrun, *SubscriptionRefused).
//
// Errors: the context's own when it ends first; ErrStreamEnded when disconnected and everything was
// read; NotConnectedError when Connect was never called or the reader failed.
func (c *GatewayClient) Next(ctx context.Context) (Item, error) {
	running, err := c.require()
	if err != nil {
		return nil, err
	}
	return running.next(ctx)
}

// Subscriptions.

// SubscribeSymbol subscribes to one symbol.
//
// Kinds are `l1` (quote, trade, summary, state), `l2` (depth, order, book, state), kinds such as
// `quote`, or variants such as `quote@250` and `book@1000x5`; without any it is `l1`. The result says
// which topics come, or why the gateway rejected it.
//
// Errors: SecurityValidationError (the symbol must not be sent, and was not), InvalidArgumentError (no
// such kind), RequestTimedOutError, RequestRefusedError, NotConnectedError.
func (c *GatewayClient) SubscribeSymbol(ctx context.Context, symbol string, kinds ...string) (SymbolResult, error) {
	if err := CheckSymbol(symbol); err != nil {
		return SymbolResult{}, err
	}
	results, err := c.SubscribeSymbols(ctx, []string{symbol}, kinds...)
	return results[symbol], err
}

// SubscribeSymbols subscribes to many symbols, sent 5,000 a request; one bad symbol never spoils the
// others: a malformed one is rejected with `symbol_invalid` and not sent. Otherwise as SubscribeSymbol.
// After an error what was accepted until then stays subscribed.
func (c *GatewayClient) SubscribeSymbols(ctx context.Context, symbols []string, kinds ...string) (map[string]SymbolResult, error) {
	if len(kinds) == 0 {
		kinds = []string{"l1"}
	}
	expanded, err := expandKinds(kinds)
	if err != nil {
		return nil, err
	}
	running, err := c.require()
	if err != nil {
		return nil, err
	}
	refused := map[string]SymbolResult{}
	good := newOrdered[struct{}]()
	for _, symbol := range symbols {
		var invalid *SecurityValidationError
		if errors.As(CheckSymbol(symbol), &invalid) {
			refused[symbol] = SymbolResult{Symbol: symbol, Code: invalid.code, Hint: invalid.hint}
		} else {
			good.pushBack(symbol, struct{}{})
		}
	}
	results, err := wait(ctx, running, c.options.RequestTimeout,
		func(nowNs, timeoutNs int64, done func(map[string]SymbolResult, error)) {
			running.session.subscribe(good.keys(), expanded, nowNs, timeoutNs, done)
		})
	if err != nil {
		return nil, err
	}
	for symbol, result := range refused {
		results[symbol] = result
	}
	return results, nil
}

// UnsubscribeSymbol gives a symbol up, or only some kinds of it; listening ends at once. After an error
// of the request the lease ends by itself.
func (c *GatewayClient) UnsubscribeSymbol(ctx context.Context, symbol string, kinds ...string) error {
	return c.UnsubscribeSymbols(ctx, []string{symbol}, kinds...)
}

// UnsubscribeSymbols gives many symbols up, or only some kinds of them; errors as in SubscribeSymbol.
func (c *GatewayClient) UnsubscribeSymbols(ctx context.Context, symbols []string, kinds ...string) error {
	// The reader looks at them after the caller may have gone.
	symbols, kinds = append([]string(nil), symbols...), append([]string(nil), kinds...)
	for _, symbol := range symbols {
		if err := CheckSymbol(symbol); err != nil {
			return err
		}
	}
	if len(kinds) == 0 {
		kinds = nil
	} else if _, err := expandKinds(kinds); err != nil {
		return err
	}
	running, err := c.require()
	if err != nil {
		return err
	}
	_, err = wait(ctx, running, c.options.RequestTimeout, func(nowNs, timeoutNs int64, done func(any, error)) {
		running.session.giveUp(symbols, kinds, nowNs, timeoutNs, func(err error) { done(nil, err) })
	})
	return err
}

// SubscribeTopics listens to topics (`bar,AAPL,`) or whole kinds (`news,`) without taking a lease.
func (c *GatewayClient) SubscribeTopics(ctx context.Context, topics ...string) error {
	running, err := c.require()
	if err != nil {
		return err
	}
	return running.listen(ctx, topics, true)
}

// UnsubscribeTopics stops listening to what SubscribeTopics was given.
func (c *GatewayClient) UnsubscribeTopics(ctx context.Context, topics ...string) error {
	running, err := c.require()
	if err != nil {
		return err
	}
	return running.listen(ctx, topics, false)
}

func (c *GatewayClient) running() *engine {
	c.state.Lock()
	defer c.state.Unlock()
	return c.engine
}

func (c *GatewayClient) require() (*engine, error) {
	if running := c.running(); running != nil {
		return running, nil
	}
	return nil, notConnected("not connected")
}

// ending is how something that the reader began has ended.
type ending[T any] struct {
	value T
	err   error
}

// wait has the reader begin something and waits for its end.
//
// begin gets the time and how long the reader may take, nanoseconds; it calls done, possibly more than
// once, of which the first counts.
func wait[T any](ctx context.Context, e *engine, timeout time.Duration,
	begin func(nowNs, timeoutNs int64, done func(T, error))) (T, error) {
	var none T
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	} else {
		var cancel context.CancelFunc
		// The reader ends every call at its deadline; waiting this much longer never happens.
		ctx, cancel = context.WithTimeout(ctx, timeout+2*time.Second)
		defer cancel()
	}
	if timeout <= 0 {
		return none, timedOut("the context's deadline has passed", "")
	}
	ended := make(chan ending[T], 1)
	settle := func(value T, err error) {
		select {
		case ended <- ending[T]{value, err}:
		default: // It ended before.
		}
	}
	err := e.post(command{
		run:  func(nowNs int64) { begin(nowNs, int64(timeout), settle) },
		fail: func(err error) { settle(none, err) },
	}, true)
	if err != nil {
		return none, err
	}
	select {
	case end := <-ended:
		return end.value, end.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return none, timedOut("no answer in time", "")
		}
		return none, ctx.Err()
	}
}
