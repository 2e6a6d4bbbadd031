package gatewayclient

import "context"

// ErrStreamEnded is what Next returns once the client is disconnected and everything was read.
var ErrStreamEnded error = &NotConnectedError{problem{"the stream has ended", "not_connected",
	"Call Connect to begin anew.", nil}}

// next takes the next message or event; the context bounds the wait.
func (e *engine) next(ctx context.Context) (Item, error) {
	for {
		switch entry := e.queue.pop().(type) {
		case *pending:
			return e.decode(entry), nil
		case Item:
			return entry, nil
		}
		mayBe, err := e.queue.wait(ctx)
		if err != nil {
			return nil, err
		}
		if !mayBe {
			if failure := e.lastFailure(); failure != nil {
				return nil, failure
			}
			return nil, ErrStreamEnded
		}
	}
}

// decode makes a message of what waited. One that cannot be read is a message lost.
func (e *engine) decode(entry *pending) Item {
	on := entry.route
	message := entry.message
	if message == nil {
		var err error
		if message, err = decodeBody(on.kind, on.base, on.symbol, entry.body); err != nil {
			e.undecodedCount.Add(1)
			e.heal(on.topic)
			return &Gap{Topic: on.topic, FirstMissing: entry.head.sequence, LastMissing: entry.head.sequence,
				Epoch: entry.head.epoch, IsFinal: !on.hasValue}
		}
	}
	header := message.Head()
	if entry.isSnapshot {
		header.Flags |= FlagSnapshot
	}
	if entry.mergedAdd > 0 {
		header.Flags |= FlagConflated
		addMerged(message, entry.mergedAdd)
	}
	return message
}

func addMerged(message Message, count int64) {
	found := layouts[message.Head().Type]
	if found.mergedIndex == 0 {
		return
	}
	if merged, ok := message.items(nil)[found.mergedIndex-headerCount].(*Optional[int64]); ok {
		*merged = Some(merged.Or(1) + count)
	}
}
