// Command snapshot prints the last values of one symbol, fetched by one request.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	client "iqfeed-gateway/clients/go"
)

const (
	// headerFields come first in every message: where it belongs and when it was made.
	headerFields = 8
	// linesMax bounds what is printed of each message.
	linesMax = 5
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	options, err := client.OptionsFromEnvironment()
	if err != nil {
		return err
	}
	gateway, err := client.NewGatewayClient(options)
	if err != nil {
		return err
	}
	if err := gateway.Connect(ctx); err != nil {
		return err
	}
	defer gateway.Disconnect()
	// Only what somebody watches has a value: hold the symbol until its first summary has come.
	if _, err := gateway.SubscribeSymbol(ctx, "AAPL", "quote", "summary"); err != nil {
		return err
	}
	for isThere := false; !isThere; {
		item, err := gateway.Next(ctx)
		if err != nil {
			return err
		}
		summary, isSummary := item.(*client.Summary)
		isThere = isSummary && summary.Last.IsSet()
	}
	messages, err := gateway.Snapshot(ctx, "quote,AAPL,", "summary,AAPL,")
	if err != nil {
		return err
	}
	for _, message := range messages {
		lines := 0
		for _, field := range client.FieldsOf(message)[headerFields:] {
			if field.Value != nil && lines < linesMax {
				fmt.Println(client.NameOf(message), field.Name, field.Value)
				lines++
			}
		}
	}
	return nil
}
