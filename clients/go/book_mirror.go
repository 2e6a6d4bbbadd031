package gatewayclient

import (
	"fmt"
	"sort"
)

// A copy of one symbol's order book, kept from an image and the updates behind it. No I/O.
//
// The image carries the sequence N of the last update it contains: updates up to N are dropped, N+1 and
// so on are applied, and a hole makes the copy not current until another image comes. Updates that
// arrive while it is not current are kept: an image that was published before them, but is handed over
// after them, is brought up to date with them. So neither the order in which image and updates arrive
// nor a late image matters; what is current is equal to the gateway's own book at Sequence.

const (
	// bookRowsMax rows are kept unless told otherwise.
	bookRowsMax = 1_000_000
	// updatesWaitingMax updates are kept while an image is awaited; beyond that the oldest are dropped.
	updatesWaitingMax = 100_000
)

// BookMirror is one symbol's `order` or `depth` topic, followed: subscribe to the topic and hand
// everything that comes to Apply. GatewayClient asks for images by itself, when it joins and after every
// kind of loss; with another source, ask for one whenever IsCurrent is false.
//
// Not for several goroutines at a time.
type BookMirror struct {
	kind, symbol, topic string
	rowsMax             int
	rows                *bookRows
	epoch               Optional[int64]
	sequence            int64
	reason              string // Why it is not current; empty while it is.
	isKnown             bool
	state               string
	lastFlags           Flag
	isToldStale         bool // By the symbol's `state`.
	isFlaggedStale      bool // By the last message since then.
	isBased             bool // The rows are those of `sequence` in `epoch`.
	waiting             map[int64]*bookUpdate
	waitingOrder        []int64 // Sequences in the order they came, some of them gone already.
}

// bookUpdate is an Order or a Depth as a mirror sees it.
type bookUpdate struct {
	head   *Header
	action string
	side   string
	row    BookRow
}

// NewBookMirror makes a mirror. kind is `order` (orders, or market makers' best rows) or `depth` (price
// levels); a book of more than rowsMax rows makes it not current; 0 stands for 1,000,000.
//
// InvalidArgumentError: another kind, or no room for rows.
func NewBookMirror(kind, symbol string, rowsMax int) (*BookMirror, error) {
	if !hasImageKind(kind) {
		return nil, invalidArgument("no kind of rows", "Use order or depth.", "kind", kind)
	}
	if rowsMax < 0 {
		return nil, invalidArgument("a mirror needs rows", "", "rowsMax", rowsMax)
	}
	if rowsMax == 0 {
		rowsMax = bookRowsMax
	}
	return &BookMirror{kind: kind, symbol: symbol, topic: topicOf(kind, symbol), rowsMax: rowsMax,
		rows: newBookRows(rowsMax), reason: "no image has come yet", waiting: map[int64]*bookUpdate{}}, nil
}

// Apply takes whatever the stream brings, messages and events alike; what is not about this book is
// ignored. It tells whether the rows may have changed.
//
// SequenceGapError: updates are missing. The mirror is not current any more: ask for an image and hand
// it over. A client's own stream tells of a loss before, by a Gap, so this is not returned there, and
// the image is on its way.
func (m *BookMirror) Apply(item Item) (bool, error) {
	switch it := item.(type) {
	case *Order:
		if m.kind != KindOrder || !m.isOurs(&it.Header) {
			return false, nil
		}
		return m.takeUpdate(&bookUpdate{&it.Header, it.Action.Or(""), it.Side.Or(""), &OrderRow{
			Action: ActionAdd, Side: it.Side.Or(""), OrderID: it.OrderID, MarketMaker: it.MarketMaker,
			Price: it.Price, Size: it.Size, Priority: it.Priority, Precision: it.Precision}})
	case *Depth:
		if m.kind != KindDepth || !m.isOurs(&it.Header) {
			return false, nil
		}
		return m.takeUpdate(&bookUpdate{&it.Header, it.Action.Or(""), it.Side.Or(""), &DepthRow{
			Action: ActionAdd, Side: it.Side.Or(""), Price: it.Price, Size: it.Size,
			OrderCount: it.OrderCount, Precision: it.Precision}})
	case *Image:
		if m.isOurs(&it.Header) {
			return m.takeImage(it)
		}
	case *State:
		if it.Symbol == m.symbol {
			m.takeState(it)
		}
	case *GatewayRestarted:
		// One that comes late, after messages of a newer run, tells nothing new.
		if epoch, ok := m.epoch.Get(); !ok || it.NewEpoch > epoch || it.OldEpoch == epoch {
			m.restart(it.NewEpoch)
			return true, nil
		}
	case *Gap:
		m.takeGap(it)
	case *Overrun:
		// When several topics lost messages, the Gaps that follow say which, as far as they go.
		if it.Topic == m.topic || it.Topic == "" && it.Unnamed > 0 {
			m.lose(fmt.Sprintf("%d messages were dropped unread", it.Dropped))
		}
	case *Disconnected:
		m.isFlaggedStale = true
		m.lose("the gateway is not heard")
	}
	return false, nil
}

func (m *BookMirror) isOurs(head *Header) bool {
	return head.Symbol == m.symbol && splitPrivate(head.Kind) == m.kind
}

// lose stops being current until an image comes.
func (m *BookMirror) lose(reason string) {
	if m.isBased {
		m.reason = reason
	}
}

// restart begins anew with another run of the gateway: what was known is of no use there.
func (m *BookMirror) restart(epoch int64) {
	if m.epoch.IsSet() {
		m.reason = "the gateway was restarted"
	}
	m.epoch = Some(epoch)
	m.sequence = 0
	m.isKnown, m.isBased = false, false
	m.state = ""
	m.isToldStale, m.isFlaggedStale = false, false
	m.rows.clear()
	m.waiting, m.waitingOrder = map[int64]*bookUpdate{}, nil
}

// isOfThisRun follows the newest run; what comes from an earlier one, or is sent again, changes none.
func (m *BookMirror) isOfThisRun(epoch int64, flags Flag) bool {
	known, isKnown := m.epoch.Get()
	if isKnown && epoch == known {
		return true
	}
	if flags&resentFlags != 0 || isKnown && epoch < known {
		return false
	}
	m.restart(epoch)
	return true
}

func (m *BookMirror) takeUpdate(update *bookUpdate) (bool, error) {
	sequence := update.head.Sequence
	if !m.isOfThisRun(update.head.Epoch, update.head.Flags) {
		return false, nil
	}
	if m.IsCurrent() && sequence == m.sequence+1 {
		return m.change(update), nil
	}
	if sequence <= m.sequence {
		return false, nil
	}
	if !m.isBased && sequence == 1 {
		// The first message of a run finds the book empty.
		m.rows.clear()
		m.isBased, m.reason = true, ""
		isChanged := m.change(update)
		more, err := m.catchUp()
		return isChanged || more, err
	}
	if m.IsCurrent() && update.head.Flags&resentFlags != 0 {
		return false, nil
	}
	m.keep(update)
	if m.IsCurrent() {
		return false, m.gap(sequence)
	}
	return false, nil
}

func (m *BookMirror) keep(update *bookUpdate) {
	sequence := update.head.Sequence
	if _, isKept := m.waiting[sequence]; !isKept {
		for len(m.waiting) >= updatesWaitingMax {
			delete(m.waiting, m.waitingOrder[0])
			m.waitingOrder = m.waitingOrder[1:]
		}
		m.waitingOrder = append(m.waitingOrder, sequence)
	}
	m.waiting[sequence] = update
}

// gap refuses to skip what is missing before a sequence.
func (m *BookMirror) gap(sequence int64) error {
	found := sequenceGap(m.topic, m.sequence+1, sequence-1)
	m.reason = found.reason()
	return found
}

func (m *BookMirror) takeImage(image *Image) (bool, error) {
	if !m.isOfThisRun(image.Epoch, image.Flags) || m.isBased && image.Sequence < m.sequence {
		return false, nil // The rows are newer already, and never go back.
	}
	m.rows.clear()
	m.sequence = image.Sequence
	m.isKnown = image.Rows != nil
	m.isBased, m.reason = true, ""
	m.note(image.Flags &^ FlagSnapshot)
	for _, row := range image.Rows {
		if !m.put(row) {
			return true, nil
		}
	}
	_, err := m.catchUp()
	return true, err
}

// catchUp applies the updates that were kept, as far as they follow the rows without a hole.
func (m *BookMirror) catchUp() (bool, error) {
	isChanged := false
	sequences := m.waitingOrder
	m.waitingOrder = nil
	sort.Slice(sequences, func(i, j int) bool { return sequences[i] < sequences[j] })
	for i, sequence := range sequences {
		if !m.IsCurrent() || sequence > m.sequence+1 {
			m.waitingOrder = sequences[i:]
			if m.IsCurrent() {
				return isChanged, m.gap(sequence)
			}
			return isChanged, nil
		}
		update := m.waiting[sequence]
		delete(m.waiting, sequence)
		if sequence > m.sequence {
			isChanged = m.change(update) || isChanged
		}
	}
	return isChanged, nil
}

func (m *BookMirror) takeGap(gap *Gap) {
	epoch, isKnown := m.epoch.Get()
	if gap.Topic != m.topic || gap.Healed || gap.Epoch != 0 && !(isKnown && gap.Epoch == epoch) {
		return
	}
	if gap.LastMissing > m.sequence {
		m.lose(sequenceGap(gap.Topic, gap.FirstMissing, gap.LastMissing).reason())
	}
}

func (m *BookMirror) takeState(state *State) {
	if !m.isOfThisRun(state.Epoch, state.Flags) {
		return
	}
	isPublic := splitPrivate(state.Kind) == KindState
	// A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
	m.state = state.State.Or("")
	if isPublic {
		m.state = SymbolStateClosed
	}
	if told, ok := state.Details["level2"]; ok {
		m.state, _ = told.(string)
	}
	isStale := m.state != SymbolStateLive && m.state != SymbolStatePending
	if isPublic {
		m.isToldStale = isStale
		m.isFlaggedStale = m.isFlaggedStale && isStale
	} else {
		// The answer on a private topic of the book: nothing will take it back but a message.
		m.isFlaggedStale = isStale
	}
}

func (m *BookMirror) note(flags Flag) {
	m.lastFlags = flags
	m.isFlaggedStale = flags.Has(FlagStale)
}

// change applies the update that is next.
func (m *BookMirror) change(update *bookUpdate) bool {
	m.sequence = update.head.Sequence
	m.isKnown = true
	m.note(update.head.Flags)
	if update.side != SideBid && update.side != SideAsk {
		return m.spoil("a row has an unknown side")
	}
	switch update.action {
	case ActionClear:
		return m.rows.clearSide(update.side)
	case ActionDelete:
		return m.rows.remove(keyOf(update.row))
	case ActionAdd, ActionUpdate:
		m.put(update.row)
		return true
	}
	return m.spoil("a row has an unknown action")
}

func (m *BookMirror) put(row BookRow) bool {
	side := sideOf(row)
	price, hasPrice := priceOf(row).Get()
	if side != SideBid && side != SideAsk || !hasPrice {
		return m.spoil("a row has no side or no price")
	}
	if !m.rows.put(row, price) {
		return m.spoil(fmt.Sprintf("the book has more than %d rows", m.rowsMax))
	}
	return true
}

// spoil gives the rows up: what they say is not what the gateway's book says.
func (m *BookMirror) spoil(reason string) bool {
	m.rows.clear()
	m.reason = reason
	return false
}
