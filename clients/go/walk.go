package gatewayclient

import (
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Whether bytes are one whole value, without making anything of them: the reader asks it of every frame.

// isWhole tells whether a body is one value of the contract's types, to its end and not beyond. Whether
// it is what its message must be is found when it is decoded.
func isWhole(body []byte) bool { return passOver(body, 0, 1) == len(body) }

// passOver returns where the value at a position ends; -1 when it is none, or not all there.
func passOver(data []byte, at, level int) int {
	if at < 0 || at >= len(data) {
		return -1
	}
	code := data[at]
	at++
	switch {
	case code <= msgpcode.PosFixedNumHigh, code >= msgpcode.NegFixedNumLow:
		return at
	case msgpcode.IsFixedMap(code):
		return passOverMany(data, at, int(code&msgpcode.FixedMapMask), level, true)
	case msgpcode.IsFixedArray(code):
		return passOverMany(data, at, int(code&msgpcode.FixedArrayMask), level, false)
	case msgpcode.IsFixedString(code):
		return passOverText(data, at, int(code&msgpcode.FixedStrMask))
	}
	switch code {
	case msgpcode.Nil, msgpcode.False, msgpcode.True:
		return at
	case msgpcode.Uint8, msgpcode.Int8:
		return within(data, at+1)
	case msgpcode.Uint16, msgpcode.Int16:
		return within(data, at+2)
	case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
		return within(data, at+4)
	case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
		return within(data, at+8)
	}
	width := widthOf(code)
	if width == 0 || within(data, at+width) < 0 {
		return -1
	}
	size := 0
	for _, digit := range data[at : at+width] {
		size = size<<8 | int(digit)
	}
	at += width
	switch code {
	case msgpcode.Str8, msgpcode.Str16, msgpcode.Str32:
		return passOverText(data, at, size)
	}
	return passOverMany(data, at, size, level, code == msgpcode.Map16 || code == msgpcode.Map32)
}

// widthOf is how many bytes of a length follow a code; 0 for what is not in the contract.
func widthOf(code byte) int {
	switch code {
	case msgpcode.Str8:
		return 1
	case msgpcode.Str16, msgpcode.Array16, msgpcode.Map16:
		return 2
	case msgpcode.Str32, msgpcode.Array32, msgpcode.Map32:
		return 4
	}
	return 0
}

func within(data []byte, end int) int {
	if end > len(data) {
		return -1
	}
	return end
}

func passOverText(data []byte, at, size int) int {
	// Compared this way round, a size cannot run over where an int has 32 bits.
	if size < 0 || size > len(data)-at || !utf8.Valid(data[at:at+size]) {
		return -1
	}
	return at + size
}

func passOverMany(data []byte, at, count, level int, isMap bool) int {
	if count < 0 || count > len(data)-at || level > NestingLevelsMax {
		return -1
	}
	for i := 0; i < count; i++ {
		if isMap {
			if at >= len(data) || !msgpcode.IsString(data[at]) {
				return -1
			}
			at = passOver(data, at, level+1)
		}
		if at = passOver(data, at, level+1); at < 0 {
			return -1
		}
	}
	return at
}
