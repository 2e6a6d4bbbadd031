package gatewayclient

import "math"

// What a BookMirror holds.

// Kind is `order` or `depth`.
func (m *BookMirror) Kind() string { return m.kind }

// Symbol is the vendor's spelling.
func (m *BookMirror) Symbol() string { return m.symbol }

// Topic is what is followed.
func (m *BookMirror) Topic() string { return m.topic }

// Epoch is the gateway run the rows belong to, Unix milliseconds; absent before anything was heard.
func (m *BookMirror) Epoch() Optional[int64] { return m.epoch }

// Sequence is the last update the rows contain.
func (m *BookMirror) Sequence() int64 { return m.sequence }

// Reason is why it is not current; empty while it is.
func (m *BookMirror) Reason() string { return m.reason }

// State is that of the symbol's Level 2 data as last told by a `state`; empty before.
func (m *BookMirror) State() string { return m.state }

// LastFlags are the flags of the last message applied; FlagLast ends a group that belongs together.
func (m *BookMirror) LastFlags() Flag { return m.lastFlags }

// IsKnown tells whether anything was heard of the book: if not, that it is empty means nothing.
func (m *BookMirror) IsKnown() bool { return m.isKnown }

// IsCurrent tells whether the rows are the gateway's own at Sequence, and nothing is known to be lost.
func (m *BookMirror) IsCurrent() bool { return m.reason == "" }

// IsStale tells whether the upstream is not live, so that the book may be old although it is current.
// The symbol's `state` says so, and so does FlagStale of the last message.
func (m *BookMirror) IsStale() bool { return m.isToldStale || m.isFlaggedStale }

// Bids are the bid levels, best first; of orders, OrderCount is the number of rows at the price.
func (m *BookMirror) Bids() []PriceLevel { return m.rows.levels(SideBid, math.MaxInt) }

// Asks are the ask levels, best first; of orders, OrderCount is the number of rows at the price.
func (m *BookMirror) Asks() []PriceLevel { return m.rows.levels(SideAsk, math.MaxInt) }

// Levels are the best levels of a side, at most countMax: cheaper than all of them.
func (m *BookMirror) Levels(side Side, countMax int) []PriceLevel {
	if m.rows.sides[side] == nil || countMax <= 0 {
		return nil
	}
	return m.rows.levels(side, countMax)
}

// BestBid is the highest bid level; false when nobody buys.
func (m *BookMirror) BestBid() (PriceLevel, bool) { return m.best(SideBid) }

// BestAsk is the lowest ask level; false when nobody sells.
func (m *BookMirror) BestAsk() (PriceLevel, bool) { return m.best(SideAsk) }

func (m *BookMirror) best(side Side) (PriceLevel, bool) {
	levels := m.rows.levels(side, 1)
	if len(levels) == 0 {
		return PriceLevel{}, false
	}
	return levels[0], true
}

// IsCrossed tells whether the best bid is above the best ask.
func (m *BookMirror) IsCrossed() bool {
	bid, hasBid := m.BestBid()
	ask, hasAsk := m.BestAsk()
	return hasBid && hasAsk && bid.Price > ask.Price
}

// Orders lists the orders of a side, best price first, then by their place in the queue; nil of a mirror
// of depth, which has none.
func (m *BookMirror) Orders(side Side) []*OrderRow {
	var orders []*OrderRow
	if m.kind != KindOrder || m.rows.sides[side] == nil {
		return nil
	}
	for _, row := range m.rows.inOrder(side) {
		orders = append(orders, row.(*OrderRow))
	}
	return orders
}

// Rows lists all rows as an Image does: bids best first, then asks best first.
func (m *BookMirror) Rows() []BookRow {
	return append(m.rows.inOrder(SideBid), m.rows.inOrder(SideAsk)...)
}
