package gatewayclient

import (
	"bytes"
	"math"
	"strconv"
)

// Data frames to typed messages: strict about what is there, open to what is appended.
//
// A frame is `kind,symbol,body` with a msgpack array for a body. Extra items at its end are ignored,
// missing ones are absent; a wrong type, NaN, infinity or a number out of range is a DecodeError, and
// so is a kind whose type number belongs to another kind. Which items a message has, of which type,
// and which of them may be absent is read from the generated tables.

// Item is what a stream brings: a Message of the gateway or an event of the client's own.
type Item interface {
	isItem()
}

// Message is a message of the gateway: *Quote, *Trade, *Book, ...
type Message interface {
	Item
	// Head returns what every message begins with.
	Head() *Header
	items(to []any) []any
}

// Head returns the header itself.
func (r *Header) Head() *Header { return r }

func (r *Header) isItem() {}

// BookRow is one row of an Image: a *DepthRow or an *OrderRow.
type BookRow interface {
	isBookRow()
	items(to []any) []any
}

func (r *DepthRow) isBookRow() {}

func (r *OrderRow) isBookRow() {}

// Has tells whether all bits of other are set.
func (f Flag) Has(other Flag) bool { return f&other == other }

const resentFlags = FlagReplay | FlagBackfill

// ToDecimal spells a price as the exact decimal number the vendor sent: the shortest that reads back
// as the same double, without trailing zeros or exponent. NaN and infinity, which no message holds,
// are a DecodeError.
func ToDecimal(price float64) (string, error) {
	if math.IsNaN(price) || math.IsInf(price, 0) {
		return "", decodeError("price is not finite", "price", price)
	}
	return strconv.FormatFloat(price, 'f', -1, 64), nil
}

// DecodeFrame decodes one frame of the data socket. Kind and symbol of the message are the frame's,
// nonce and variant included.
//
// Errors: DecodeError for what is not a frame of the contract, UnknownMessageError for a kind or a
// type number of a newer gateway, which is to be skipped.
func DecodeFrame(frame []byte) (Message, error) {
	if len(frame) > FrameBytesMax {
		return nil, decodeError("frame is too long", "bytes", len(frame))
	}
	symbolAt, bodyAt := splitTopic(frame)
	if bodyAt < 0 {
		return nil, decodeError("frame does not begin with a topic", "frame", frame)
	}
	text := string(frame[:bodyAt])
	topic, err := parseTopic(text[:symbolAt-1], text[symbolAt:bodyAt-1])
	if err != nil {
		return nil, err
	}
	head, err := readHead(frame[bodyAt:])
	if err != nil {
		return nil, decodeError("not a frame", "frame", frame, "cause", err)
	}
	if layouts[head.number] == nil {
		if err := checkBody(frame[bodyAt:]); err != nil {
			return nil, decodeError("not a frame", "frame", frame, "cause", err)
		}
		return nil, unknownMessage("unknown type number", "type", head.number, "topic", text)
	}
	if !topic.mayCarry(head.number) {
		return nil, decodeError("kind and type number do not match", "topic", text, "type", head.number)
	}
	return decodeBody(topic.kind, topic.base, topic.symbol, frame[bodyAt:])
}

// splitTopic finds where the symbol and the body begin; both are -1 without two commas.
func splitTopic(frame []byte) (symbolAt, bodyAt int) {
	first := bytes.IndexByte(frame, ',')
	if first < 0 {
		return -1, -1
	}
	second := bytes.IndexByte(frame[first+1:], ',')
	if second < 0 {
		return -1, -1
	}
	return first + 1, first + second + 2
}

func (t frameTopic) mayCarry(number MessageType) bool {
	if t.base == KindImage {
		return false
	}
	if number == MessageTypeState && t.isPrivate {
		return true
	}
	name := t.base
	if name == KindSys {
		name = t.symbol
	}
	return carries(name, number)
}

func carries(name string, number MessageType) bool {
	for _, carried := range typesOfTopic[name] {
		if carried == number {
			return true
		}
	}
	return false
}

// head is what sequence tracking needs of a body.
type head struct {
	number   MessageType
	epoch    int64
	sequence int64
	flags    Flag
	recvUs   int64
}

// readHead reads the beginning of a body, and nothing behind it.
func readHead(body []byte) (head, error) {
	c := openCursor(body)
	defer c.close()
	count, err := c.arrayLen()
	if err != nil {
		return head{}, err
	}
	if count < headerCount {
		return head{}, errHeaderSize
	}
	var items [5]int64
	for i := range items {
		value, err := c.uint()
		if err != nil {
			return head{}, err
		}
		if value > headerChecks[i].maximum {
			return head{}, errRange
		}
		items[i] = int64(value)
	}
	return head{MessageType(items[0]), items[1], items[2], Flag(items[3]), items[4]}, nil
}

// checkBody judges a body of an unknown type number: corrupt bytes are no news from a newer gateway.
func checkBody(body []byte) error {
	c := openCursor(body)
	defer c.close()
	if _, err := c.value(1, NestingLevelsMax); err != nil {
		return err
	}
	if c.left() > 0 {
		return errTrailing
	}
	return nil
}

// decodeBody decodes a body of a known type number; base decides how the rows of an image are laid out.
func decodeBody(kind, base, symbol string, body []byte) (Message, error) {
	c := openCursor(body)
	defer c.close()
	message, err := c.message(base)
	if err != nil {
		return nil, decodeError("body breaks the contract", "kind", kind, "symbol", symbol,
			"cause", err, "body", body)
	}
	header := message.Head()
	header.Kind, header.Symbol = kind, symbol
	return message, nil
}
