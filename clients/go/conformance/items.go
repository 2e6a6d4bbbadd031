package main

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	client "iqfeed-gateway/clients/go"
)

// spelledItem turns a message or an event into a map: `item`, then all its fields.
func spelledItem(item client.Item) map[string]any {
	if message, ok := item.(client.Message); ok {
		fields := spelledMessage(message)
		head := message.Head()
		fields["item"] = client.NameOf(message)
		fields["topic"] = head.Kind + "," + head.Symbol + ","
		return fields
	}
	event := reflect.ValueOf(item).Elem()
	fields := map[string]any{"item": snake(event.Type().Name())}
	for i := 0; i < event.NumField(); i++ {
		name := snake(event.Type().Field(i).Name)
		switch value := event.Field(i).Interface().(type) {
		case time.Duration:
			fields[name+"_s"] = spelled(value.Seconds())
		case string:
			fields[name] = value
			if value == "" {
				fields[name] = nil
			}
		default:
			fields[name] = spelled(value)
		}
	}
	return fields
}

// snake spells a Go name as the contract does.
func snake(name string) string {
	var text strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(r))
	}
	return text.String()
}

// at finds a field of a map by its dotted name; nil when there is none.
func at(fields any, dotted string) any {
	for _, name := range strings.Split(dotted, ".") {
		switch v := fields.(type) {
		case map[string]any:
			fields = v[name]
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index < 0 || index >= len(v) {
				return nil
			}
			fields = v[index]
		default:
			return nil
		}
	}
	return fields
}

func only(fields any, names []string) map[string]any {
	chosen := map[string]any{}
	for _, name := range names {
		chosen[name] = at(fields, name)
	}
	return chosen
}

// matches compares an item with what a command asks for.
func matches(item, where map[string]any) bool {
	for name, wanted := range where {
		if name == "flags_has" || name == "flags_not" {
			flags, isMessage := item["flags"].(string)
			bits, _ := strconv.ParseInt(flags, 10, 64)
			tested, _ := strconv.ParseInt(textOf(wanted), 10, 64)
			if !isMessage || (name == "flags_has" && bits&tested != tested) || (name == "flags_not" && bits&tested != 0) {
				return false
			}
		} else if !isEqual(at(item, name), wanted) {
			return false
		}
	}
	return true
}

func textOf(value any) string {
	if number, ok := value.(float64); ok {
		return strconv.FormatInt(int64(number), 10)
	}
	text, _ := value.(string)
	return text
}

// isEqual compares by JSON, numbers as doubles.
func isEqual(one, other any) bool {
	line, err := json.Marshal(one)
	if err != nil {
		return false
	}
	var plain any
	if err := json.Unmarshal(line, &plain); err != nil {
		return false
	}
	return reflect.DeepEqual(plain, other)
}
