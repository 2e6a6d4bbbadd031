package gatewayclient

import (
	"sort"
	"strings"
)

// What is held at the gateway, and when it is to be renewed. No I/O.
//
// Every `subscribe` brings one lease. A lease is renewed at half its life, and every ten seconds at
// least; when so many have gathered that renewing them one by one would be a burden, everything is
// subscribed anew in few requests and the old leases are left to lapse.

const (
	// renewNsMax: a lease is renewed so often at least: it is how the gateway learns of loss and lag.
	renewNsMax = 10_000_000_000
	// doubtNs: when subscriptions were missing and were sent again, the next renewal is this soon.
	doubtNs = 2_000_000_000
	// doubtsMax renewals in a row come early for that.
	doubtsMax = 3
	// leasesMax: more leases than this are replaced by as few as possible at the next renewal.
	leasesMax = 32
)

// lease is one lease.
type lease struct {
	id         string   // The gateway's name for it.
	symbols    []string // The symbols it keeps.
	renewAtNs  int64
	doubts     int // Renewals in a row that came early, because subscriptions were missing.
	isRenewing bool
}

// group is symbols and the kinds wanted of each.
type group struct {
	symbols []string
	kinds   []string
}

// leaseBook is everything wanted and every lease that keeps it.
type leaseBook struct {
	halfLifeNs   int64
	renewNs      int64
	wanted       map[string][]string // Symbol to kinds, in the order asked.
	leases       map[string]*lease
	renewedCount int64
	expiredCount int64
}

func newLeaseBook(leaseS int64) *leaseBook {
	half := leaseS * 500_000_000
	book := &leaseBook{halfLifeNs: half, renewNs: half, wanted: map[string][]string{}, leases: map[string]*lease{}}
	if book.renewNs > renewNsMax {
		book.renewNs = renewNsMax
	}
	return book
}

// want remembers what the gateway accepted.
func (b *leaseBook) want(symbols, kinds []string) {
	for _, symbol := range symbols {
		for _, kind := range kinds {
			if !contains(b.wanted[symbol], kind) {
				b.wanted[symbol] = append(b.wanted[symbol], kind)
			}
		}
	}
}

// drop forgets a symbol, or only some of its kinds when they are not nil; returns the topics dropped.
func (b *leaseBook) drop(symbol string, kinds []string) []string {
	var dropped, left []string
	for _, kind := range b.wanted[symbol] {
		if kinds == nil || contains(kinds, kind) {
			dropped = append(dropped, topicOf(kind, symbol))
		} else {
			left = append(left, kind)
		}
	}
	b.wanted[symbol] = left
	if left == nil {
		delete(b.wanted, symbol)
	}
	return dropped
}

// prune forgets the leases that keep nothing wanted; the caller tells the gateway.
func (b *leaseBook) prune() {
	for id, held := range b.leases {
		isWanted := false
		for _, symbol := range held.symbols {
			isWanted = isWanted || b.isWanted(symbol)
		}
		if !isWanted {
			delete(b.leases, id)
		}
	}
}

func (b *leaseBook) isWanted(symbol string) bool { return len(b.wanted[symbol]) > 0 }

// add remembers a lease just granted.
func (b *leaseBook) add(id string, symbols []string, nowNs int64) {
	b.leases[id] = &lease{id: id, symbols: symbols, renewAtNs: nowNs + b.renewNs}
}

// due takes the leases to be renewed now; each is out until `renewed` or `retry`.
func (b *leaseBook) due(nowNs int64) []*lease {
	var due []*lease
	for _, held := range b.leases {
		if !held.isRenewing && held.renewAtNs <= nowNs {
			held.isRenewing = true
			due = append(due, held)
		}
	}
	return due
}

// hasTooMany tells whether subscribing anew beats renewing one by one.
func (b *leaseBook) hasTooMany() bool { return len(b.leases) > leasesMax }

// renewed notes a successful renewal; when the gateway missed subscriptions the next one is soon.
func (b *leaseBook) renewed(id string, nowNs int64, isInDoubt bool) {
	b.renewedCount++
	waitNs := b.renewNs
	if held := b.leases[id]; held != nil {
		isEarly := isInDoubt && held.doubts < doubtsMax
		held.doubts++
		if !isInDoubt {
			held.doubts = 0
		}
		if isEarly && waitNs > doubtNs {
			waitNs = doubtNs
		}
	}
	b.again(id, nowNs+waitNs)
}

// retry notes a renewal that failed for the moment; several tries fit in what life is left.
func (b *leaseBook) retry(id string, nowNs int64) {
	waitNs := b.halfLifeNs / 8
	if waitNs < 1_000_000_000 {
		waitNs = 1_000_000_000
	}
	b.again(id, nowNs+waitNs)
}

func (b *leaseBook) again(id string, atNs int64) {
	if held := b.leases[id]; held != nil {
		held.renewAtNs = atNs
		held.isRenewing = false
	}
}

// expire notes that the gateway no longer knows a lease; the caller subscribes again. False when the
// lease is none of ours any more.
func (b *leaseBook) expire(id string) bool {
	b.expiredCount++
	_, isOurs := b.leases[id]
	delete(b.leases, id)
	return isOurs
}

// startOver forgets every lease; returns groups that together are all wanted.
func (b *leaseBook) startOver() []group {
	b.leases = map[string]*lease{}
	symbols := make([]string, 0, len(b.wanted))
	for symbol := range b.wanted {
		symbols = append(symbols, symbol)
	}
	sort.Strings(symbols)
	return b.groups(symbols)
}

// groups puts symbols together by the kinds wanted of them, in pieces that one request may carry.
func (b *leaseBook) groups(symbols []string) []group {
	byKinds := newOrdered[*group]()
	for _, symbol := range symbols {
		if !b.isWanted(symbol) {
			continue
		}
		key := strings.Join(b.wanted[symbol], ",")
		byKinds.pushBack(key, &group{kinds: append([]string(nil), b.wanted[symbol]...)})
		found, _ := byKinds.get(key)
		found.symbols = append(found.symbols, symbol)
	}
	var groups []group
	for _, key := range byKinds.keys() {
		found, _ := byKinds.get(key)
		for _, part := range chunks(found.symbols) {
			groups = append(groups, group{part, found.kinds})
		}
	}
	return groups
}

// deadlineNs is the time of the next renewal; 0 without any.
func (b *leaseBook) deadlineNs() int64 {
	var next int64
	for _, held := range b.leases {
		if !held.isRenewing {
			next = sooner(next, held.renewAtNs)
		}
	}
	return next
}

// sooner is the earlier of two times, of which 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}
