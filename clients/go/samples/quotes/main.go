// Command quotes prints ten quotes and trades of two symbols.
package main

import (
	"context"
	"fmt"
	"log"

	client "iqfeed-gateway/clients/go"
)

func main() {
	ctx := context.Background()
	options, err := client.OptionsFromEnvironment() // tcp://127.0.0.1:7700 and :7701 by default
	check(err)
	gateway, err := client.NewGatewayClient(options)
	check(err)
	check(gateway.Connect(ctx))
	defer gateway.Disconnect()
	_, err = gateway.SubscribeSymbols(ctx, []string{"AAPL", "MSFT"}, "l1")
	check(err)
	for lines := 0; lines < 10; {
		item, err := gateway.Next(ctx)
		check(err)
		switch message := item.(type) {
		case *client.Quote:
			fmt.Println(message.Symbol, message.Bid, message.Ask)
			lines++
		case *client.Trade:
			fmt.Println(message.Symbol, message.Price, message.Size)
			lines++
		case *client.Gap:
			if message.IsFinal {
				fmt.Println("lost", message.Topic, message.FirstMissing, message.LastMissing)
			}
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
