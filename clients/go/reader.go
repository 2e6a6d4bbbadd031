package gatewayclient

import (
	"fmt"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// The reader.

func (e *engine) run() {
	defer e.finish()
	// A fault of ours ends this client and is told to every caller; it does not end the process, which
	// may hold positions.
	defer func() {
		if fault := recover(); fault != nil {
			e.fail(notConnected("the reader failed", "cause", fmt.Sprint(fault)))
		}
	}()
	e.begin()
	for {
		e.lock.Lock()
		isStopping := e.isStopping
		e.lock.Unlock()
		if isStopping {
			return
		}
		if err := e.turn(); err != nil {
			e.fail(notConnected("the reader failed", "cause", err))
		}
	}
}

func (e *engine) begin() {
	nowNs := monotonicNs()
	e.heardNs, e.tickedNs = nowNs, nowNs
	e.connectDeadlineNs = nowNs + int64(e.options.ConnectTimeout)
	if e.rpc != nil {
		e.session.greet(nowNs, int64(e.options.ConnectTimeout), e.greeted)
	}
}

// turn waits for something to happen and deals with it.
func (e *engine) turn() error {
	isDrained := true
	ready, err := e.poll()
	if err != nil {
		return err
	}
	nowNs := monotonicNs()
	if ready[1].Events&zmq.POLLIN != 0 {
		if isDrained, err = e.data.drain(e.session.intake.receive); err != nil {
			return err
		}
	}
	if len(ready) > 2 {
		if ready[2].Events&zmq.POLLIN != 0 {
			e.rpc.receive(nowNs)
		}
		if ready[2].Events&zmq.POLLOUT != 0 {
			e.rpc.flush(nowNs)
		}
	}
	if ready[0].Events&zmq.POLLIN != 0 {
		e.drainWakes()
	}
	// Whether or not a wake came: a lost one then costs half a second at most, not all calls.
	e.runCommands(nowNs)
	e.noteHeartbeats(nowNs)
	if nowNs >= e.tickAtNs {
		if err := e.tick(nowNs, isDrained); err != nil {
			return err
		}
	}
	e.session.afterBatch(nowNs)
	e.deliver(nowNs)
	if e.rpc != nil && e.rpc.failure != nil {
		return e.rpc.failure
	}
	return e.data.subscriptionFailure
}

// poll waits on the wake, data and control sockets, in this order.
func (e *engine) poll() ([]zmq.Polled, error) {
	var control *zmq.Socket
	if e.rpc != nil {
		control = e.rpc.socket
	}
	if e.poller == nil || e.polledData != e.data.socket || e.polledControl != control {
		e.poller = zmq.NewPoller()
		e.polledData, e.polledControl = e.data.socket, control
		e.poller.Add(e.wakeReader, zmq.POLLIN)
		e.poller.Add(e.data.socket, zmq.POLLIN)
		if control != nil {
			e.poller.Add(control, zmq.POLLIN)
		}
	}
	if control != nil {
		events := zmq.POLLIN
		if e.rpc.hasUnsent() {
			events |= zmq.POLLOUT
		}
		if _, err := e.poller.Update(2, events); err != nil {
			return nil, err
		}
	}
	wait := time.Duration(0)
	if leftNs := e.tickAtNs - monotonicNs(); e.tickAtNs != 0 && leftNs > 0 {
		wait = time.Duration(leftNs).Truncate(time.Millisecond) + time.Millisecond
	}
	ready, err := e.poller.PollAll(wait)
	if isInterrupted(err) {
		return make([]zmq.Polled, 3), nil
	}
	return ready, err
}

func (e *engine) drainWakes() {
	for {
		if _, err := e.wakeReader.RecvBytes(zmq.DONTWAIT); err != nil {
			return
		}
	}
}

func (e *engine) runCommands(nowNs int64) {
	for {
		e.lock.Lock()
		if len(e.commands) == 0 {
			e.lock.Unlock()
			return
		}
		posted := e.commands[0]
		e.commands = e.commands[1:]
		e.lock.Unlock()
		e.tickAtNs = 0
		posted.run(nowNs)
	}
}

func (e *engine) deliver(nowNs int64) {
	in := e.session.intake
	if len(in.out) == 0 {
		return
	}
	e.queue.extend(in.out, nowNs)
	for i := range in.out {
		in.out[i] = nil
	}
	in.out = in.out[:0]
}

func (e *engine) noteHeartbeats(nowNs int64) {
	in := e.session.intake
	if in.heartbeatCount == e.heartbeatCount {
		return
	}
	e.heartbeatCount = in.heartbeatCount
	silentNs := nowNs - e.heardNs
	e.heardNs = nowNs
	e.session.heartbeatLagUs = Some(time.Now().UnixMicro() - in.heartbeatUs)
	if e.is(linkSilent) {
		e.link.Store(int32(linkConnected))
		in.out = append([]any{&Reconnected{time.Duration(silentNs)}}, in.out...)
		e.session.reconnected(nowNs)
	}
	e.judgeConnected()
}

func (e *engine) tick(nowNs int64, isDrained bool) error {
	if nowNs-e.tickedNs > 2*tickNsMax {
		// The whole process stood still; libzmq needs a moment to bring what it has.
		if least := nowNs - e.silenceNs + tickNsMax; e.heardNs < least {
			e.heardNs = least
		}
	}
	e.tickedNs = nowNs
	if e.rpc != nil {
		e.rpc.expire(nowNs)
	}
	e.session.tick(nowNs)
	e.queue.skipIfOld(nowNs)
	if e.is(linkConnecting) {
		if e.rpc != nil && nowNs >= e.connectDeadlineNs {
			e.fail(timedOut("no heartbeat in time", "The gateway answers requests but no data arrives: "+
				"check DataEndpoint, and its keys if any."))
		}
	} else if isDrained {
		if err := e.watchSilence(nowNs); err != nil {
			return err
		}
	}
	next := sooner(nowNs+tickNsMax, e.session.deadlineNs())
	if e.rpc != nil {
		next = sooner(next, e.rpc.deadlineNs())
	}
	e.tickAtNs = next
	return nil
}

// watchSilence makes the data socket anew while no heartbeat is heard.
func (e *engine) watchSilence(nowNs int64) error {
	silentNs := nowNs - e.heardNs
	if silentNs < e.silenceNs {
		return nil
	}
	if e.is(linkConnected) {
		e.link.Store(int32(linkSilent))
		in := e.session.intake
		in.out = append(in.out, &Disconnected{"silence", time.Duration(silentNs)})
		// Nothing is asked for while nothing is heard: it would only use up the attempts.
		e.session.replays.isPaused = true
	} else if nowNs < e.reopenAtNs {
		return nil
	}
	e.reopenAtNs = nowNs + e.silenceNs
	e.session.joins.restart()
	return e.data.reopen()
}

// Connecting.

func (e *engine) greeted(end outcome) {
	if end.err != nil {
		e.fail(end.err)
		return
	}
	gateway, err := asMap(unpacked(end.result))
	if err != nil {
		e.fail(err)
		return
	}
	if spoken, isTold := gateway["protocol"].([]any); isTold {
		isCommon := false
		for _, version := range spoken {
			isCommon = isCommon || version == any(int64(ProtocolVersion))
		}
		if !isCommon {
			e.fail(notConnected("no protocol version in common", "gateway_speaks", fmt.Sprint(spoken)))
			return
		}
	}
	e.lock.Lock()
	e.gateway = gateway
	e.lock.Unlock()
	e.isGreeted = true
	e.judgeConnected()
}

func (e *engine) judgeConnected() {
	if e.is(linkConnecting) && e.heartbeatCount > 0 && (e.isGreeted || e.rpc == nil) {
		e.link.Store(int32(linkConnected))
		close(e.connected)
	}
}
