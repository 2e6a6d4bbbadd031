package gatewayclient

import "sort"

// The rows of one book, added up to price levels that are always in order. No I/O.

// rowKey is what a row is known by: (side, price), the order number, or (market maker, side).
type rowKey struct {
	side     Side
	price    float64
	orderID  Optional[uint64]
	maker    Optional[string]
	hasPrice bool
}

// bookLevel is one price of one side, with the rows that stand there.
type bookLevel struct {
	rows map[rowKey]BookRow
	size int64
}

// bookSide is one side: its levels by price, and its prices in ascending order.
type bookSide struct {
	isBid  bool
	levels map[float64]*bookLevel
	prices []float64
}

func newBookSide(isBid bool) *bookSide {
	return &bookSide{isBid: isBid, levels: map[float64]*bookLevel{}}
}

func (s *bookSide) add(key rowKey, row BookRow, price float64) {
	level := s.levels[price]
	if level == nil {
		level = &bookLevel{rows: map[rowKey]BookRow{}}
		s.levels[price] = level
		at := sort.SearchFloat64s(s.prices, price)
		s.prices = append(s.prices, 0)
		copy(s.prices[at+1:], s.prices[at:])
		s.prices[at] = price
	}
	level.rows[key] = row
	level.size += sizeOf(row)
}

func (s *bookSide) remove(key rowKey, price float64) {
	level := s.levels[price]
	level.size -= sizeOf(level.rows[key])
	delete(level.rows, key)
	if len(level.rows) == 0 {
		delete(s.levels, price)
		at := sort.SearchFloat64s(s.prices, price)
		s.prices = append(s.prices[:at], s.prices[at+1:]...)
	}
}

// price is the one at a place, counted from the best.
func (s *bookSide) price(place int) float64 {
	if s.isBid {
		return s.prices[len(s.prices)-1-place]
	}
	return s.prices[place]
}

func (s *bookSide) sum(price float64) PriceLevel {
	level := s.levels[price]
	found := PriceLevel{Price: price, Size: level.size, OrderCount: Some(int64(len(level.rows)))}
	for _, row := range level.rows {
		if depth, ok := row.(*DepthRow); ok {
			found.OrderCount = depth.OrderCount
		}
		break
	}
	return found
}

// bookRows is both sides of one book.
type bookRows struct {
	rowsMax int
	rows    map[rowKey]BookRow
	sides   map[Side]*bookSide
}

func newBookRows(rowsMax int) *bookRows {
	b := &bookRows{rowsMax: rowsMax}
	b.clear()
	return b
}

func (b *bookRows) clear() {
	b.rows = map[rowKey]BookRow{}
	b.sides = map[Side]*bookSide{SideBid: newBookSide(true), SideAsk: newBookSide(false)}
}

// put adds a row with a known side, or replaces the one with its key, on whichever side that stands.
// False when it is new and there is no place for it.
func (b *bookRows) put(row BookRow, price float64) bool {
	key := keyOf(row)
	if !b.remove(key) && len(b.rows) >= b.rowsMax {
		return false
	}
	b.rows[key] = row
	b.sides[sideOf(row)].add(key, row, price)
	return true
}

// remove removes a row; tells whether there was one.
func (b *bookRows) remove(key rowKey) bool {
	row, ok := b.rows[key]
	if !ok {
		return false
	}
	delete(b.rows, key)
	price, _ := priceOf(row).Get()
	b.sides[sideOf(row)].remove(key, price)
	return true
}

// clearSide removes all rows of a side; tells whether there were any.
func (b *bookRows) clearSide(side Side) bool {
	old := b.sides[side]
	for _, level := range old.levels {
		for key := range level.rows {
			delete(b.rows, key)
		}
	}
	b.sides[side] = newBookSide(old.isBid)
	return len(old.prices) > 0
}

// levels adds up the prices of a side, best first, at most so many.
func (b *bookRows) levels(side Side, countMax int) []PriceLevel {
	chosen := b.sides[side]
	levels := make([]PriceLevel, 0, least(len(chosen.prices), countMax))
	for place := 0; place < cap(levels); place++ {
		levels = append(levels, chosen.sum(chosen.price(place)))
	}
	return levels
}

// inOrder lists the rows of a side as an Image does.
func (b *bookRows) inOrder(side Side) []BookRow {
	chosen := b.sides[side]
	var found []BookRow
	for place := range chosen.prices {
		level := chosen.levels[chosen.price(place)]
		first := len(found)
		for _, row := range level.rows {
			found = append(found, row)
		}
		at := found[first:]
		sort.Slice(at, func(i, j int) bool { return isBefore(at[i], at[j]) })
	}
	return found
}

// isBefore orders rows of one price: by priority, then number (none last), then name (none first).
func isBefore(one, other BookRow) bool {
	a, isOrder := one.(*OrderRow)
	b, areOrders := other.(*OrderRow)
	if !isOrder || !areOrders {
		return false
	}
	if a.Priority != b.Priority {
		return isSooner(a.Priority, b.Priority)
	}
	if a.OrderID != b.OrderID {
		return isSooner(a.OrderID, b.OrderID)
	}
	return !a.MarketMaker.IsSet() && b.MarketMaker.IsSet() || a.MarketMaker.Or("") < b.MarketMaker.Or("")
}

func isSooner(a, b Optional[uint64]) bool {
	if a.IsSet() != b.IsSet() {
		return a.IsSet()
	}
	return a.Or(0) < b.Or(0)
}

func keyOf(row BookRow) rowKey {
	switch r := row.(type) {
	case *DepthRow:
		price, hasPrice := r.Price.Get()
		return rowKey{side: r.Side, price: price, hasPrice: hasPrice}
	case *OrderRow:
		if r.OrderID.IsSet() {
			return rowKey{orderID: r.OrderID}
		}
		return rowKey{side: r.Side, maker: r.MarketMaker}
	}
	return rowKey{}
}

func sideOf(row BookRow) Side {
	if order, ok := row.(*OrderRow); ok {
		return order.Side
	}
	return row.(*DepthRow).Side
}

func priceOf(row BookRow) Optional[float64] {
	if order, ok := row.(*OrderRow); ok {
		return order.Price
	}
	return row.(*DepthRow).Price
}

func sizeOf(row BookRow) int64 {
	if order, ok := row.(*OrderRow); ok {
		return order.Size.Or(0)
	}
	return row.(*DepthRow).Size.Or(0)
}
