package gatewayclient

import (
	"strings"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// The SUB socket: made, made anew, and always drained.
//
// Two settings are not to be touched. ZMTP heartbeats stay off: with a full receive queue they abort
// the process inside libzmq (its issue 3937). SNDHWM is 0: libzmq keeps subscriptions in that queue and
// silently drops what is above the mark, at the start as well as after every reconnect.

const (
	framesPerBatchMax  = 1_000
	reconnectPause     = 100 * time.Millisecond
	reconnectPauseMax  = 5 * time.Second
	connectDurationMax = time.Second
)

// dataSocket is one data connection; every method belongs to the reader.
type dataSocket struct {
	context             *zmq.Context
	endpoint            string
	curve               *CurveKeys
	receiveMessagesMax  int
	topics              map[string]bool
	socket              *zmq.Socket
	reopenCount         int64
	subscriptionFailure error // Why libzmq refused a subscription; nil as long as it never did.
}

func newDataSocket(context *zmq.Context, endpoint string, curve *CurveKeys, receiveMessagesMax int) (*dataSocket, error) {
	d := &dataSocket{context: context, endpoint: endpoint, curve: curve,
		receiveMessagesMax: receiveMessagesMax, topics: map[string]bool{}}
	return d, d.open()
}

func (d *dataSocket) open() error {
	socket, err := d.context.NewSocket(zmq.SUB)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return socket.SetLinger(0) },
		func() error { return socket.SetSndhwm(0) },
		func() error { return socket.SetRcvhwm(d.receiveMessagesMax) },
		func() error { return socket.SetMaxmsgsize(FrameBytesMax) },
		func() error { return socket.SetReconnectIvl(reconnectPause) },
		func() error { return socket.SetReconnectIvlMax(reconnectPauseMax) },
		// Else an attempt made while the way is cut waits for the system's own repeats, up to seconds
		// after it has healed.
		func() error { return socket.SetConnectTimeout(connectDurationMax) },
		func() error { return setCurve(socket, d.curve) },
	}
	for topic := range d.topics {
		topic := topic
		steps = append(steps, func() error { return socket.SetSubscribe(topic) })
	}
	steps = append(steps, func() error { return socket.Connect(d.endpoint) })
	if err := all(steps); err != nil {
		_ = socket.Close()
		return err
	}
	d.socket = socket
	return nil
}

// all takes steps in turn until one fails; one that a signal interrupted is taken again.
func all(steps []func() error) error {
	for _, step := range steps {
		err := step()
		for isInterrupted(err) {
			err = step()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func setCurve(socket *zmq.Socket, curve *CurveKeys) error {
	if curve == nil {
		return nil
	}
	return all([]func() error{
		func() error { return socket.SetCurveServerkey(curve.ServerPublicKey) },
		func() error { return socket.SetCurvePublickey(curve.PublicKey) },
		func() error { return socket.SetCurveSecretkey(curve.SecretKey) },
	})
}

// subscribe subscribes once, however often it is asked for.
func (d *dataSocket) subscribe(topic string) {
	if !d.topics[topic] {
		d.topics[topic] = true
		d.filter(d.socket.SetSubscribe, topic)
	}
}

// unsubscribe takes a subscription back.
func (d *dataSocket) unsubscribe(topic string) {
	if d.topics[topic] {
		delete(d.topics, topic)
		d.filter(d.socket.SetUnsubscribe, topic)
	}
}

// repair sends a subscription again that the gateway has not seen; false when it is not ours.
func (d *dataSocket) repair(topic string) bool {
	if !d.topics[topic] {
		return false
	}
	d.filter(d.socket.SetUnsubscribe, topic)
	d.filter(d.socket.SetSubscribe, topic)
	return true
}

func (d *dataSocket) filter(change func(topic string) error, topic string) {
	err := all([]func() error{func() error { return change(topic) }})
	if err != nil && d.subscriptionFailure == nil {
		d.subscriptionFailure = err
	}
}

// reopen replaces the socket; all subscriptions go with it, those to snapshots excepted.
func (d *dataSocket) reopen() error {
	for topic := range d.topics {
		if strings.HasPrefix(topic, "~") && !strings.HasSuffix(topic, ".sys,client,") {
			delete(d.topics, topic)
		}
	}
	d.close()
	d.reopenCount++
	return d.open()
}

// drain hands over what has arrived, at most one batch before other work gets its turn; tells whether
// the socket is empty.
func (d *dataSocket) drain(receive func(frame []byte)) (isEmpty bool, err error) {
	for i := 0; i < framesPerBatchMax; i++ {
		frame, err := d.socket.RecvBytes(zmq.DONTWAIT)
		if err != nil {
			return !isInterrupted(err), exceptAgain(err)
		}
		receive(frame)
	}
	return false, nil
}

func (d *dataSocket) close() {
	if d.socket != nil {
		_ = d.socket.Close()
	}
}

// isInterrupted tells whether a signal came in between. The binding is told not to try again by itself:
// it would begin the whole of a wait anew, and a profiler's signals could hold the timers up for good.
func isInterrupted(err error) bool {
	return err != nil && zmq.AsErrno(err) == zmq.Errno(syscall.EINTR)
}

// exceptAgain drops the errors that only say that nothing could be done now: it is tried in a later turn.
func exceptAgain(err error) error {
	if isInterrupted(err) || zmq.AsErrno(err) == zmq.Errno(syscall.EAGAIN) {
		return nil
	}
	return err
}
