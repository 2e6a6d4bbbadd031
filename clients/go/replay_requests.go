package gatewayclient

import "errors"

// replayRequest is one request to be sent.
type replayRequest struct {
	route    *route
	epoch    int64
	asked    span
	holeLast int64 // Last sequence of the hole that asked.last is in: it may be longer than one request.
}

func (r *replayRequest) params() map[string]any {
	return map[string]any{
		"topic":         r.route.topic,
		"from_sequence": r.asked.first,
		"to_sequence":   r.asked.last,
		"epoch":         r.epoch,
	}
}

// nextRequest asks for the first hole, or as much of it as one request may, and what is close to it.
func nextRequest(line *holeLine) *replayRequest {
	first := line.holes[0]
	limit := first.first + replayMessagesMax - 1
	holeLast, last := first.last, first.last
	if last > limit {
		last = limit
	}
	for _, later := range line.holes[1:] {
		if later.last > limit || later.first-last-1 > apartMax {
			break
		}
		last, holeLast = later.last, later.last
	}
	return &replayRequest{line.route, line.epoch, span{first.first, last}, holeLast}
}

// readReplayed reads one body of an answer: one of those asked for, and behind `position`.
func readReplayed(request *replayRequest, body []byte, position int64) (*pending, error) {
	on := request.route
	head, err := readHead(body)
	if err != nil {
		return nil, err
	}
	if head.number != on.number || head.epoch != request.epoch || !head.flags.Has(FlagReplay) {
		return nil, errors.New("another type or run, or not marked as sent again")
	}
	if head.sequence <= position || head.sequence > request.asked.last {
		return nil, errors.New("not the sequence asked for")
	}
	message, err := decodeBody(on.kind, on.base, on.symbol, body)
	if err != nil {
		return nil, err
	}
	return &pending{route: on, head: head, message: message}, nil
}
