package gatewayclient

import (
	"bytes"
	"errors"

	"github.com/vmihailenco/msgpack/v5"
)

// Control requests to bytes, bytes to replies.

const (
	// replyBytesMax is the longest reply that is read: 5,000 snapshots of books fit.
	replyBytesMax = 64 * 1024 * 1024
	retryMsMax    = 3_600_000
)

// outcome is how a request ended: with the method's result, still packed, or an error.
type outcome struct {
	result []byte
	err    error
}

// reply is one answer of the gateway.
type reply struct {
	id      uint64
	outcome outcome
}

// packParams packs what a caller passes, in the caller's own goroutine: the reader must not look at a map
// that its owner may change again.
func packParams(method string, params map[string]any) (msgpack.RawMessage, error) {
	if params == nil {
		params = map[string]any{}
	}
	packed, err := pack(params)
	if err != nil {
		return nil, invalidArgument("parameters cannot be packed", "", "method", method, "cause", err)
	}
	return packed.Bytes(), nil
}

func pack(value any) (*bytes.Buffer, error) {
	var packed bytes.Buffer
	encoder := msgpack.NewEncoder(&packed)
	encoder.UseCompactInts(true)
	return &packed, encoder.Encode(value)
}

// encodeRequest packs a request; params is a map, or one that is packed already.
func encodeRequest(id uint64, method string, params any, deadlineMs int64) ([]byte, error) {
	if deadlineMs < 1 {
		deadlineMs = 1
	}
	if deadlineMs > DeadlineMsMax {
		deadlineMs = DeadlineMsMax
	}
	packed, err := pack(map[string]any{
		"v": ProtocolVersion, "id": id, "method": method, "params": params, "deadline_ms": deadlineMs,
	})
	if err != nil {
		return nil, invalidArgument("parameters cannot be packed", "", "method", method, "cause", err)
	}
	if packed.Len() > RequestBytesMax {
		return nil, invalidArgument("request is too long", "Split the request.", "method", method,
			"bytes", packed.Len(), "bytes_max", RequestBytesMax)
	}
	return packed.Bytes(), nil
}

// decodeReply reads one reply; the method's result stays packed until it is known what it must be.
func decodeReply(data []byte) (reply, error) {
	if len(data) > replyBytesMax {
		return reply{}, decodeError("reply is too long", "bytes", len(data))
	}
	fields, err := rawMap(data)
	if err != nil {
		return reply{}, decodeError("not a reply", "data", data, "cause", err)
	}
	id, hasID := unpacked(fields["id"]).(int64)
	isOK, hasOK := unpacked(fields["ok"]).(bool)
	if !hasID || !hasOK {
		return reply{}, decodeError("reply lacks id or ok", "data", data)
	}
	if !isOK {
		return reply{uint64(id), outcome{err: refusal(unpacked(fields["error"]))}}, nil
	}
	return reply{uint64(id), outcome{result: fields["result"]}}, nil
}

func refusal(fields any) *RequestRefusedError {
	found, _ := fields.(map[string]any)
	text := func(name, other string) string {
		if value, ok := found[name].(string); ok {
			return value
		}
		return other
	}
	refused := newRefusal(
		text("message", "the gateway refused without saying why"),
		text("code", ErrorCodeInternal),
		text("hint", "Read the gateway's log."),
	)
	if retryMs, ok := found["retry_ms"].(int64); ok {
		if retryMs < 0 {
			retryMs = 0
		}
		if retryMs > retryMsMax {
			retryMs = retryMsMax
		}
		refused.RetryMs = Some(retryMs)
	}
	refused.Details, _ = found["details"].(map[string]any)
	return refused
}

func newRefusal(message, code, hint string) *RequestRefusedError {
	facts := []any{"code", code}
	return &RequestRefusedError{problem: problem{message, code, hint, facts}, Message: message}
}

// ofMethod names the method that was called.
func (e *RequestRefusedError) ofMethod(method string) *RequestRefusedError {
	e.Method = method
	e.facts = append(e.facts, "method", method)
	return e
}

// isAway tells whether an error says that the gateway was not reached or did not answer.
func isAway(err error) bool {
	var late *RequestTimedOutError
	var cut *NotConnectedError
	return errors.As(err, &late) || errors.As(err, &cut)
}

// refusalCode is the gateway's code; empty where it did not answer with an error.
func refusalCode(err error) string {
	var refused *RequestRefusedError
	if errors.As(err, &refused) {
		return refused.code
	}
	return ""
}

// retryMsOf is when the gateway wishes to be asked again.
func retryMsOf(err error) Optional[int64] {
	var refused *RequestRefusedError
	if errors.As(err, &refused) {
		return refused.RetryMs
	}
	return Optional[int64]{}
}

// rawMap takes a map apart; its values stay packed, and are slices of the data.
func rawMap(data []byte) (map[string][]byte, error) {
	c := openCursor(data)
	defer c.close()
	count, err := c.mapLen()
	if err != nil {
		return nil, err
	}
	fields := make(map[string][]byte, least(count, capacityMax))
	for i := 0; i < count; i++ {
		key, err := c.text()
		if err != nil {
			return nil, err
		}
		if fields[key], err = c.raw(2, replyLevelsMax); err != nil {
			return nil, err
		}
	}
	if c.left() > 0 {
		return nil, errTrailing
	}
	return fields, nil
}

// rawArray takes an array apart; its values stay packed, and are slices of the data.
func rawArray(data []byte) ([][]byte, error) {
	c := openCursor(data)
	defer c.close()
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	values := make([][]byte, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		value, err := c.raw(2, replyLevelsMax)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// unpacked reads a packed value; nil for nothing, or for what is no value of the contract.
func unpacked(data []byte) any {
	if len(data) == 0 {
		return nil
	}
	c := openCursor(data)
	defer c.close()
	value, err := c.value(1, replyLevelsMax)
	if err != nil {
		return nil
	}
	return value
}

// replayReply is what `replay` answered.
type replayReply struct {
	bodies     [][]byte // Packed, oldest first.
	isComplete bool
	oldest     Optional[int64]
}

func readReplay(result []byte) (replayReply, error) {
	fields, err := rawMap(result)
	if err != nil {
		return replayReply{}, decodeError("result is not a map", "result", result, "cause", err)
	}
	found := replayReply{isComplete: unpacked(fields["complete"]) == true}
	if oldest, ok := unpacked(fields["oldest"]).(int64); ok {
		found.oldest = Some(oldest)
	}
	if found.bodies, err = rawArray(fields["bodies"]); err != nil {
		return found, decodeError("replay without bodies", "result", result, "cause", err)
	}
	return found, nil
}
