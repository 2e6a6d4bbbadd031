package gatewayclient

import (
	"container/heap"

	zmq "github.com/pebbe/zmq4"
)

// The DEALER socket: many requests outstanding, each with its own deadline.
//
// A request waits in our own outbox until the connection stands (IMMEDIATE), so one whose deadline has
// passed is never sent late. When a request ran into its deadline and nothing was heard from the peer
// for the time of silence since it was sent, the peer counts as vanished and the socket is made anew.

// requestsMax requests may wait for their replies.
const requestsMax = 1_000

// onDone gets how a request ended, exactly once, in the reader.
type onDone func(end outcome)

type request struct {
	id         uint64
	method     string
	data       []byte
	deadlineNs int64
	sentNs     int64 // 0 while it waits in the outbox.
	isEnded    bool
	done       onDone
}

// requestHeap is requests by deadline.
type requestHeap []*request

func (h requestHeap) Len() int           { return len(h) }
func (h requestHeap) Less(i, j int) bool { return h[i].deadlineNs < h[j].deadlineNs }
func (h requestHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *requestHeap) Push(x any)        { *h = append(*h, x.(*request)) }
func (h *requestHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

// rpcClient is one control connection; every method belongs to the reader.
type rpcClient struct {
	context   *zmq.Context
	endpoint  string
	curve     *CurveKeys
	silenceNs int64 // After which an unanswered request means that the peer is gone.
	socket    *zmq.Socket

	requests          map[uint64]*request
	outbox            []*request
	deadlines         requestHeap
	nextID            uint64
	heardNs           int64
	unansweredSinceNs int64
	isUnconnected     bool // A request ran into its deadline without having found a connection.
	failure           error

	requestCount   int64
	timeoutCount   int64
	lateReplyCount int64
	badReplyCount  int64
	reopenCount    int64
}

func newRPCClient(context *zmq.Context, endpoint string, curve *CurveKeys, silenceNs int64) (*rpcClient, error) {
	r := &rpcClient{context: context, endpoint: endpoint, curve: curve, silenceNs: silenceNs,
		requests: map[uint64]*request{}, nextID: 1}
	return r, r.open()
}

func (r *rpcClient) open() error {
	socket, err := r.context.NewSocket(zmq.DEALER)
	if err != nil {
		return err
	}
	err = all([]func() error{
		func() error { return socket.SetLinger(0) },
		func() error { return socket.SetImmediate(true) },
		func() error { return socket.SetMaxmsgsize(replyBytesMax) },
		func() error { return socket.SetReconnectIvl(reconnectPause) },
		func() error { return socket.SetReconnectIvlMax(reconnectPauseMax) },
		func() error { return setCurve(socket, r.curve) },
		func() error { return socket.Connect(r.endpoint) },
	})
	if err != nil {
		_ = socket.Close()
		return err
	}
	r.socket = socket
	return nil
}

// hasUnsent tells whether requests wait for the connection: poll for writing then.
func (r *rpcClient) hasUnsent() bool { return len(r.outbox) > 0 }

// request sends a request; done is called exactly once, at the deadline at the latest, and at once when
// nothing can be sent.
func (r *rpcClient) request(method string, params any, timeoutNs, nowNs int64, done onDone) {
	if len(r.requests) >= requestsMax {
		refused := newRefusal("too many requests outstanding", ErrorCodeBusy,
			"Wait for replies before asking more.").ofMethod(method)
		refused.RetryMs = Some[int64](100)
		done(outcome{err: refused})
		return
	}
	id := r.nextID
	r.nextID++
	data, err := encodeRequest(id, method, params, timeoutNs/1_000_000)
	if err != nil {
		done(outcome{err: err})
		return
	}
	made := &request{id: id, method: method, data: data, deadlineNs: nowNs + timeoutNs, done: done}
	r.tidy()
	r.requests[id] = made
	heap.Push(&r.deadlines, made)
	r.outbox = append(r.outbox, made)
	r.requestCount++
	if r.isUnconnected {
		// Nothing was sent on it. libzmq gives an address up for good when the other end has refused
		// our key, which it may take tomorrow.
		r.isUnconnected = false
		r.reopen(notConnected("no connection to the gateway", "method", method))
	} else if r.unansweredSinceNs != 0 && nowNs-r.unansweredSinceNs >= r.silenceNs {
		r.reopen(notConnected("the gateway does not answer any more", "method", method))
	}
	r.flush(nowNs)
}

// tidy drops deadlines of requests that were answered long before.
func (r *rpcClient) tidy() {
	if len(r.deadlines) <= 2*requestsMax {
		return
	}
	open := r.deadlines[:0]
	for _, made := range r.deadlines {
		if !made.isEnded {
			open = append(open, made)
		}
	}
	r.deadlines = open
	heap.Init(&r.deadlines)
}

// reopen replaces the socket; replies to what was sent on the old one cannot come any more.
func (r *rpcClient) reopen(err error) {
	_ = r.socket.Close()
	r.reopenCount++
	r.unansweredSinceNs = 0
	if failure := r.open(); failure != nil {
		r.failure = failure
	}
	for _, made := range r.requests {
		if made.sentNs != 0 {
			r.finish(made, outcome{err: err})
		}
	}
}

// flush sends what waits, as far as the connection takes it.
func (r *rpcClient) flush(nowNs int64) {
	for r.failure == nil && len(r.outbox) > 0 {
		if made := r.outbox[0]; !made.isEnded {
			if _, err := r.socket.SendBytes(made.data, zmq.DONTWAIT); err != nil {
				r.failure = exceptAgain(err)
				return
			}
			made.sentNs = nowNs
			r.isUnconnected = false
		}
		r.outbox[0] = nil
		r.outbox = r.outbox[1:]
	}
}

// receive reads the replies that have arrived.
func (r *rpcClient) receive(nowNs int64) {
	for r.failure == nil {
		frames, err := r.socket.RecvMessageBytes(zmq.DONTWAIT)
		if err != nil {
			r.failure = exceptAgain(err)
			return
		}
		r.heardNs = nowNs
		r.unansweredSinceNs = 0
		found, err := decodeReply(frames[len(frames)-1])
		if err != nil {
			r.badReplyCount++
			continue
		}
		made := r.requests[found.id]
		if made == nil {
			r.lateReplyCount++
			continue
		}
		if refused, ok := found.outcome.err.(*RequestRefusedError); ok {
			refused.ofMethod(made.method)
		}
		r.finish(made, found.outcome)
	}
}

// expire ends the requests whose deadline has passed.
func (r *rpcClient) expire(nowNs int64) {
	for len(r.deadlines) > 0 && r.deadlines[0].deadlineNs <= nowNs {
		made := heap.Pop(&r.deadlines).(*request)
		if made.isEnded {
			continue
		}
		r.timeoutCount++
		err := timedOut("no reply in time", "", "method", made.method)
		if made.sentNs == 0 {
			r.isUnconnected = true
			err = timedOut("no connection to the gateway",
				"Check that the gateway runs, and that endpoint and keys are right.",
				"method", made.method, "endpoint", r.endpoint)
		} else if r.heardNs < made.sentNs && r.unansweredSinceNs == 0 {
			r.unansweredSinceNs = made.sentNs
		}
		r.finish(made, outcome{err: err})
	}
	for len(r.outbox) > 0 && r.outbox[0].isEnded {
		r.outbox = r.outbox[1:]
	}
}

// deadlineNs is the time of the next deadline; 0 without any.
func (r *rpcClient) deadlineNs() int64 {
	for len(r.deadlines) > 0 && r.deadlines[0].isEnded {
		heap.Pop(&r.deadlines)
	}
	if len(r.deadlines) == 0 {
		return 0
	}
	return r.deadlines[0].deadlineNs
}

// close closes for good; every outstanding request ends with the error.
func (r *rpcClient) close(err error) {
	_ = r.socket.Close()
	r.outbox = nil
	for _, made := range r.requests {
		r.finish(made, outcome{err: err})
	}
}

func (r *rpcClient) finish(made *request, end outcome) {
	made.isEnded = true
	delete(r.requests, made.id)
	made.done(end)
}
