package gatewayclient

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// The reader: one goroutine that owns both sockets, the timers and everything that changes.
//
// It does nothing else, so that the data socket is drained whatever the application does. Others post
// commands; messages go through a bounded queue. It ends by `stop`, or by a failure of libzmq that
// cannot be put right; bad frames, refused requests and lost connections are counted or told.

const (
	// tickNsMax: timers are looked at twice a second at least; a longer pause means that we were suspended.
	tickNsMax   = 500_000_000
	commandsMax = 10_000
	wakeAddress = "inproc://wake"
)

// link is what is known of the way to the gateway.
type link int32

const (
	linkConnecting link = iota
	linkConnected
	linkSilent // No heartbeat for too long; the data socket is made anew until one is heard.
	linkClosed
)

// command is something to be done by the reader; exactly one of the two is called.
type command struct {
	run  func(nowNs int64)
	fail func(err error)
}

var processStart = time.Now()

// monotonicNs is the time since shortly before the process began, nanoseconds, never 0.
func monotonicNs() int64 { return int64(time.Since(processStart)) + 1 }

// engine is one connection's life, from start to stop; not restartable.
type engine struct {
	options   Options
	silenceNs int64
	queue     *deliveryQueue
	session   *session
	data      *dataSocket
	rpc       *rpcClient // nil: there is no control side.
	link      atomic.Int32
	connected chan struct{} // Closed when the gateway was reached.
	stopped   chan struct{} // Closed when sockets and context are closed.

	undecodedCount atomic.Int64

	lock       sync.Mutex
	commands   []command
	wakeWriter *zmq.Socket
	isStopping bool
	isFinished bool
	failure    error          // Why connecting failed, or the reader ended by itself.
	gateway    map[string]any // What hello answered.

	// The reader's own.
	context           *zmq.Context
	wakeReader        *zmq.Socket
	poller            *zmq.Poller
	polledData        *zmq.Socket
	polledControl     *zmq.Socket
	heardNs           int64
	heartbeatCount    int64
	isGreeted         bool
	connectDeadlineNs int64
	reopenAtNs        int64
	tickAtNs          int64
	tickedNs          int64
}

// newEngine opens what a client needs; the caller's goroutine makes the sockets, so that an endpoint
// libzmq refuses is the caller's error, and the reader alone uses them from start on.
func newEngine(options Options, hasControl bool) (*engine, error) {
	e := &engine{options: options, silenceNs: int64(options.HeartbeatSilence),
		queue:     newDeliveryQueue(options.QueueCapacity, options.ConflateAbove, int64(options.SkipAfter)),
		connected: make(chan struct{}), stopped: make(chan struct{})}
	e.queue.onOverrun = e.replaceLost
	if err := e.open(hasControl); err != nil {
		e.closeSockets()
		return nil, invalidArgument("endpoint or keys refused", "", "cause", err)
	}
	e.session = newSession(options, e.rpc, e.data, e.queue)
	return e, nil
}

func (e *engine) open(hasControl bool) (err error) {
	if e.context, err = zmq.NewContext(); err != nil {
		return err
	}
	e.context.SetRetryAfterEINTR(false) // See isInterrupted.
	if e.data, err = newDataSocket(e.context, e.options.DataEndpoint, e.options.Curve, e.options.ReceiveMessagesMax); err != nil {
		return err
	}
	if hasControl {
		if e.rpc, err = newRPCClient(e.context, e.options.ControlEndpoint, e.options.Curve, e.silenceNs); err != nil {
			return err
		}
	}
	if e.wakeReader, err = e.context.NewSocket(zmq.PAIR); err != nil {
		return err
	}
	if err = all([]func() error{func() error { return e.wakeReader.Bind(wakeAddress) }}); err != nil {
		return err
	}
	if e.wakeWriter, err = e.context.NewSocket(zmq.PAIR); err != nil {
		return err
	}
	return all([]func() error{func() error { return e.wakeWriter.Connect(wakeAddress) }})
}

// Any goroutine.

func (e *engine) is(state link) bool { return link(e.link.Load()) == state }

func (e *engine) start() { go e.run() }

// stop ends the reader; idempotent. `stopped` tells when it has ended, which takes no time of note.
func (e *engine) stop() {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.isStopping = true
	e.wake()
}

// post has a command run by the reader. An unbounded one is taken however many wait.
func (e *engine) post(posted command, isBounded bool) error {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.isFinished || e.isStopping {
		return notConnected("not connected")
	}
	if isBounded && len(e.commands) >= commandsMax {
		return notConnected("too many commands waiting", "commands_max", commandsMax)
	}
	e.commands = append(e.commands, posted)
	if len(e.commands) == 1 {
		e.wake()
	}
	return nil
}

// wake ends the reader's wait; the lock is held, which makes the socket one goroutine's at a time.
func (e *engine) wake() {
	if e.wakeWriter != nil {
		// A signal may come in between; full, it wakes anyway.
		_ = all([]func() error{func() error {
			_, err := e.wakeWriter.SendBytes([]byte{1}, zmq.DONTWAIT)
			return err
		}})
	}
}

// inspect looks at what belongs to the reader: in its turn, or after its end.
func (e *engine) inspect(look func(nowNs int64)) {
	looked := make(chan bool, 1)
	err := e.post(command{
		run:  func(nowNs int64) { look(nowNs); looked <- true },
		fail: func(error) { looked <- false },
	}, false)
	if err == nil {
		select {
		case isDone := <-looked:
			if isDone {
				return
			}
		case <-e.stopped:
		}
	}
	<-e.stopped
	look(monotonicNs())
}

// heal has a topic's state fetched anew; nothing happens when not connected.
func (e *engine) heal(topic string) {
	_ = e.post(command{func(int64) { e.session.intake.heal(topic) }, func(error) {}}, true)
}

// replaceLost has the values of topics fetched anew whose messages were skipped unread. One command for
// each skip that the application has come to: never many.
func (e *engine) replaceLost(overrun *Overrun, topics map[string]bool, gaps []*Gap) {
	_ = e.post(command{func(int64) {
		in := e.session.intake
		in.noteSkipped(gaps)
		for topic := range topics {
			in.askAgain(topic)
		}
		if overrun.Topic == "" && overrun.Unnamed > 0 {
			// Which topics they were is not told to the application, so every book is in doubt.
			in.askImagesAgain()
		}
	}, func(error) {}}, false)
}

// lastFailure is why connecting failed, or the reader ended by itself.
func (e *engine) lastFailure() error {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.failure
}

func (e *engine) fail(err error) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.failure == nil {
		e.failure = err
	}
	e.isStopping = true
}

// Ending.

// finish closes everything and lets everybody go.
func (e *engine) finish() {
	reason := e.lastFailure()
	if reason == nil {
		reason = notConnected("disconnected")
	}
	e.link.Store(int32(linkClosed))
	e.lock.Lock()
	e.isFinished = true
	waiting := e.commands
	e.commands = nil
	e.lock.Unlock()
	if e.rpc != nil {
		e.rpc.close(asNotConnected(reason))
	}
	e.closeSockets()
	e.session.end()
	e.deliver(monotonicNs())
	close(e.stopped)
	for _, posted := range waiting {
		posted.fail(asNotConnected(reason))
	}
	e.queue.close()
}

func asNotConnected(reason error) error {
	var cut *NotConnectedError
	if errors.As(reason, &cut) {
		return reason
	}
	return notConnected("not connected", "cause", reason)
}

func (e *engine) closeSockets() {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.data != nil {
		e.data.close()
	}
	sockets := []*zmq.Socket{e.wakeReader, e.wakeWriter}
	if e.rpc != nil {
		sockets = append(sockets, e.rpc.socket)
	}
	for _, socket := range sockets {
		if socket != nil {
			_ = socket.Close()
		}
	}
	e.wakeWriter = nil
	if e.context != nil {
		// It waits until every socket is closed, which is why none may be forgotten.
		e.context.SetRetryAfterEINTR(true)
		_ = e.context.Term()
	}
}
