package gatewayclient

// Field is one item of a message or a row under its contract name.
type Field struct {
	// Name as the wire contract spells it, for example `bid_size`.
	Name string
	// Value: nil when absent; else int64, uint64, float64, string, bool, []string, []PriceLevel,
	// []BookRow or map[string]any.
	Value any
}

// FieldsOf lists the items of a message in wire order, header first: for logs, tables and files that
// do not care which message it is.
func FieldsOf(message Message) []Field {
	header := message.Head()
	fields := []Field{{"kind", header.Kind}, {"symbol", header.Symbol}}
	fields = appendFields(fields, headerFields, header.items(nil))
	return appendFields(fields, layouts[header.Type].fields, message.items(nil))
}

// FieldsOfRow lists the items of a row of an image.
func FieldsOfRow(row BookRow) []Field {
	if _, isOrder := row.(*OrderRow); isOrder {
		return appendFields(nil, layouts[MessageTypeOrder].fields, row.items(nil))
	}
	return appendFields(nil, layouts[MessageTypeDepth].fields, row.items(nil))
}

// NameOf returns the contract's name of a message, for example `quote`.
func NameOf(message Message) string { return layouts[message.Head().Type].name }

func appendFields(fields []Field, specs []fieldSpec, targets []any) []Field {
	for i, spec := range specs {
		fields = append(fields, Field{spec.name, valueAt(targets[i])})
	}
	return fields
}

func valueAt(target any) any {
	switch t := target.(type) {
	case interface{ any() any }:
		return t.any()
	case *MessageType:
		return int64(*t)
	case *Flag:
		return int64(*t)
	case *int64:
		return *t
	case *float64:
		return *t
	case *string:
		return *t
	case *[]string:
		if *t != nil {
			return *t
		}
	case *[]PriceLevel:
		if *t != nil {
			return *t
		}
	case *[]BookRow:
		if *t != nil {
			return *t
		}
	case *map[string]any:
		if *t != nil {
			return *t
		}
	}
	return nil
}
