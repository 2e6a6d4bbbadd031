package main

import (
	"encoding/json"
	"strconv"

	client "iqfeed-gateway/clients/go"
)

// spelled turns a value into what the test vectors write: integers as decimal strings, since JSON
// numbers lose precision above 2^53, floats as numbers, absent as null.
func spelled(value any) any {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case []string:
		return spelledList(v)
	case []any:
		return spelledList(v)
	case []client.PriceLevel:
		levels := make([]any, len(v))
		for i, level := range v {
			levels[i] = spelledLevel(level)
		}
		return levels
	case []client.BookRow:
		rows := make([]any, len(v))
		for i, row := range v {
			rows[i] = spelledRow(row)
		}
		return rows
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, item := range v {
			fields[name] = spelled(item)
		}
		return fields
	}
	return value
}

func spelledList[T any](values []T) []any {
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = spelled(value)
	}
	return list
}

func spelledLevel(level client.PriceLevel) []any {
	var count any
	if number, ok := level.OrderCount.Get(); ok {
		count = spelled(number)
	}
	return []any{spelled(level.Price), spelled(level.Size), count}
}

func spelledRow(row client.BookRow) []any {
	var items []any
	for _, field := range client.FieldsOfRow(row) {
		items = append(items, spelled(field.Value))
	}
	return items
}

func spelledMessage(message client.Message) map[string]any {
	fields := map[string]any{}
	for _, field := range client.FieldsOf(message) {
		fields[field.Name] = spelled(field.Value)
	}
	return fields
}
