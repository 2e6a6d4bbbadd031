package gatewayclient

// The gateway's own messages: heartbeats, and the last sequences of topics that fell quiet.

// receiveSys handles heartbeats and tails; returns whether the message ends here.
func (in *intake) receiveSys(head head, body []byte) bool {
	if head.number != MessageTypeHeartbeat && head.number != MessageTypeTails {
		return false
	}
	message, err := decodeBody(KindSys, KindSys, "", body)
	if err != nil {
		in.badFrameCount++
		return true
	}
	if tails, ok := message.(*Tails); ok {
		in.receiveTails(head.epoch, tails.Details["topics"])
		return true
	}
	in.heartbeatCount++
	in.heartbeatUs = head.recvUs
	announced, ok := message.(*Heartbeat).Details["tails_sequence"].(int64)
	if !ok || announced < 0 {
		return true
	}
	if in.tails.tracker.Epoch != head.epoch {
		in.tails.tracker.Snapshot(head.epoch, announced)
	} else if in.tails.tracker.Tail(head.epoch, announced).Verdict == VerdictGap {
		// Which topics fell quiet is unknown, so every position is asked for.
		in.askAllAgain(nil)
	}
	return true
}

func (in *intake) receiveTails(epoch int64, topics any) {
	tails, ok := topics.(map[string]any)
	if !ok {
		in.badFrameCount++
		return
	}
	for topic, last := range tails {
		sequence, ok := last.(int64)
		if !ok || sequence < 0 {
			in.badFrameCount++
			continue
		}
		if on := in.routes[topic]; on != nil {
			in.receiveTail(on, epoch, sequence)
		}
	}
}

func (in *intake) receiveTail(on *route, epoch, sequence int64) {
	if on.tracker.Epoch != epoch {
		// Whatever was published so far did not arrive; how much that is nobody can tell.
		if on.tracker.Snapshot(epoch, sequence).Verdict == VerdictRestart {
			in.fetchStart(on, epoch, sequence)
		}
		on.beginAnew()
		if !on.isBaseline {
			in.ask(on)
		}
		return
	}
	if seen := on.tracker.Tail(epoch, sequence); seen.Verdict == VerdictGap {
		in.noteGap(on, epoch, span{seen.FirstMissing, seen.LastMissing})
	}
}
