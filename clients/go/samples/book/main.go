// Command book follows the order book of a future and prints its three best levels ten times.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	client "iqfeed-gateway/clients/go"
)

const (
	symbol   = "@ESZ26"
	linesMax = 10
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
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
	orders, err := client.NewBookMirror("order", symbol, 0)
	if err != nil {
		return err
	}
	if _, err := gateway.SubscribeSymbol(ctx, symbol, "order", "state"); err != nil {
		return err
	}
	for lines := 0; lines < linesMax; {
		item, err := gateway.Next(ctx)
		if err != nil {
			return err
		}
		isChanged, err := orders.Apply(item)
		if err != nil {
			return err
		}
		if isChanged && orders.IsCurrent() && orders.IsKnown() && !orders.IsStale() {
			fmt.Println(spelled(orders.Levels(client.SideBid, 3)), "|", spelled(orders.Levels(client.SideAsk, 3)))
			lines++
		}
	}
	return nil
}

func spelled(levels []client.PriceLevel) string {
	text := ""
	for _, level := range levels {
		text += fmt.Sprintf(" %d@%v", level.Size, level.Price)
	}
	return text
}
