package gatewayclient

import "github.com/vmihailenco/msgpack/v5/msgpcode"

// Bodies, item by item, as the tables say.

func (c *cursor) message(base string) (Message, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	if count < headerCount {
		return nil, errHeaderSize
	}
	number, err := c.uint()
	if err != nil {
		return nil, err
	}
	found := layouts[MessageType(number)]
	if found == nil {
		return nil, errRange
	}
	message := found.make()
	header := message.Head()
	header.Type = found.number
	c.targets = header.items(c.targets[:0])
	if _, err := c.items(headerChecks[1:], c.targets[1:], headerCount-1, base); err != nil {
		return nil, err
	}
	c.targets = message.items(c.targets[:0])
	set, err := c.items(found.checks, c.targets, count-headerCount, base)
	// An empty snapshot says that nothing is known, also of what is never absent.
	isEmpty := set == 0 && header.Flags.Has(FlagSnapshot)
	if err == errMandatory && isEmpty {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	for i := len(found.checks); i < count-headerCount; i++ {
		if _, err := c.value(2, NestingLevelsMax); err != nil {
			return nil, err
		}
	}
	if c.left() > 0 {
		return nil, errTrailing
	}
	return message, nil
}

// items reads as many items as there are, at most as many as are known, and returns how many of them
// are not nil. errMandatory comes only after all of them were read.
func (c *cursor) items(checks []check, targets []any, count int, base string) (int, error) {
	set := 0
	isIncomplete := false
	for i := range checks {
		if i >= count {
			isIncomplete = isIncomplete || checks[i].isMandatory
			continue
		}
		code, err := c.peek()
		if err != nil {
			return set, err
		}
		if code == msgpcode.Nil {
			if err := c.decoder.DecodeNil(); err != nil {
				return set, err
			}
			isIncomplete = isIncomplete || checks[i].isMandatory
			continue
		}
		if err := c.into(targets[i], &checks[i], base); err != nil {
			return set, err
		}
		set++
	}
	if isIncomplete {
		return set, errMandatory
	}
	return set, nil
}

// into reads one item that is not nil.
func (c *cursor) into(target any, expected *check, base string) (err error) {
	switch t := target.(type) {
	case *Optional[float64]:
		t.value, err = c.float()
		t.isSet = true
	case *Optional[int64]:
		t.value, err = c.integer(expected.maximum)
		t.isSet = true
	case *Optional[uint64]:
		t.value, err = c.uint()
		t.isSet = true
	case *Optional[string]:
		t.value, err = c.someText()
		t.isSet = true
	case *Optional[bool]:
		t.value, err = c.boolean()
		t.isSet = true
	case *int64:
		*t, err = c.integer(expected.maximum)
	case *Flag:
		var bits int64
		bits, err = c.integer(expected.maximum)
		*t = Flag(bits)
	case *float64:
		*t, err = c.float()
	case *string:
		*t, err = c.someText()
	case *map[string]any:
		*t, err = c.mapping(2, NestingLevelsMax)
	case *[]string:
		*t, err = c.texts()
	case *[]PriceLevel:
		*t, err = c.levels()
	case *[]BookRow:
		*t, err = c.bookRows(base)
	default:
		panic("a field of a type without a reader: " + expected.name)
	}
	return err
}

func (c *cursor) integer(maximum uint64) (int64, error) {
	value, err := c.uint()
	if err == nil && value > maximum {
		return 0, errRange
	}
	return int64(value), err
}

func (c *cursor) texts() ([]string, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		text, err := c.someText()
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func (c *cursor) levels() ([]PriceLevel, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	levels := make([]PriceLevel, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		levels = append(levels, PriceLevel{})
		if err := c.row(levelChecks, &levels[i]); err != nil {
			return nil, err
		}
	}
	return levels, nil
}

func (c *cursor) bookRows(base string) ([]BookRow, error) {
	count, err := c.arrayLen()
	if err != nil {
		return nil, err
	}
	rows := make([]BookRow, 0, least(count, capacityMax))
	for i := 0; i < count; i++ {
		var row BookRow = &DepthRow{}
		checks := depthChecks
		if base == KindOrder {
			row, checks = &OrderRow{}, orderChecks
		}
		if err := c.row(checks, row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// row reads an array within an item; it may be longer than is known, too.
func (c *cursor) row(checks []check, row interface{ items(to []any) []any }) error {
	count, err := c.arrayLen()
	if err != nil {
		return err
	}
	c.rows = row.items(c.rows[:0])
	if _, err := c.items(checks, c.rows, count, ""); err == errMandatory {
		return errRowMandatory // No empty snapshot excuses it.
	} else if err != nil {
		return err
	}
	for i := len(checks); i < count; i++ {
		if _, err := c.value(4, NestingLevelsMax); err != nil {
			return err
		}
	}
	return nil
}

// mergedOf reads how many updates a body stands for; 1 where it does not say.
func mergedOf(body []byte, index int) int64 {
	if index == 0 {
		return 1
	}
	c := openCursor(body)
	defer c.close()
	count, err := c.arrayLen()
	for i := 0; err == nil && i < count; i++ {
		if i == index {
			if value, err := c.integer(integerMaximum["count"]); err == nil && value > 0 {
				return value
			}
			return 1
		}
		_, err = c.value(2, NestingLevelsMax)
	}
	return 1
}
