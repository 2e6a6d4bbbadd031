package gatewayclient

import "sort"

// span is a range of sequences, first and last included; first is not above last.
type span struct{ first, last int64 }

func (s span) size() int64 { return s.last - s.first + 1 }

// joined sorts spans and joins those that touch or overlap.
func joined(spans []span) []span {
	sorted := append([]span(nil), spans...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].first < sorted[j].first })
	found := sorted[:0]
	for _, s := range sorted {
		if n := len(found); n > 0 && s.first <= found[n-1].last+1 {
			if s.last > found[n-1].last {
				found[n-1].last = s.last
			}
			continue
		}
		found = append(found, s)
	}
	return found
}

// without cuts spans, in any order and partly or wholly outside too, out of another one.
func without(whole span, taken []span) []span {
	var left []span
	for _, cut := range joined(taken) {
		if cut.last < whole.first {
			continue
		}
		if cut.first > whole.last {
			break
		}
		if cut.first > whole.first {
			left = append(left, span{whole.first, cut.first - 1})
		}
		whole.first = cut.last + 1
	}
	if whole.first <= whole.last {
		left = append(left, whole)
	}
	return left
}
