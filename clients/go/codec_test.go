package gatewayclient

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// quoteFrame is a quote as it comes off the socket.
func quoteFrame(tb testing.TB) []byte {
	tb.Helper()
	body, err := msgpack.Marshal([]any{1, 1763884800000, 7, 0, 1763884812345678, 1763884812340001, 237.97, 300,
		237.99, 500, 1763884812340000, 1763884812340001, 11, 25, 1})
	if err != nil {
		tb.Fatal(err)
	}
	return append([]byte("quote,AAPL,"), body...)
}

// The vectors are the contract: the conformance program compares every value, this the verdicts.
func TestVectorsAreJudgedAsTheContractSays(t *testing.T) {
	files, err := filepath.Glob("../../schemas/vectors/*.v*.json")
	if err != nil || len(files) == 0 {
		t.Skip("no vectors beside this checkout")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors struct {
			Tests []struct {
				ID    int
				Frame string
				Error string
			}
		}
		if err := json.Unmarshal(text, &vectors); err != nil {
			t.Fatal(err)
		}
		for _, vector := range vectors.Tests {
			frame, _ := hex.DecodeString(vector.Frame)
			_, err := DecodeFrame(frame)
			var known ClientError
			code := ""
			if errors.As(err, &known) {
				code = known.Code()
			}
			if code != vector.Error {
				t.Errorf("%s %d: %q, want %q", filepath.Base(file), vector.ID, code, vector.Error)
			}
		}
	}
}

func TestAbsentIsNeverZero(t *testing.T) {
	message, err := DecodeFrame(append([]byte("quote,AAPL,"), 0x96, 1, 2, 3, 1, 5, 0xc0))
	if err != nil {
		t.Fatal(err)
	}
	quote := message.(*Quote)
	if _, ok := quote.Bid.Get(); ok || quote.EventUs.IsSet() || quote.Bid.Or(-1) != -1 {
		t.Errorf("an empty snapshot has values: %v", quote)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	// A million levels would end the process, were they followed.
	frame := append([]byte("quote,AAPL,"), bytes.Repeat([]byte{0x91}, 1_000_000)...)
	if _, err := DecodeFrame(frame); err == nil {
		t.Error("nested without an end, and accepted")
	}
	if _, err := decodeReply(bytes.Repeat([]byte{0x81, 0xa1, 'a'}, 300_000)); err == nil {
		t.Error("a reply nested without an end was accepted")
	}
}

func TestDecimalsAreTheVendorsText(t *testing.T) {
	for price, want := range map[float64]string{0.1: "0.1", 6614.5: "6614.5", -0.25: "-0.25", 1e21: "1000000000000000000000"} {
		if got, err := ToDecimal(price); err != nil || got != want {
			t.Errorf("%v: %q, %v", price, got, err)
		}
	}
	if _, err := ToDecimal(math.NaN()); err == nil {
		t.Error("NaN is no price")
	}
}

func TestTextsOfErrorsAreBounded(t *testing.T) {
	err := decodeError("not a frame", "frame", bytes.Repeat([]byte("\n"), 100_000))
	if text := err.Error(); len(text) > 250 || bytes.ContainsRune([]byte(text), '\n') {
		t.Errorf("%d characters: %.80q", len(text), text)
	}
}

func BenchmarkDecodeFrame(b *testing.B) {
	frame := quoteFrame(b)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, err := DecodeFrame(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlainMsgpack(b *testing.B) {
	body := quoteFrame(b)[len("quote,AAPL,"):]
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		var value any
		if err := msgpack.Unmarshal(body, &value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadHead(b *testing.B) {
	body := quoteFrame(b)[len("quote,AAPL,"):]
	for i := 0; i < b.N; i++ {
		if _, err := readHead(body); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(quoteFrame(f))
	f.Fuzz(func(t *testing.T, frame []byte) {
		message, err := DecodeFrame(frame)
		if (message == nil) == (err == nil) {
			t.Errorf("%v and %v", message, err)
		}
	})
}
