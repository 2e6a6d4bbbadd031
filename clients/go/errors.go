package gatewayclient

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Every error the client makes on purpose is a ClientError:
//
//	InvalidArgumentError
//	└── SecurityValidationError
//	NotConnectedError
//	RequestTimedOutError (also context.DeadlineExceeded), RequestRefusedError
//	DecodeError, UnknownMessageError
//	SequenceGapError
//
// Its text holds facts in quotes, bounded, so that a hostile value can neither flood nor forge a
// line of a log. A canceled context comes back as context.Canceled.

const factCharactersMax = 200

// ClientError is every error of this package.
type ClientError interface {
	error
	// Code is stable: the gateway's own code where it answered, lower_snake names of ours elsewhere.
	Code() string
	// Hint says what to do next.
	Hint() string
}

// problem is what all errors have in common.
type problem struct {
	text  string
	code  string
	hint  string
	facts []any // Names and values in turn.
}

// Error spells what happened, with the facts that show it.
func (p *problem) Error() string {
	if len(p.facts) == 0 {
		return p.text
	}
	parts := make([]string, 0, len(p.facts)/2)
	for i := 0; i+1 < len(p.facts); i += 2 {
		parts = append(parts, fmt.Sprintf("%v=%s", p.facts[i], bounded(p.facts[i+1])))
	}
	return p.text + " (" + strings.Join(parts, ", ") + ")"
}

// Code returns the stable code.
func (p *problem) Code() string { return p.code }

// Hint says what to do.
func (p *problem) Hint() string { return p.hint }

func bounded(value any) string {
	var text string
	switch v := value.(type) {
	case string:
		text = strconv.QuoteToASCII(v[:least(len(v), factCharactersMax+1)])
	case []byte:
		text = strconv.QuoteToASCII(string(v[:least(len(v), factCharactersMax+1)]))
	case int, int64, uint64, bool, MessageType:
		return fmt.Sprint(v)
	default:
		text = strconv.QuoteToASCII(fmt.Sprint(v))
	}
	if len(text) <= factCharactersMax {
		return text
	}
	return text[:factCharactersMax] + "..."
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// InvalidArgumentError: an argument that can never be right; nothing was sent.
type InvalidArgumentError struct{ problem }

// SecurityValidationError: a symbol that must not reach the gateway; nothing was sent. It is an
// InvalidArgumentError too.
type SecurityValidationError struct{ problem }

// Unwrap lets errors.As find the InvalidArgumentError.
func (e *SecurityValidationError) Unwrap() error { return &InvalidArgumentError{e.problem} }

// NotConnectedError: the client is not connected, or lost the gateway while the call was under way.
type NotConnectedError struct{ problem }

// RequestTimedOutError: the answer did not come in time; the gateway may still have acted on it.
type RequestTimedOutError struct{ problem }

// Is makes it a context.DeadlineExceeded.
func (e *RequestTimedOutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout says that it is one, as net.Error does.
func (e *RequestTimedOutError) Timeout() bool { return true }

// RequestRefusedError: the gateway answered with an error.
type RequestRefusedError struct {
	problem
	// Message is the gateway's text.
	Message string
	// RetryMs is when a retry may succeed, milliseconds; absent when a retry is pointless.
	RetryMs Optional[int64]
	// Details is what the gateway adds, by name; nil when nothing.
	Details map[string]any
	// Method is the method that was called.
	Method string
}

// DecodeError: bytes that are not a message of the wire contract. Its code is `malformed`.
type DecodeError struct{ problem }

// UnknownMessageError: a kind or type number this version does not know: skip the message.
type UnknownMessageError struct{ problem }

// SequenceGapError: updates of a book are missing; its mirror is not current until an image comes.
type SequenceGapError struct {
	problem
	// Topic the updates were published on.
	Topic string
	// FirstMissing is the sequence of the first missing update.
	FirstMissing int64
	// LastMissing is the sequence of the last missing update.
	LastMissing int64
}

// errorFact is one line of the generated table.
type errorFact struct {
	code        ErrorCode
	hint        string
	isRetryable bool
}

const (
	hintArgument     = "Correct the named argument."
	hintNotConnected = "Call Connect first; when it failed, read LastError."
	hintCodec        = "Compare the bytes with the wire contract; gateway and client may differ in version."
)

// HintOf says what to do about a code of the gateway, and whether the same request may succeed later.
func HintOf(code ErrorCode) (hint string, isRetryable bool) {
	for _, fact := range errorFacts {
		if fact.code == code {
			return fact.hint, fact.isRetryable
		}
	}
	return "Read the gateway's log.", false
}

func invalidArgument(text, hint string, facts ...any) error {
	if hint == "" {
		hint = hintArgument
	}
	return &InvalidArgumentError{problem{text, "invalid_argument", hint, facts}}
}

func symbolRefused(text, hint string, facts ...any) error {
	if hint == "" {
		hint, _ = HintOf(ErrorCodeSymbolInvalid)
	}
	return &SecurityValidationError{problem{text, ErrorCodeSymbolInvalid, hint, facts}}
}

func notConnected(text string, facts ...any) error {
	return &NotConnectedError{problem{text, "not_connected", hintNotConnected, facts}}
}

func timedOut(text, hint string, facts ...any) error {
	if hint == "" {
		hint = "Retry; if it repeats, check that the gateway runs and read GetHealthStatus."
	}
	return &RequestTimedOutError{problem{text, ErrorCodeTimeout, hint, facts}}
}

func decodeError(text string, facts ...any) error {
	return &DecodeError{problem{text, "malformed", hintCodec, facts}}
}

func unknownMessage(text string, facts ...any) error {
	hint := "A newer gateway may send it; skip the message or update the client."
	return &UnknownMessageError{problem{text, "unknown_message", hint, facts}}
}

func sequenceGap(topic string, first, last int64) *SequenceGapError {
	hint := "Ask for an image of the topic and apply it; updates may be applied meanwhile."
	facts := []any{"topic", topic, "first_missing", first, "last_missing", last}
	return &SequenceGapError{problem{"updates are missing", "sequence_gap", hint, facts}, topic, first, last}
}

func (e *SequenceGapError) reason() string {
	if e.FirstMissing == e.LastMissing {
		return fmt.Sprintf("update %d is missing", e.FirstMissing)
	}
	return fmt.Sprintf("updates %d to %d are missing", e.FirstMissing, e.LastMissing)
}
