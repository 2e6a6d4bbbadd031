package gatewayclient

import (
	"bytes"
	"math"
	"strconv"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
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

// fieldSpec is one item of a body, as generated.
type fieldSpec struct {
	name        string
	kind        string
	isMandatory bool
}

// messageSpec is one message, as generated.
type messageSpec struct {
	number MessageType
	name   string
	role   string
	make   func() Message
	fields []fieldSpec
}

// topicType is what a kind, or a name of a sys topic, may carry, as generated.
type topicType struct {
	name  string
	types []MessageType
}

// integerRange is the bounds of a type of integer, as generated.
type integerRange struct {
	kind    string
	minimum uint64
	maximum uint64
}

// layout is a messageSpec prepared for reading.
type layout struct {
	messageSpec
	checks      []check
	mergedIndex int // Item that counts merged updates; 0 when there is none.
}

// check is a fieldSpec prepared for reading.
type check struct {
	name        string
	maximum     uint64
	isMandatory bool
}

const headerCount = 6

var (
	integerMaximum = func() map[string]uint64 {
		maximum := map[string]uint64{}
		for _, entry := range integerRanges {
			maximum[entry.kind] = entry.maximum
		}
		return maximum
	}()
	headerChecks = checksOf(headerFields)
	levelChecks  = checksOf(levelFields)
	layouts      = layoutsOf(messageSpecs)
	depthChecks  = layouts[MessageTypeDepth].checks
	orderChecks  = layouts[MessageTypeOrder].checks
	typesOfTopic = func() map[string][]MessageType {
		types := map[string][]MessageType{}
		for _, entry := range topicTypes {
			types[entry.name] = entry.types
		}
		return types
	}()
)

func checksOf(fields []fieldSpec) []check {
	checks := make([]check, len(fields))
	for i, field := range fields {
		checks[i] = check{field.name, integerMaximum[field.kind], field.isMandatory}
	}
	return checks
}

func layoutsOf(specs []messageSpec) map[MessageType]*layout {
	found := make(map[MessageType]*layout, len(specs))
	for _, spec := range specs {
		prepared := &layout{messageSpec: spec, checks: checksOf(spec.fields)}
		for i, field := range spec.fields {
			if field.name == "merged" {
				prepared.mergedIndex = headerCount + i
			}
		}
		found[spec.number] = prepared
	}
	return found
}

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

func (c *cursor) message(base string) (Message, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	if count < headerCount {
		return nil, errHeaderSize
	}
	number, err := c.uint()
	if err != nil {
		return nil, err
	}
	found := layouts[MessageType(number)]
	if found == nil {
		return nil, errRange
	}
	message := found.make()
	header := message.Head()
	header.Type = found.number
	c.targets = header.items(c.targets[:0])
	if _, err := c.items(headerChecks[1:], c.targets[1:], headerCount-1, base); err != nil {
		return nil, err
	}
	c.targets = message.items(c.targets[:0])
	set, err := c.items(found.checks, c.targets, count-headerCount, base)
	// An empty snapshot says that nothing is known, also of what is never absent.
	isEmpty := set == 0 && header.Flags.Has(FlagSnapshot)
	if err == errMandatory && isEmpty {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	for i := len(found.checks); i < count-headerCount; i++ {
		if _, err := c.value(2, NestingLevelsMax); err != nil {
			return nil, err
		}
	}
	if c.left() > 0 {
		return nil, errTrailing
	}
	return message, nil
}

// items reads as many items as there are, at most as many as are known, and returns how many of them
// are not nil. errMandatory comes only after all of them were read.
func (c *cursor) items(checks []check, targets []any, count int, base string) (int, error) {
	set := 0
	isIncomplete := false
	for i := range checks {
		if i >= count {
			isIncomplete = isIncomplete || checks[i].isMandatory
			continue
		}
		code, err := c.peek()
		if err != nil {
			return set, err
		}
		if code == msgpcode.Nil {
			if err := c.decoder.DecodeNil(); err != nil {
				return set, err
			}
			isIncomplete = isIncomplete || checks[i].isMandatory
			continue
		}
		if err := c.into(targets[i], &checks[i], base); err != nil {
			return set, err
		}
		set++
	}
	if isIncomplete {
		return set, errMandatory
	}
	return set, nil
}

// into reads one item that is not nil.
func (c *cursor) into(target any, expected *check, base string) (err error) {
	switch t := target.(type) {
	case *Optional[float64]:
		t.value, err = c.float()
		t.isSet = true
	case *Optional[int64]:
		t.value, err = c.integer(expected.maximum)
		t.isSet = true
	case *Optional[uint64]:
		t.value, err = c.uint()
		t.isSet = true
	case *Optional[string]:
		t.value, err = c.someText()
		t.isSet = true
	case *Optional[bool]:
		t.value, err = c.boolean()
		t.isSet = true
	case *int64:
		*t, err = c.integer(expected.maximum)
	case *Flag:
		var bits int64
		bits, err = c.integer(expected.maximum)
		*t = Flag(bits)
	case *float64:
		*t, err = c.float()
	case *string:
		*t, err = c.someText()
	case *map[string]any:
		*t, err = c.mapping(2, NestingLevelsMax)
	case *[]string:
		*t, err = c.texts()
	case *[]PriceLevel:
		*t, err = c.levels()
	case *[]BookRow:
		*t, err = c.bookRows(base)
	default:
		panic("a field of a type without a reader: " + expected.name)
	}
	return err
}

func (c *cursor) integer(maximum uint64) (int64, error) {
	value, err := c.uint()
	if err == nil && value > maximum {
		return 0, errRange
	}
	return int64(value), err
}

func (c *cursor) texts() ([]string, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		text, err := c.someText()
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func (c *cursor) levels() ([]PriceLevel, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	levels := make([]PriceLevel, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		levels = append(levels, PriceLevel{})
		if err := c.row(levelChecks, &levels[i]); err != nil {
			return nil, err
		}
	}
	return levels, nil
}

func (c *cursor) bookRows(base string) ([]BookRow, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	rows := make([]BookRow, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		var row BookRow = &DepthRow{}
		checks := depthChecks
		if base == KindOrder {
			row, checks = &OrderRow{}, orderChecks
		}
		if err := c.row(checks, row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// row reads an array within an item; it may be longer than is known, too.
func (c *cursor) row(checks []check, row interface{ items(to []any) []any }) error {
	count, err := c.arrayLen()
	if err != nil {
		return err
	}
	c.rows = row.items(c.rows[:0])
	if _, err := c.items(checks, c.rows, count, ""); err == errMandatory {
		return errRowMandatory // No empty snapshot excuses it.
	} else if err != nil {
		return err
	}
	for i := len(checks); i < count; i++ {
		if _, err := c.value(4, NestingLevelsMax); err != nil {
			return err
		}
	}
	return nil
}

// mergedOf reads how many updates a body stands for; 1 where it does not say.
func mergedOf(body []byte, index int) int64 {
	if index == 0 {
		return 1
	}
	c := openCursor(body)
	defer c.close()
	count, err := c.arrayLen()
	for i := 0; err == nil && i < count; i++ {
		if i == index {
			if value, err := c.integer(integerMaximum["count"]); err == nil && value > 0 {
				return value
			}
			return 1
		}
		_, err = c.value(2, NestingLevelsMax)
	}
	return 1
}
