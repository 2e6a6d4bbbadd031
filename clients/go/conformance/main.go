// Command conformance answers cases on its standard input, one JSON line each, so that every language's
// client can be held to the same behavior.
//
// Usage: conformance vectors | live | bench MODE ENDPOINT COUNT
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	client "iqfeed-gateway/clients/go"
)

// lineBytesMax bounds a line of standard input: the longest frame, in hexadecimal.
const lineBytesMax = 2*client.FrameBytesMax + 4096

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "vectors":
		return eachLine(answerVector)
	case len(arguments) == 1 && arguments[0] == "live":
		return live()
	case len(arguments) == 4 && arguments[0] == "bench":
		return bench(arguments[1], arguments[2], arguments[3])
	}
	return errors.New("usage: conformance vectors | live | bench MODE ENDPOINT COUNT")
}

// eachLine answers every line of standard input with one of standard output, until false.
func eachLine(answer func(line []byte) (result any, goesOn bool, err error)) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		result, goesOn, err := answer(lines.Bytes())
		if err != nil {
			return err
		}
		if err := say(result); err != nil || !goesOn {
			return err
		}
	}
	return lines.Err()
}

func say(result any) error {
	line, err := json.Marshal(result)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	return err
}

func answerVector(line []byte) (any, bool, error) {
	var vector struct {
		ID    any    `json:"id"`
		Frame string `json:"frame"`
	}
	if err := json.Unmarshal(line, &vector); err != nil {
		return nil, false, err
	}
	frame, err := hex.DecodeString(vector.Frame)
	if err != nil {
		return nil, false, err
	}
	message, err := client.DecodeFrame(frame)
	if err != nil {
		return map[string]any{"id": vector.ID, "result": "invalid", "error": codeOf(err)}, true, nil
	}
	return map[string]any{"id": vector.ID, "result": "valid", "message": spelledMessage(message)}, true, nil
}

func codeOf(err error) string {
	var known client.ClientError
	if errors.As(err, &known) {
		return known.Code()
	}
	return err.Error()
}
