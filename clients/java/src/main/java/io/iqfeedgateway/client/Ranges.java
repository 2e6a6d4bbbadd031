package io.iqfeedgateway.client;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Ranges of sequences, first and last included: joined, cut, subtracted. No I/O. */
final class Ranges {
    /** One range; the first is not above the last. */
    record Range(long first, long last) {
        long size() {
            return last - first + 1;
        }
    }

    private Ranges() {
    }

    /** Sorts ranges and joins those that touch or overlap. */
    static List<Range> joined(Collection<Range> ranges) {
        List<Range> sorted = new ArrayList<>(ranges);
        sorted.sort(Comparator.comparingLong(Range::first));
        List<Range> found = new ArrayList<>();
        for (Range range : sorted) {
            int end = found.size() - 1;
            if (end >= 0 && range.first <= found.get(end).last + 1) {
                long last = Math.max(found.get(end).last, range.last);
                found.set(end, new Range(found.get(end).first, last));
            } else {
                found.add(range);
            }
        }
        return found;
    }

    /** Cuts ranges, in any order and partly or wholly outside too, out of another one. */
    static List<Range> without(Range whole, Collection<Range> taken) {
        long first = whole.first;
        List<Range> left = new ArrayList<>();
        for (Range range : joined(taken)) {
            if (range.last < first) {
                continue;
            }
            if (range.first > whole.last) {
                break;
            }
            if (range.first > first) {
                left.add(new Range(first, range.first - 1));
            }
            first = range.last + 1;
        }
        if (first <= whole.last) {
            left.add(new Range(first, whole.last));
        }
        return left;
    }
}
