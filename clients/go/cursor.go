package gatewayclient

import (
	"bytes"
	"errors"
	"io"
	"math"
	"sync"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// A cursor walks over one msgpack value. The library's own Decode converts between types, trusts
// counts and recurses without an end, all of which a hostile or broken frame may use. So every item
// is judged by its first byte here, every count by the bytes that are left, and nesting has a limit.
// Cursors are pooled: reading allocates nothing but texts and arrays that are kept.
type cursor struct {
	data    []byte
	reader  bytes.Reader
	decoder *msgpack.Decoder
	targets []any // Where the items of a message go.
	rows    []any // Where the items of a row go.
}

const (
	replyLevelsMax = 32
	// capacityMax bounds what is allocated on the word of a count alone.
	capacityMax = 1024
)

var (
	errWrongType    = errors.New("wrong type")
	errRange        = errors.New("out of range")
	errCount        = errors.New("count is beyond the end")
	errDepth        = errors.New("nested too deep")
	errNotFinite    = errors.New("number is not finite")
	errText         = errors.New("text is not UTF-8")
	errEmptyText    = errors.New("text is empty")
	errMapKey       = errors.New("map key is not text")
	errMandatory    = errors.New("mandatory item is missing")
	errRowMandatory = errors.New("mandatory item of a row is missing")
	errTrailing     = errors.New("bytes behind the value")
	errHeaderSize   = errors.New("header is not complete")
)

var cursors = sync.Pool{New: func() any {
	c := &cursor{}
	c.decoder = msgpack.NewDecoder(&c.reader)
	return c
}}

func openCursor(data []byte) *cursor {
	c := cursors.Get().(*cursor)
	c.data = data
	c.reader.Reset(data)
	return c
}

func (c *cursor) close() {
	c.data = nil
	c.reader.Reset(nil)
	// What they point at must not be kept alive by the pool.
	for i := range c.targets {
		c.targets[i] = nil
	}
	for i := range c.rows {
		c.rows[i] = nil
	}
	cursors.Put(c)
}

func (c *cursor) left() int { return c.reader.Len() }

func (c *cursor) position() int { return len(c.data) - c.reader.Len() }

func (c *cursor) peek() (byte, error) {
	if at := c.position(); at < len(c.data) {
		return c.data[at], nil
	}
	return 0, errCount
}

// takeNil reads a nil, if that is what comes next.
func (c *cursor) takeNil() (bool, error) {
	code, err := c.peek()
	if err != nil || code != msgpcode.Nil {
		return false, err
	}
	return true, c.decoder.DecodeNil()
}

func (c *cursor) arrayLen() (int, error) {
	code, err := c.peek()
	if err != nil {
		return 0, err
	}
	if !msgpcode.IsFixedArray(code) && code != msgpcode.Array16 && code != msgpcode.Array32 {
		return 0, errWrongType
	}
	return c.counted(c.decoder.DecodeArrayLen())
}

func (c *cursor) mapLen() (int, error) {
	code, err := c.peek()
	if err != nil {
		return 0, err
	}
	if !msgpcode.IsFixedMap(code) && code != msgpcode.Map16 && code != msgpcode.Map32 {
		return 0, errWrongType
	}
	count, err := c.counted(c.decoder.DecodeMapLen())
	if err == nil && count > c.left()/2 {
		return 0, errCount
	}
	return count, err
}

// counted refuses a count that the bytes left cannot hold: every item takes one at least.
func (c *cursor) counted(count int, err error) (int, error) {
	if err == nil && (count < 0 || count > c.left()) {
		return 0, errCount
	}
	return count, err
}

// uint reads an integer that is not negative, in any legal width.
func (c *cursor) uint() (uint64, error) {
	code, err := c.peek()
	if err != nil {
		return 0, err
	}
	switch {
	case code <= msgpcode.PosFixedNumHigh, code >= msgpcode.Uint8 && code <= msgpcode.Uint64:
		return c.decoder.DecodeUint64()
	case code >= msgpcode.Int8 && code <= msgpcode.Int64, code >= msgpcode.NegFixedNumLow:
		value, err := c.decoder.DecodeInt64()
		if err == nil && value < 0 {
			return 0, errRange
		}
		return uint64(value), err
	}
	return 0, errWrongType
}

func (c *cursor) float() (float64, error) {
	code, err := c.peek()
	if err != nil {
		return 0, err
	}
	if code != msgpcode.Double && code != msgpcode.Float {
		return 0, errWrongType
	}
	value, err := c.decoder.DecodeFloat64()
	if err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
		return 0, errNotFinite
	}
	return value, err
}

func (c *cursor) boolean() (bool, error) {
	code, err := c.peek()
	if err != nil {
		return false, err
	}
	if code != msgpcode.True && code != msgpcode.False {
		return false, errWrongType
	}
	return c.decoder.DecodeBool()
}

// text reads text that may be empty.
func (c *cursor) text() (string, error) {
	code, err := c.peek()
	if err != nil {
		return "", err
	}
	if !msgpcode.IsString(code) {
		return "", errWrongType
	}
	size, err := c.counted(c.decoder.DecodeBytesLen())
	if err != nil {
		return "", err
	}
	at := c.position()
	raw := c.data[at : at+size]
	if !utf8.Valid(raw) {
		return "", errText
	}
	_, err = c.reader.Seek(int64(size), io.SeekCurrent)
	return string(raw), err
}

// someText reads text that is not empty.
func (c *cursor) someText() (string, error) {
	text, err := c.text()
	if err == nil && text == "" {
		return "", errEmptyText
	}
	return text, err
}

// value reads anything the contract knows: nil, bool, int64, uint64 (above 2^63-1), float64, string,
// []any or map[string]any.
//
// level is that of the value, 1 for the outermost; levelsMax the deepest array or map.
func (c *cursor) value(level, levelsMax int) (any, error) {
	code, err := c.peek()
	if err != nil {
		return nil, err
	}
	switch {
	case code == msgpcode.Nil:
		return nil, c.decoder.DecodeNil()
	case code == msgpcode.True || code == msgpcode.False:
		return c.decoder.DecodeBool()
	case code == msgpcode.Float || code == msgpcode.Double:
		return c.float()
	case msgpcode.IsString(code):
		return c.text()
	case msgpcode.IsFixedArray(code) || code == msgpcode.Array16 || code == msgpcode.Array32:
		return c.array(level, levelsMax)
	case msgpcode.IsFixedMap(code) || code == msgpcode.Map16 || code == msgpcode.Map32:
		return c.mapping(level, levelsMax)
	case code >= msgpcode.NegFixedNumLow, code >= msgpcode.Int8 && code <= msgpcode.Int64:
		return c.decoder.DecodeInt64()
	}
	number, err := c.uint()
	if err == nil && number <= math.MaxInt64 {
		return int64(number), nil
	}
	return number, err
}

func (c *cursor) array(level, levelsMax int) (any, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	if level > levelsMax {
		return nil, errDepth
	}
	values := make([]any, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		value, err := c.value(level+1, levelsMax)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func (c *cursor) mapping(level, levelsMax int) (map[string]any, error) {
	count, err := c.mapLen()
	if err != nil {
		return nil, err
	}
	if level > levelsMax {
		return nil, errDepth
	}
	values := make(map[string]any, least(count, capacityMax))
	for i := 0; i < count; i++ {
		key, err := c.text()
		if err == errWrongType {
			return nil, errMapKey
		}
		if err != nil {
			return nil, err
		}
		if values[key], err = c.value(level+1, levelsMax); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// raw passes over one value and returns its bytes.
func (c *cursor) raw(level, levelsMax int) ([]byte, error) {
	start := c.position()
	if _, err := c.value(level, levelsMax); err != nil {
		return nil, err
	}
	return c.data[start:c.position()], nil
}
