package main

import (
	"sort"
	"strconv"

	client "iqfeed-gateway/clients/go"
)

// account is what became of the sequences of one topic in one epoch.
type account struct {
	delivered map[int64]int
	lost      map[int64]bool
}

type accountKey struct {
	topic string
	epoch int64
}

// ledger notes all that was consumed, by topic and epoch.
type ledger map[accountKey]*account

func (l ledger) account(topic string, epoch int64) *account {
	key := accountKey{topic, epoch}
	if l[key] == nil {
		l[key] = &account{map[int64]int{}, map[int64]bool{}}
	}
	return l[key]
}

func (l ledger) note(item client.Item) {
	switch it := item.(type) {
	case *client.Trade:
		l.noteMessage(&it.Header)
	case *client.Correction:
		l.noteMessage(&it.Header)
	case *client.News:
		l.noteMessage(&it.Header)
	case *client.Gap:
		if it.IsFinal {
			found := l.account(it.Topic, it.Epoch)
			for sequence := it.FirstMissing; sequence <= it.LastMissing; sequence++ {
				found.lost[sequence] = true
			}
		}
	}
}

func (l ledger) noteMessage(head *client.Header) {
	l.account(head.Kind+","+head.Symbol+",", head.Epoch).delivered[head.Sequence]++
}

// told sums up a topic over all epochs.
func (l ledger) told(topic string) map[string]any {
	var delivered, repeated, lost, holes int64
	for key, found := range l {
		if key.topic != topic {
			continue
		}
		delivered += int64(len(found.delivered))
		lost += int64(len(found.lost))
		var known []int64
		for sequence, count := range found.delivered {
			known = append(known, sequence)
			if count > 1 {
				repeated++
			}
		}
		firstDelivered := int64(-1)
		sort.Slice(known, func(i, j int) bool { return known[i] < known[j] })
		if len(known) > 0 {
			firstDelivered = known[0]
		}
		for sequence := range found.lost {
			if found.delivered[sequence] == 0 {
				known = append(known, sequence)
			}
		}
		sort.Slice(known, func(i, j int) bool { return known[i] < known[j] })
		for i := 1; i < len(known) && firstDelivered >= 0; i++ {
			if known[i-1] >= firstDelivered {
				holes += known[i] - known[i-1] - 1
			}
		}
	}
	text := func(count int64) string { return strconv.FormatInt(count, 10) }
	return map[string]any{"delivered": text(delivered), "repeated": text(repeated), "lost": text(lost), "holes": text(holes)}
}
